"""A commit with a deadline of our own, for the moments when nobody can poll for its answer.

A synchronous commit has no time-out: with the coordinator gone it blocks for the session's time-out, which under KIP-848
is not even ours to set. So the commit is sent without waiting, and Kafka is then asked what is committed, which has a
time-out. Both go to the coordinator over one connection, one after the other, so the first answer already tells.
See docs/decisions/0010-revoke-commit.md.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumer.kafka.commit_queue import Metadata, as_topic_partitions
from consumer.kafka.offset_ledger import CommitOffset, PartitionId

_MARK: Final = "confirmed"
_REFUSED_PATIENCE_SECONDS: Final = 1.0
_COMMIT_AGAIN_SECONDS: Final = 0.1


class CommitEnd(StrEnum):
    """What is known of a commit when its time is over."""

    COMMITTED = "committed"
    REFUSED = "refused"
    """The coordinator answers, and still has other offsets."""
    UNANSWERED = "unanswered"
    """It may be committed or not, now or as soon as the coordinator is back."""


def commit_and_confirm(
    consumer: Consumer,
    offsets: Sequence[CommitOffset],
    *,
    seconds: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    metadata: Metadata = lambda _: "",
) -> CommitEnd:
    """Commit, and return once Kafka has the offsets or will not have them; within `seconds`, whatever happens.

    May be called inside a rebalance callback. A refusal is met by committing again for a second at most: the coordinator
    takes no commits while other members still fetch their assignment, and that is soon over. Each attempt's own answer
    comes in later, as `answers_confirmed` tells.
    """
    deadline = now() + seconds
    patient_until = min(deadline, now() + _REFUSED_PATIENCE_SECONDS)

    def marked(partition: PartitionId) -> str:
        return f"{metadata(partition)} {_MARK}".lstrip()

    wanted = {(each.topic, each.partition): each.offset for each in offsets}
    try:
        while True:
            consumer.commit(offsets=as_topic_partitions(offsets, marked), asynchronous=True)
            found = consumer.committed(
                [TopicPartition(*each) for each in wanted], timeout=max(0.0, deadline - now())
            )
            if all(wanted[each.topic, each.partition] == each.offset for each in found):
                return CommitEnd.COMMITTED
            if now() >= patient_until:
                return CommitEnd.REFUSED
            sleep(_COMMIT_AGAIN_SECONDS)
    except KafkaException:
        return CommitEnd.UNANSWERED


def answers_confirmed(partitions: Sequence[TopicPartition]) -> bool:
    """Whether librdkafka's answer to a commit is to one of `commit_and_confirm`, and so to nobody else's."""
    return any(_MARK in (each.metadata or "").split() for each in partitions)
