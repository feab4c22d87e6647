"""The partitions the consumer holds: their numbers, how far they are read, and why they are paused."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition

from consumer.kafka.offset_ledger import PartitionId
from consumer.telemetry.metrics import Metrics


class Assignment:
    """Changed only by the thread that owns the consumer.

    `numbers` and `reasons` are replaced, never changed, so any thread may read them; likewise a copy of `positions`.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._last_number = 0
        self.numbers: Mapping[PartitionId, int] = MappingProxyType({})
        self.positions: dict[PartitionId, int] = {}
        """The next offset to read, of each partition read so far."""
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
        self._renumber({each: n for each, n in self.numbers.items() if each not in gone})
        for each in gone:
            self.positions.pop(each, None)

    def pause(self, consumer: Consumer, reason: str) -> None:
        """Fetch nothing for any partition while this reason stands, those assigned later included."""
        if not self.reasons and self.numbers:
            consumer.pause(_bare(self.numbers))
        self._explain(self.reasons | {reason})

    def resume(self, consumer: Consumer, reason: str) -> None:
        """Withdraw a reason; with the last one fetching goes on."""
        if self.reasons == {reason} and self.numbers:
            consumer.resume(_bare(self.numbers))
        self._explain(self.reasons - {reason})

    def _assign(self, consumer: Consumer, offsets: Mapping[PartitionId, int]) -> int:
        self._last_number += 1
        consumer.incremental_assign(
            [TopicPartition(*each, offset) for each, offset in offsets.items()]
        )
        if self.reasons:
            # A pause does not outlive the assignment it was made in.
            consumer.pause(_bare(offsets))
        self.positions.update({each: offset for each, offset in offsets.items() if offset >= 0})
        self._renumber({**self.numbers, **dict.fromkeys(offsets, self._last_number)})
        return self._last_number

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
