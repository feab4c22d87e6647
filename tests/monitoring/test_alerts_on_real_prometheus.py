"""The alerts that matter most, seen firing: the real service, a real fault, a real Prometheus.

Prometheus scrapes every second, and every `for` and window of the rules is 60 times shorter (`hastened`): what takes five minutes
in production takes five seconds here. Nothing else of the rules is changed but the two limits of lag.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consumer.sandbox.faults import ANY_OPERATION
from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.sandbox.segment_feed import FeedOptions
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.monitoring.prometheus import Prometheus, prometheus
from tests.monitoring.rules import default_values, hastened, rendered
from tests.scenarios.process import ServiceProcess, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(240)]

FIRES_SECONDS = 60
SMALL_FEED = FeedOptions(events=300, people=100)
NEXT_FEED = replace(SMALL_FEED, seed=2)
LAG_SECONDS = {"lagSecondsWarning": 4, "lagSecondsCritical": 8}


@contextmanager
def watched_service(
    directory: Path, settings: Mapping[str, str] | None = None, *, alertmanager_url: str = ""
) -> Iterator[tuple[Surroundings, ServiceProcess, Prometheus]]:
    """A service that has delivered a few events, under a Prometheus in whose eyes nothing is wrong with it."""
    defaults = default_values()
    values = replace(defaults, thresholds={**defaults.thresholds, **LAG_SECONDS})
    rules = hastened(rendered(values), times=60, least_window_seconds=5)
    with (
        EmbeddedCluster() as cluster,
        surroundings(cluster) as around,
        service_processes(directory / "service") as start,
    ):
        process = start({**around.settings, **(settings or {})})
        process.wait_until_ready()
        with prometheus(
            directory / "prometheus",
            target_port=process.http_port,
            rules=rules,
            alertmanager_url=alertmanager_url,
        ) as watcher:
            around.produce_feed(SMALL_FEED)
            around.wait_until_all_committed(seconds=60)
            watcher.wait_for_scrapes(10)
            assert [
                alert for alert in watcher.firing() if alert.labels["severity"] == "critical"
            ] == []
            yield around, process, watcher


def test_nobody_answering_is_told(tmp_path: Path) -> None:
    with watched_service(tmp_path) as (_, process, watcher):
        process.kill()

        alert = watcher.wait_for_alert("SegmentLiveIntentDown", seconds=FIRES_SECONDS)
    assert alert.labels["severity"] == "critical"


def test_a_refused_token_is_told_until_liveintent_takes_it_again(tmp_path: Path) -> None:
    with watched_service(tmp_path) as (around, _, watcher):
        around.add_fault(Fault(kind=FaultKind.UNAUTHORIZED_WRAPPED))
        around.produce_feed(NEXT_FEED)

        alert = watcher.wait_for_alert("SegmentLiveIntentTokenRefused", seconds=FIRES_SECONDS)
        around.clear_faults()
        watcher.wait_until_silent("SegmentLiveIntentTokenRefused", seconds=FIRES_SECONDS)
    assert "until LiveIntent takes its API key" in alert.annotations["description"]


def test_a_liveintent_that_keeps_failing_is_told_with_the_host_that_fails(tmp_path: Path) -> None:
    with watched_service(tmp_path) as (around, _, watcher):
        around.add_fault(Fault(operation=ANY_OPERATION, kind=FaultKind.STATUS, status=503))
        around.produce_feed(NEXT_FEED)

        alert = watcher.wait_for_alert("SegmentLiveIntentCircuitOpen", seconds=FIRES_SECONDS)
    assert alert.labels["host"] == "api"


def test_dead_letters_are_told_with_their_reason(tmp_path: Path) -> None:
    with watched_service(tmp_path) as (around, _, watcher):
        around.produce_feed(replace(NEXT_FEED, undecodable=5))

        alert = watcher.wait_for_alert("SegmentLiveIntentDeadLetters", seconds=FIRES_SECONDS)
    assert alert.labels["reason"] == "undecodable"


def test_an_upload_that_hangs_stalls_its_partitions_and_makes_everything_late(
    tmp_path: Path,
) -> None:
    with watched_service(tmp_path, {"STALLED_AFTER_SECONDS": "6"}) as (around, _, watcher):
        around.add_fault(Fault(kind=FaultKind.STUCK))
        around.produce_feed(NEXT_FEED)

        stalled = watcher.wait_for_alert("SegmentLiveIntentPartitionStalled", seconds=FIRES_SECONDS)
        watcher.wait_for_alert("SegmentLiveIntentLagHigh", seconds=FIRES_SECONDS)
        watcher.wait_for_alert("SegmentLiveIntentLagCritical", seconds=FIRES_SECONDS)
        around.clear_faults()
        watcher.wait_until_silent("SegmentLiveIntentLagCritical", seconds=FIRES_SECONDS)
    assert stalled.labels["topic"] == around.topic
