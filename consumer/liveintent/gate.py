"""The door in front of a host: waits while its circuit is open, and says so once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from consumer.liveintent.circuit import Circuit, CircuitState, Permit
from consumer.liveintent.clock import Clock

# How often those held back look again. They are no more than the slots of `Pacing`, so looking is cheap.
LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """Calls are held back: for how long already, when the next one goes, and why.

    `is_certain` is false while it may be about the few callers that failed only; others get their one call then.
    """

    held_seconds: float
    next_try_seconds: float
    reason: str
    is_certain: bool = True


async def _nothing_changed() -> bool:
    return False


class Passage:
    """One call's way through a gate. Say `answered` or `failed`; unsaid, the call told nothing."""

    def __init__(self, gate: "Gate", permit: Permit) -> None:
        self._gate = gate
        self._permit = permit

    def answered(self) -> None:
        """The host answered."""
        self._gate.note_answer()

    def failed(self, reason: str) -> None:
        """The host failed. `reason` is for people, and safe to show."""
        self._gate.note_failure(self._permit, reason)


class Gate:
    """Lets calls through while the circuit allows it, in no particular order of the waiting.

    `changed` is asked while calls are held back: True lets one through at once.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        clock: Clock,
        on_change: Callable[[Held | None], None],
        changed: Callable[[], Awaitable[bool]] = _nothing_changed,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
    ) -> None:
        self._circuit = circuit
        self._clock = clock
        self._on_change = on_change
        self._changed = changed
        self._look_again_seconds = look_again_seconds
        self._reason = ""

    @property
    def held(self) -> Held | None:
        """Why and since when calls are held back, None when they are not."""
        if self._circuit.opened_at is None:
            return None
        now = self._clock.now()
        return Held(
            held_seconds=now - self._circuit.opened_at,
            next_try_seconds=max(0.0, self._circuit.retry_at - now),
            reason=self._reason,
            is_certain=self._circuit.is_certain,
        )

    @asynccontextmanager
    async def passage(self, caller: str = "") -> AsyncIterator[Passage]:
        """Leave for one call of this caller, waited for as long as it takes. Safe to cancel."""
        while (permit := self._circuit.ask(self._clock.now(), caller)) is None:
            await self._clock.sleep(self._pause_seconds())
            if await self._changed():
                self._circuit.probe_now(self._clock.now())
        try:
            yield Passage(self, permit)
        finally:
            self._circuit.returned(permit)

    def note_answer(self) -> None:
        """The host answered a call."""
        if self._circuit.answered():
            self._on_change(None)

    def note_failure(self, permit: Permit, reason: str) -> None:
        """The host failed a call."""
        self._reason = reason
        opened = self._circuit.failed(permit, now=self._clock.now(), jitter=self._clock.random())
        if opened:
            self._on_change(self.held)

    def _pause_seconds(self) -> float:
        if self._circuit.state is CircuitState.HALF_OPEN:
            return self._look_again_seconds
        remaining = self._circuit.retry_at - self._clock.now()
        return min(self._look_again_seconds, max(remaining, 0.0))
