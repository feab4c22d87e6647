from collections.abc import Sequence
from typing import cast

import pytest
from confluent_kafka import Consumer, TopicPartition
from prometheus_client import CollectorRegistry

from consumer.kafka.assignment import Assignment
from consumer.kafka.connection import KafkaConnection, consumer_properties
from consumer.kafka.listener_bridge import DRAIN_MARGIN_SECONDS, ListenerBridge
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.rebalances import REVOKE_COMMIT_SECONDS, Rebalances
from consumer.service.assembly import REVOKE_DRAIN_SECONDS
from consumer.telemetry.metrics import Metrics
from tests.unit.kafka.coordinator import BUSY, GONE, Coordinator

HERE = PartitionId("events", 0)


class DrainedBridge:
    """Stands in for the way to the event loop, where everything is finished."""

    class listener:  # noqa: N801 - an attribute of the real one
        on_assigned = None

    def post(self, call: object, *arguments: object) -> None: ...

    def drain(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        return [CommitOffset(*HERE, 7, 0)]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def revoked(coordinator: Coordinator, metrics: Metrics) -> float:
    """Revoke the one partition; the seconds it took."""
    rebalances = Rebalances(
        assignment=Assignment(metrics),
        bridge=cast("ListenerBridge", DrainedBridge()),
        metrics=metrics,
        now=coordinator.now,
        sleep=coordinator.sleep,
    )
    consumer = cast("Consumer", coordinator)
    rebalances.on_assign(consumer, [TopicPartition(*HERE)])
    rebalances.on_revoke(consumer, [TopicPartition(*HERE)])
    return coordinator.now()


def commits(metrics: Metrics, result: str) -> float | None:
    return metrics.registry.get_sample_value(
        "segment_liveintent_offset_commits_total", {"result": result}
    )


def test_a_last_commit_is_tried_again_while_the_group_is_still_being_shared_out(
    metrics: Metrics,
) -> None:
    coordinator = Coordinator(BUSY, BUSY, None)
    revoked(coordinator, metrics)

    assert coordinator.commits == 3
    assert commits(metrics, "ok") == 1
    assert not commits(metrics, "failed")


def test_a_group_that_never_settles_holds_up_a_revoke_for_a_second_at_most(
    metrics: Metrics,
) -> None:
    assert revoked(Coordinator(BUSY), metrics) == pytest.approx(1.0, abs=0.15)
    assert commits(metrics, "failed") == 1


def test_a_coordinator_that_is_gone_holds_up_a_revoke_for_its_own_bound_and_no_session(
    metrics: Metrics,
) -> None:
    assert revoked(Coordinator(GONE), metrics) == pytest.approx(REVOKE_COMMIT_SECONDS)
    assert commits(metrics, "failed") == 1


def test_a_revoke_is_over_well_before_the_group_gives_us_up() -> None:
    longest_seconds = REVOKE_DRAIN_SECONDS + DRAIN_MARGIN_SECONDS + REVOKE_COMMIT_SECONDS
    properties = consumer_properties(KafkaConnection("kafka:9092", "group"))

    assert longest_seconds < int(properties["session.timeout.ms"]) / 1000
    assert longest_seconds < int(properties["max.poll.interval.ms"]) / 1000
