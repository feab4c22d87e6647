"""How late the event loop runs its timers: what blocks it delays every flush, poll and probe."""

import asyncio
from collections.abc import Callable

from prometheus_client import Gauge


async def measure_loop_lag(
    gauge: Gauge, *, now: Callable[[], float], interval_seconds: float = 0.5
) -> None:
    """Set the gauge to the lateness of a timer, in seconds, once per interval; until cancelled."""
    while True:
        due = now() + interval_seconds
        await asyncio.sleep(interval_seconds)
        gauge.set(max(0.0, now() - due))
