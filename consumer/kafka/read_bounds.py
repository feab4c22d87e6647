"""Where reading ends for now, by partition: nothing from there on is handed over. Belongs to the reader's thread."""

from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, Message, TopicPartition

from consumer.kafka.assignment import Assignment
from consumer.kafka.offset_ledger import PartitionId


class ReadBounds:
    """A partition that reaches its bound is paused there, and goes on from there when the bound is moved on.

    A partition without a bound is read for ever.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._ends: Mapping[PartitionId, int] = {}
        self._held: set[PartitionId] = set()

    def move_on(self, consumer: Consumer, ends: Mapping[PartitionId, int]) -> None:
        """Read up to these offsets, from where each partition was held."""
        before, self._ends = self._ends, ends
        for partition in list(self._held):
            if ends.get(partition, before[partition]) > before[partition]:
                self._held.discard(partition)
                if self._assignment.owns(partition):
                    # What was fetched beyond the old bound was thrown away, and is fetched again.
                    consumer.seek(TopicPartition(*partition, before[partition]))
                    if not self._assignment.reasons:
                        consumer.resume([TopicPartition(*partition)])

    def within(self, consumer: Consumer, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the messages before their partitions' bounds, and hold the partitions of the others there."""
        if not self._ends:
            return messages
        within, beyond = [], set()
        for message in messages:
            partition = PartitionId(message.topic() or "", message.partition() or 0)
            end = self._ends.get(partition)
            if end is None or (message.offset() or 0) < end:
                within.append(message)
            elif self._assignment.owns(partition):
                beyond.add(partition)
        for partition in beyond:
            # Also when it is held: a resume of all partitions has woken it.
            consumer.pause([TopicPartition(*partition)])
            self._held.add(partition)
            self._assignment.reached_end(partition, self._ends[partition])
        return within
