"""What happens when partitions come and go. Runs inside `consume` and `close`, on the reader's thread."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVarTuple, Unpack

import structlog
from confluent_kafka import Consumer, TopicPartition

from consumer.errors import KafkaFatal, SegmentLiveIntentError
from consumer.kafka.assignment import Assignment
from consumer.kafka.commit_queue import Metadata
from consumer.kafka.confirmed_commit import CommitEnd, commit_and_confirm
from consumer.kafka.listener_bridge import ListenerBridge
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

# With no coordinator in reach a revoke waits so long for its commit, and then leaves the records to the next owner.
REVOKE_COMMIT_SECONDS: Final = 3.0

_Arguments = TypeVarTuple("_Arguments")


class CallbackGuard:
    """Keeps the first failure of a callback. librdkafka would finish the rebalance and go on as if nothing were."""

    def __init__(self) -> None:
        self.failure: SegmentLiveIntentError | None = None

    def __call__(
        self, callback: Callable[[Unpack[_Arguments]], None]
    ) -> Callable[[Unpack[_Arguments]], None]:
        """Return the callback, guarded."""

        def guarded(*arguments: *_Arguments) -> None:
            try:
                callback(*arguments)
            except SegmentLiveIntentError as error:
                self.failure = self.failure or error
            except Exception as error:  # noqa: BLE001 - raised by the reader as soon as `consume` returns
                self.failure = self.failure or died_of(error)

        return guarded


class Rebalances:
    """Keeps the assignment, tells the listener, and commits a last time what is revoked."""

    def __init__(
        self,
        *,
        assignment: Assignment,
        bridge: ListenerBridge,
        metrics: Metrics,
        now: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
        metadata: Metadata = lambda _: "",
    ) -> None:
        self._metadata = metadata
        self._sleep = sleep
        self._assignment = assignment
        self._bridge = bridge
        self._metrics = metrics
        self._now = now
        self._taken_away: set[PartitionId] = set()
        self.came_back: set[PartitionId] = set()
        """Partitions that left and came back within this `consume`, whose records may be from before or after."""
        self.last_offsets: Sequence[CommitOffset] | None = None
        """Once the service has drained by itself: what it wants committed last."""
        self.closing = False
        """While the consumer leaves the group, when everything has been said."""

    def forget_last_poll(self) -> None:
        """Call before each `consume`."""
        self._taken_away.clear()
        self.came_back.clear()

    def on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Take partitions over. An empty list is legal: a rebalance that changed nothing for us."""
        self._metrics.rebalances.labels("assigned").inc()
        ids = _ids(partitions)
        if not ids:
            # Told all the same: a member without partitions has what it will get, and is ready.
            self._bridge.post(self._bridge.listener.on_assigned, ids, self._assignment.last_number)
            return
        self.came_back |= self._taken_away & set(ids)
        number = self._assignment.add(consumer, ids)
        log.info("Partitions were assigned.", partitions=len(ids), assignment=number)
        self._bridge.post(self._bridge.listener.on_assigned, ids, number)

    def on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Give partitions back: drain for a bounded time, commit, forget."""
        self._metrics.rebalances.labels("revoked").inc()
        ids = self._ours(partitions)
        if ids and not self.closing:
            log.info("Partitions are revoked.", partitions=len(ids))
            last = self._bridge.drain(ids) if self.last_offsets is None else self.last_offsets
            self._commit(consumer, [each for each in last if PartitionId(*each[:2]) in ids])
        self._forget(ids)

    def on_lost(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Forget partitions that are somebody else's by now. Nothing is committed."""
        self._metrics.rebalances.labels("lost").inc()
        ids = self._ours(partitions)
        if ids:
            log.warning(
                "Partitions were lost; what was read of them is read again.", partitions=len(ids)
            )
            self._bridge.post(self._bridge.listener.on_lost, ids)
        self._forget(ids)

    def _ours(self, partitions: Sequence[TopicPartition]) -> list[PartitionId]:
        return [each for each in _ids(partitions) if self._assignment.owns(each)]

    def _forget(self, partitions: Sequence[PartitionId]) -> None:
        self._taken_away.update(partitions)
        self.came_back.difference_update(partitions)
        self._assignment.remove(partitions)

    def _commit(self, consumer: Consumer, offsets: Sequence[CommitOffset]) -> None:
        """Commit at once: nobody polls for an answer here."""
        if not offsets:
            return
        started = self._now()
        end = commit_and_confirm(
            consumer, offsets, seconds=REVOKE_COMMIT_SECONDS, now=self._now, sleep=self._sleep,
            metadata=self._metadata,
        )  # fmt: skip
        if end is CommitEnd.COMMITTED:
            self._metrics.offset_commits.labels("ok").inc()
            self._metrics.offset_commit_seconds.observe(self._now() - started)
        else:
            self._metrics.offset_commits.labels("failed").inc()
            log.warning(
                "Offsets of revoked partitions were not committed; the next owner reads their records again.",
                end=end, partitions=len(offsets),
            )  # fmt: skip


def died_of(error: Exception) -> KafkaFatal:
    """Return the error that ends the process because the reader cannot go on. Names the kind, not the contents."""
    fatal = KafkaFatal(f"The record reader failed with {type(error).__name__}.")
    fatal.__cause__ = error
    return fatal


def _ids(partitions: Sequence[TopicPartition]) -> list[PartitionId]:
    return [PartitionId(each.topic, each.partition) for each in partitions]
