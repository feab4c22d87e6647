"""The partitions the consumer holds: their numbers, how far they are read, and why they are paused."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition

from consumer.kafka.offset_ledger import PartitionId
from consumer.telemetry.metrics import Metrics


def _nothing() -> None:
    pass


class Assignment:
    """Changed only by the thread that owns the consumer.

    `numbers` and `reasons` are replaced, never changed, so any thread may read them; likewise a copy of `positions`.
    """

    def __init__(self, metrics: Metrics, *, on_departure: Callable[[], None] = _nothing) -> None:
        """`on_departure` is called whenever a partition leaves us, before anybody is told."""
        self._metrics = metrics
        self._on_departure = on_departure
        self.last_number = 0
        """The number of the latest assignment."""
        self.numbers: Mapping[PartitionId, int] = MappingProxyType({})
        self.positions: dict[PartitionId, int] = {}
        """The next offset to read, of each partition read so far."""
        self.ends: dict[PartitionId, int] = {}
        """Where each partition's log ended when we had read all of it: past transactions' markers, which are no records."""
        self.reasons: frozenset[str] = frozenset()
        """Why partitions are paused; all are while there is any."""

    def owns(self, partition: PartitionId) -> bool:
        """Whether the partition is ours."""
        return partition in self.numbers

    def add(self, consumer: Consumer, partitions: Collection[PartitionId]) -> int:
        """Start reading the partitions where the group left off; returns the number of this assignment."""
        return self._assign(consumer, dict.fromkeys(partitions, OFFSET_INVALID))

    def restart(self, consumer: Consumer, offsets: Mapping[PartitionId, int]) -> int:
        """Read partitions we own from these offsets on (OFFSET_INVALID: where the group left off), as a new assignment.

        Anything librdkafka fetched for them is thrown away.
        """
        consumer.incremental_unassign(_bare(offsets))
        self.remove(offsets)
        return self._assign(consumer, offsets)

    def remove(self, partitions: Iterable[PartitionId]) -> None:
        """Forget partitions that left us."""
        gone = set(partitions)
        if gone:
            self._on_departure()
        self._renumber({each: n for each, n in self.numbers.items() if each not in gone})
        for each in gone:
            self.positions.pop(each, None)
            self.ends.pop(each, None)

    def has_not_begun(self, partition: PartitionId) -> bool:
        """Whether the partition is ours, and nothing has come of it yet."""
        return (
            self.owns(partition) and partition not in self.positions and partition not in self.ends
        )

    def reached_end(self, partition: PartitionId, offset: int) -> None:
        """Take note that there is nothing to read below this offset."""
        if self.owns(partition):
            self.ends[partition] = offset

    def pause(self, consumer: Consumer, reason: str) -> None:
        """Fetch nothing for any partition while this reason stands, those assigned later included."""
        if not self.reasons and self.numbers:
            consumer.pause(_bare(self.numbers))
        if reason not in self.reasons:
            self._metrics.pauses.labels(reason).inc()
        self._explain(self.reasons | {reason})

    def resume(self, consumer: Consumer, reason: str) -> None:
        """Withdraw a reason; with the last one fetching goes on."""
        if self.reasons == {reason} and self.numbers:
            consumer.resume(_bare(self.numbers))
        self._explain(self.reasons - {reason})

    def _assign(self, consumer: Consumer, offsets: Mapping[PartitionId, int]) -> int:
        self.last_number += 1
        consumer.incremental_assign(
            [TopicPartition(*each, offset) for each, offset in offsets.items()]
        )
        # To librdkafka a partition that left while it was paused is still paused when it comes back, even if all others
        # were resumed meanwhile: it would never be read (seen with librdkafka 2.16).
        if self.reasons:
            consumer.pause(_bare(offsets))
        else:
            consumer.resume(_bare(offsets))
        self.positions.update({each: offset for each, offset in offsets.items() if offset >= 0})
        self._renumber({**self.numbers, **dict.fromkeys(offsets, self.last_number)})
        return self.last_number

    def _renumber(self, numbers: dict[PartitionId, int]) -> None:
        self.numbers = MappingProxyType(numbers)
        self._metrics.assigned_partitions.set(len(numbers))
        self._count_paused()

    def _explain(self, reasons: frozenset[str]) -> None:
        self.reasons = reasons
        self._count_paused()

    def _count_paused(self) -> None:
        self._metrics.partitions_paused.set(len(self.numbers) if self.reasons else 0)


def _bare(partitions: Iterable[PartitionId]) -> list[TopicPartition]:
    return [TopicPartition(*each) for each in partitions]
