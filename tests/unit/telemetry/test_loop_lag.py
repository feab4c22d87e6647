import asyncio

import pytest
from prometheus_client import Gauge

from consumer.telemetry.loop_lag import measure_loop_lag


async def seen_with(times: list[float]) -> float:
    """The gauge after one timer of an invented clock."""
    gauge = Gauge("lag_seconds", "Lag.", registry=None)
    gauge.set(-1)
    clock = iter(times)
    measured = asyncio.Event()

    def now() -> float:
        try:
            return next(clock)
        except StopIteration:
            measured.set()
            return 0.0

    task = asyncio.create_task(measure_loop_lag(gauge, now=now, interval_seconds=0.001))
    try:
        async with asyncio.timeout(5):
            await measured.wait()
        (sample,) = next(iter(gauge.collect())).samples
        return sample.value
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_late_timer_is_measured() -> None:
    assert await seen_with([10.0, 10.251]) == pytest.approx(0.25)


async def test_a_timer_in_time_is_no_lag() -> None:
    assert await seen_with([10.0, 10.0005]) == 0
