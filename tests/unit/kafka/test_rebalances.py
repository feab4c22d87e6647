from collections.abc import Sequence
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from prometheus_client import CollectorRegistry

from consumer.kafka.assignment import Assignment
from consumer.kafka.listener_bridge import ListenerBridge
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.rebalances import Rebalances
from consumer.telemetry.metrics import Metrics

BUSY, GONE = KafkaError.REBALANCE_IN_PROGRESS, KafkaError.UNKNOWN_MEMBER_ID
HERE = PartitionId("events", 0)


class CoordinatorThatAnswers:
    """Stands in for the consumer: each commit meets the next answer, the last one for ever."""

    def __init__(self, *codes: int | None) -> None:
        self.codes = list(codes)
        self.commits = 0

    def incremental_assign(self, partitions: list[TopicPartition]) -> None: ...

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        self.commits += 1
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        if code is not None:
            raise KafkaException(KafkaError(code))
        return offsets


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


def revoked(coordinator: CoordinatorThatAnswers, metrics: Metrics) -> float:
    """Revoke the one partition; the seconds that were slept for it."""
    clock = [0.0]
    rebalances = Rebalances(
        assignment=Assignment(metrics),
        bridge=cast("ListenerBridge", DrainedBridge()),
        metrics=metrics,
        now=lambda: clock[0],
        sleep=lambda seconds: clock.__setitem__(0, clock[0] + seconds),
    )
    consumer = cast("Consumer", coordinator)
    rebalances.on_assign(consumer, [TopicPartition(*HERE)])
    rebalances.on_revoke(consumer, [TopicPartition(*HERE)])
    return clock[0]


def commits(metrics: Metrics, result: str) -> float | None:
    return metrics.registry.get_sample_value(
        "segment_liveintent_offset_commits_total", {"result": result}
    )


def test_a_last_commit_is_tried_again_while_the_group_is_still_being_shared_out(
    metrics: Metrics,
) -> None:
    coordinator = CoordinatorThatAnswers(BUSY, BUSY, None)
    revoked(coordinator, metrics)

    assert coordinator.commits == 3
    assert commits(metrics, "ok") == 1
    assert commits(metrics, "failed") is None


def test_a_group_that_never_settles_holds_up_a_revoke_for_a_second_at_most(
    metrics: Metrics,
) -> None:
    assert revoked(CoordinatorThatAnswers(BUSY), metrics) == pytest.approx(1.0, abs=0.15)
    assert commits(metrics, "failed") == 1


def test_a_member_that_was_thrown_out_does_not_try_again(metrics: Metrics) -> None:
    coordinator = CoordinatorThatAnswers(GONE)

    assert revoked(coordinator, metrics) == 0
    assert coordinator.commits == 1
