from dataclasses import dataclass

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.kafka.commit_queue import CommitQueue, as_topic_partitions
from consumer.kafka.group_lease import GroupLease
from consumer.kafka.offset_ledger import CommitOffset
from tests.unit.kafka.scripted_consumer import ScriptedConsumer

SEVEN = CommitOffset("events", 0, 7, 3)
NINE = CommitOffset("events", 0, 9, None)
OTHER = CommitOffset("events", 1, 5, None)


@dataclass
class PartitionAnswer:
    """librdkafka's answer for one partition; its own class takes no error from Python."""

    error: KafkaError | None


class Scene:
    def __init__(self) -> None:
        self.consumer = ScriptedConsumer([])
        self.time = 0.0
        self.lease = GroupLease(seconds=10.0)
        self.queue = CommitQueue(
            lambda partition: partition.partition == 0, lease=self.lease, now=lambda: self.time
        )
        self.answers: list[Exception | None] = []

    def submit(self, *offsets: CommitOffset) -> None:
        self.queue.submit(self.consumer, offsets, self.answers.append)  # type: ignore[arg-type]

    def answer(self, error: KafkaError | None = None, *partitions: PartitionAnswer) -> None:
        self.queue.answer(self.consumer, error, partitions)  # type: ignore[arg-type]

    @property
    def sent(self) -> list[list[tuple[int, int]]]:
        return self.consumer.called("commit")


def test_the_next_commit_is_sent_when_the_one_before_is_answered() -> None:
    scene = Scene()
    scene.submit(SEVEN)
    scene.submit(NINE)
    assert scene.sent == [[(0, 7)]]

    scene.answer()

    assert scene.sent == [[(0, 7)], [(0, 9)]]
    assert scene.answers == [None]
    assert not scene.queue.idle
    scene.answer()
    assert scene.queue.idle


def test_an_offset_carries_its_leader_epoch() -> None:
    seven, nine = as_topic_partitions([SEVEN, NINE])

    assert (seven.offset, seven.leader_epoch) == (7, 3)
    assert nine.offset == 9
    assert "leader_epoch=None" in repr(nine)


def test_an_error_of_a_single_partition_is_an_error() -> None:
    scene = Scene()
    scene.submit(SEVEN)

    scene.answer(None, PartitionAnswer(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))

    (error,) = scene.answers
    assert isinstance(error, KafkaException)
    assert error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_commit_librdkafka_refuses_at_once_is_answered_and_does_not_hold_up_the_next() -> None:
    scene = Scene()
    scene.consumer.commit_error = KafkaError(KafkaError._STATE)

    scene.submit(SEVEN)

    assert isinstance(scene.answers[0], KafkaException)
    assert scene.queue.idle


def test_what_is_not_ours_is_left_out_and_nothing_left_is_no_error() -> None:
    scene = Scene()
    scene.submit(OTHER)
    scene.submit(OTHER, SEVEN)

    assert scene.answers == [None]
    assert scene.sent == [[(0, 7)]]


def test_an_answer_nobody_waits_for_is_harmless() -> None:
    scene = Scene()

    scene.answer()

    assert scene.answers == []


def test_an_answered_commit_proves_that_we_are_in_the_group() -> None:
    scene = Scene()
    scene.submit(SEVEN)
    scene.time = 4.0
    assert not scene.lease.holds(4.0)

    scene.answer()

    assert scene.lease.holds(9.9)
    assert not scene.lease.holds(10.0)


@pytest.mark.parametrize(
    ("code", "proves"),
    [
        (KafkaError.REBALANCE_IN_PROGRESS, True),
        (KafkaError.UNKNOWN_MEMBER_ID, False),
        (KafkaError.ILLEGAL_GENERATION, False),
        (KafkaError.FENCED_INSTANCE_ID, False),
        (KafkaError._TRANSPORT, False),
    ],
)
def test_only_an_answer_that_members_get_proves_membership(code: int, proves: bool) -> None:
    scene = Scene()
    scene.submit(SEVEN)

    scene.answer(KafkaError(code))

    assert scene.lease.holds(1.0) == proves
