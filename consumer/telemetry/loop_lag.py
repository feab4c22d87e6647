"""How late the event loop runs its timers: what blocks it delays every flush, poll and probe."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from prometheus_client import Gauge

# Longer than Prometheus usually takes between two scrapes, so that none misses a block between them.
REMEMBERED_SECONDS: Final = 60.0


class Lateness:
    """How late one recurring timer was, at worst, within the last minute. Pure: the clock is the caller's."""

    def __init__(self) -> None:
        self._due: float | None = None
        # By time, each less late than the one before it: the first is the worst.
        self._worst: deque[tuple[float, float]] = deque()

    def expect(self, due: float) -> None:
        """The timer is to run at this time."""
        self._due = due

    def ran(self, now: float) -> None:
        """The timer runs."""
        late = 0.0 if self._due is None else max(0.0, now - self._due)
        while self._worst and self._worst[-1][1] <= late:
            self._worst.pop()
        self._worst.append((now, late))
        self._due = None

    def worst(self, now: float) -> float:
        """The longest within the last minute, in seconds. A timer that is overdue and has not run yet counts as well."""
        while self._worst and self._worst[0][0] < now - REMEMBERED_SECONDS:
            self._worst.popleft()
        overdue = 0.0 if self._due is None else max(0.0, now - self._due)
        return max(overdue, self._worst[0][1] if self._worst else 0.0)


async def measure_loop_lag(
    gauge: Gauge, *, now: Callable[[], float], interval_seconds: float = 0.5
) -> None:
    """Have the gauge show the lateness of a timer, in seconds; until cancelled."""
    lateness = Lateness()
    gauge.set_function(lambda: lateness.worst(now()))
    while True:
        lateness.expect(now() + interval_seconds)
        await asyncio.sleep(interval_seconds)
        lateness.ran(now())
