"""When to stop calling a host that fails, and when to try it again. Pure: time and chance are passed in."""

from dataclasses import dataclass
from enum import StrEnum

from consumer.liveintent.retry_schedule import RetrySchedule

CIRCUIT_SCHEDULE = RetrySchedule(first_seconds=5.0, max_seconds=300.0)


class CircuitState(StrEnum):
    """Closed: calls go through. Open: none does. Half open: one goes, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call for `caller`. `generation` tells results from before the last opening."""

    generation: int
    is_probe: bool
    caller: str


class Circuit:
    """Closed, open after consecutive failures, then one probe after each of ever longer waits.

    They may all be those of one caller whose calls alone fail. So until as many different callers have failed as it takes
    failures to open, a caller that has not failed since the host last answered need not wait: it probes at once.
    """

    def __init__(
        self, *, failures_to_open: int = 5, schedule: RetrySchedule = CIRCUIT_SCHEDULE
    ) -> None:
        self._failures_to_open = failures_to_open
        self._schedule = schedule
        self._failures = 0
        self._failing: set[str] = set()
        self._openings = 0
        self._generation = 0
        self._opened_at: float | None = None
        self._retry_at = 0.0
        self._probing = False

    @property
    def state(self) -> CircuitState:
        """The state as of the last event."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.HALF_OPEN if self._probing else CircuitState.OPEN

    @property
    def opened_at(self) -> float | None:
        """Since when calls have been held back, None when they are not."""
        return self._opened_at

    @property
    def retry_at(self) -> float:
        """When the next probe may go, while open."""
        return self._retry_at

    @property
    def is_certain(self) -> bool:
        """Whether so many different callers have failed that it must be the host, not what one of them asks for."""
        return len(self._failing) >= self._failures_to_open

    def ask(self, now: float, caller: str = "") -> Permit | None:
        """Leave for one call, or None: not now. Every permit must be answered, failed or returned."""
        if self._opened_at is None:
            return Permit(self._generation, is_probe=False, caller=caller)
        may_differ = caller not in self._failing and not self.is_certain
        if self._probing or (now < self._retry_at and not may_differ):
            return None
        self._probing = True
        return Permit(self._generation, is_probe=True, caller=caller)

    def answered(self) -> bool:
        """The host answered one of our calls: all is well. True when this closed the circuit."""
        closed = self._opened_at is not None
        self._failures = self._openings = 0
        self._failing.clear()
        self._opened_at = None
        self._probing = False
        return closed

    def failed(self, permit: Permit, *, now: float, jitter: float) -> bool:
        """A call failed. True when this opened the circuit, which says so once per outage."""
        self._failing.add(permit.caller)
        if permit.generation != self._generation:
            return False  # a call from before the last opening says nothing new
        self._failures += 1
        if self._opened_at is None and self._failures < self._failures_to_open:
            return False
        first = self._opened_at is None
        self._opened_at = now if self._opened_at is None else self._opened_at
        # Half of the wait is certain: with none at all an open circuit would hold nothing back.
        self._retry_at = now + self._schedule.wait_seconds(self._openings, jitter=0.5 + jitter / 2)
        self._openings += 1
        self._generation += 1
        self._probing = False
        return first

    def returned(self, permit: Permit) -> None:
        """The call was not made, or told nothing about the host: the next one may probe."""
        if permit.is_probe and permit.generation == self._generation:
            self._probing = False

    def probe_now(self, now: float) -> None:
        """Something changed on our side: the next call may go at once."""
        self._retry_at = min(self._retry_at, now)
