"""Every panel shows something once a real Prometheus has watched the real service through load and faults."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from consumer.sandbox.faults import ANY_OPERATION
from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.sandbox.segment_feed import FeedOptions
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.monitoring.boards import boards, targets, with_values
from tests.monitoring.prometheus import Prometheus, prometheus
from tests.monitoring.rules import default_values, rendered
from tests.scenarios.process import ServiceProcess, eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(240)]

FEED = FeedOptions(events=400, people=200, undecodable=3)
DEADLINES = {"UPLOAD_LIST_DEADLINE_SECONDS": "2", "UPLOAD_FINISH_DEADLINE_SECONDS": "2"}
OUTAGE = Fault(operation=ANY_OPERATION, kind=FaultKind.STATUS, status=503)
PASSING_FAULTS = (
    Fault(kind=FaultKind.UPLOAD_ERROR, times=1),
    Fault(operation="mint", kind=FaultKind.STATUS, status=503, times=1),
)
MAY_BE_EMPTY = {
    ("Replay", "{{replay_id}}"): "there is a series for each replay under way, and here is none",
    **dict.fromkeys(
        [
            ("Direct calls by outcome", "{{sink}} {{outcome}}"),
            ("Direct calls under way", "waiting: {{sink}}"),
            ("Direct calls under way", "in flight: {{sink}}"),
            ("Slowest direct calls", "{{sink}}"),
        ],
        "direct calls are off by default, and off they have no series",
    ),
}


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen a service deliver, fail in every way the boards know, and recover."""
    directory = tmp_path_factory.mktemp("watched")
    with (
        EmbeddedCluster() as cluster,
        surroundings(cluster) as around,
        service_processes(directory / "service") as start,
    ):
        process = start({**around.settings, **DEADLINES})
        process.wait_until_ready()
        rules = rendered(default_values())
        with prometheus(
            directory / "prometheus", target_port=process.http_port, rules=rules
        ) as watcher:
            watcher.wait_for_scrapes(2)
            live_through_a_bad_day(around, process, cluster)
            watcher.wait_for_scrapes(3)
            yield watcher


def live_through_a_bad_day(
    around: Surroundings, process: ServiceProcess, cluster: EmbeddedCluster
) -> None:
    for fault in PASSING_FAULTS:
        around.add_fault(fault)
    around.produce_feed(FEED)
    around.wait_until_all_committed(seconds=60)

    around.add_fault(Fault(kind=FaultKind.STUCK))
    around.produce_feed(replace(FEED, seed=2))
    eventually("an upload is overdue", lambda: process.metric("uploads_overdue"))
    around.clear_faults()
    around.wait_until_all_committed(seconds=60)

    around.add_fault(OUTAGE)
    around.produce_feed(replace(FEED, seed=3))
    eventually("calls are held back", lambda: process.metric("circuit_open"))
    around.produce_feed(replace(FEED, seed=4, events=5000))
    eventually("nothing is taken", lambda: process.metric("intake_blocked"))
    eventually("reading is paused", lambda: process.metric("pauses_total"))
    around.clear_faults()
    around.wait_until_all_committed(seconds=90)

    cluster.set_broker_down()
    eventually("Kafka's errors are counted", lambda: process.metric("kafka_errors_total"))
    cluster.set_broker_up()
    eventually("the partitions are back", lambda: owns_partitions_and_knows_their_lag(process))


def owns_partitions_and_knows_their_lag(process: ServiceProcess) -> bool:
    metrics = process.metrics()
    return bool(metrics["assigned_partitions"]) and metrics.get("consumer_lag_records") == 0


def test_every_panel_shows_something(watcher: Prometheus) -> None:
    empty = {
        (target.panel, target.legend)
        for board in boards().values()
        for target in targets(board)
        if not watcher.query(with_values(target.expression))
    }

    assert empty == MAY_BE_EMPTY.keys()
