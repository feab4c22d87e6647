"""Asynchronous commits, one at a time, from the thread that owns the consumer."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.kafka.group_lease import GroupLease
from consumer.kafka.offset_ledger import CommitOffset, PartitionId

CommitDone = Callable[[Exception | None], None]
Metadata = Callable[[PartitionId], str]
"""What is to stand beside a partition's offset."""

_EPOCH_UNKNOWN = -1


class _Request(NamedTuple):
    offsets: Sequence[CommitOffset]
    done: CommitDone


class CommitQueue:
    """Sends commits in turn, so that each answer of librdkafka belongs to the one request that is out.

    Belongs to the reader's thread. An answer always comes in the end, but with no coordinator in reach only after
    about the session's time-out.
    """

    def __init__(
        self,
        owns: Callable[[PartitionId], bool],
        *,
        lease: GroupLease,
        now: Callable[[], float],
        metadata: Metadata = lambda _: "",
    ) -> None:
        self._owns = owns
        self._metadata = metadata
        self._lease = lease
        self._now = now
        self._waiting: deque[_Request] = deque()
        self._out: _Request | None = None
        self._claim = lease.claim(now())

    @property
    def idle(self) -> bool:
        """Whether every request was answered."""
        return self._out is None and not self._waiting

    def submit(self, consumer: Consumer, offsets: Sequence[CommitOffset], done: CommitDone) -> None:
        """Commit as soon as the commits before it are answered; `done` gets None or what went wrong.

        Offsets of partitions that are no longer ours are left out: a broker would take them, and move the offset
        under their new owner.
        """
        self._waiting.append(_Request(offsets, done))
        self._send_next(consumer)

    def answer(
        self, consumer: Consumer, error: KafkaError | None, partitions: Sequence[TopicPartition]
    ) -> None:
        """Take librdkafka's word on the request that is out."""
        request, self._out = self._out, None
        if request is not None:
            failure = _failure(error, partitions)
            if _proves_membership(failure):
                self._lease.confirm(self._claim)
            request.done(failure)
        self._send_next(consumer)

    def give_up(self, error: Exception) -> None:
        """Answer every request with this error: the thread is about to end."""
        left = [*([self._out] if self._out is not None else []), *self._waiting]
        self._out = None
        self._waiting.clear()
        for request in left:
            request.done(error)

    def _send_next(self, consumer: Consumer) -> None:
        while self._out is None and self._waiting:
            request = self._waiting.popleft()
            owned = [offset for offset in request.offsets if self._owns(PartitionId(*offset[:2]))]
            if not owned:
                request.done(None)
                continue
            claim = self._lease.claim(self._now())
            try:
                consumer.commit(
                    offsets=as_topic_partitions(owned, self._metadata), asynchronous=True
                )
            except KafkaException as error:
                request.done(error)
                continue
            self._out = request
            self._claim = claim


def as_topic_partitions(
    offsets: Sequence[CommitOffset], metadata: Metadata = lambda _: ""
) -> list[TopicPartition]:
    """Return the offsets as librdkafka takes them, each with its leader epoch.

    Without the epoch a log that was truncated after a leader change cannot be told from one that was not
    (source: KAFKA-20507), and the group may be sent back to its start.
    """
    return [
        TopicPartition(
            each.topic,
            each.partition,
            each.offset,
            metadata(PartitionId(each.topic, each.partition)),
            _EPOCH_UNKNOWN if each.leader_epoch is None else each.leader_epoch,
        )
        for each in offsets
    ]


def _proves_membership(failure: KafkaException | None) -> bool:
    """Whether only a member of the group can have been answered so."""
    return failure is None or failure.args[0].code() == KafkaError.REBALANCE_IN_PROGRESS


def _failure(
    error: KafkaError | None, partitions: Sequence[TopicPartition]
) -> KafkaException | None:
    """The whole commit's error, or else the first partition's own."""
    if error is not None:
        return KafkaException(error)
    return next((KafkaException(each.error) for each in partitions if each.error), None)
