import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from consumer.telemetry.loop_lag import REMEMBERED_SECONDS, Lateness, measure_loop_lag
from consumer.telemetry.metrics import Metrics

runs = st.lists(
    st.tuples(st.floats(0.01, 40), st.floats(0, 5)),  # how long after the last one, and how late
    max_size=30,
)


@given(runs, st.floats(0, 100))
def test_the_worst_of_the_last_minute_is_shown(
    spans: list[tuple[float, float]], silence: float
) -> None:
    lateness, now, ran = Lateness(), 0.0, []
    for span, late in spans:
        lateness.expect(now + span)
        now = now + span + late
        lateness.ran(now)
        ran.append((now, late))
    now += silence

    recent = [late for at, late in ran if at >= now - REMEMBERED_SECONDS]
    assert lateness.worst(now) == pytest.approx(max(recent, default=0.0), abs=1e-6)


def test_a_timer_that_is_overdue_counts_before_it_has_run() -> None:
    lateness = Lateness()
    lateness.expect(10.0)

    assert lateness.worst(9.0) == 0
    assert lateness.worst(13.5) == 3.5


def test_a_timer_that_runs_too_early_is_no_lag() -> None:
    lateness = Lateness()
    lateness.expect(10.0)
    lateness.ran(9.9)

    assert lateness.worst(9.9) == 0


async def test_a_loop_that_was_blocked_shows_in_the_metric_when_it_is_read_next() -> None:
    metrics = Metrics(CollectorRegistry())
    measuring = asyncio.create_task(
        measure_loop_lag(metrics.event_loop_lag, now=time.monotonic, interval_seconds=0.01)
    )
    try:
        await asyncio.sleep(0.02)
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            pass  # what a scrape would see if it were the first to run after the block

        shown = metrics.registry.get_sample_value("segment_liveintent_event_loop_lag_seconds")
        assert shown is not None
        assert shown > 0.25
        await asyncio.sleep(0.05)
        later = metrics.registry.get_sample_value("segment_liveintent_event_loop_lag_seconds")
        assert later is not None
        assert later > 0.25
    finally:
        measuring.cancel()
        await asyncio.wait({measuring})
