"""The replay markers of the partitions we hold, carried on from commit to commit.

A commit replaces the metadata of the one before it, and with it the marker that tells that a replay was carried out and
how far it reaches. So the reader's thread reads each marker as its partition is assigned, before a record of it is handed
over, and every commit repeats it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_marker import ReplayMarker

_ANSWER_SECONDS: Final = 1.0
_ASK_AGAIN_SECONDS: Final = 5.0


class CarriedMarkers:
    """Belongs to the reader's thread. `markers` is replaced, never changed, so any thread may read it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[PartitionId, tuple[int, ReplayMarker | None]] = {}
        self._seen: Mapping[PartitionId, int] = MappingProxyType({})
        self._ask_again_at = 0.0
        self.markers: Mapping[PartitionId, ReplayMarker] = MappingProxyType({})

    def metadata(self, partition: PartitionId) -> str:
        """Return what goes with the partition's next commit."""
        marker = self.markers.get(partition)
        return "" if marker is None else str(marker)

    def look(self, consumer: Consumer, assignment: Mapping[PartitionId, int]) -> KafkaError | None:
        """Read the markers of partitions that came since; `assignment` holds ours, each with its assignment's number.

        Blocks for a second at most. Returns what Kafka said if it did not tell: it is asked again in a moment, and
        commits made meanwhile carry nothing.
        """
        if assignment is self._seen or self._now() < self._ask_again_at:
            return None
        self._ask_again_at = self._now() + _ASK_AGAIN_SECONDS
        known = {
            each: told for each, told in self._known.items() if assignment.get(each) == told[0]
        }
        unknown = [each for each in assignment if each not in known]
        try:
            known.update(self._asked(consumer, assignment, unknown) if unknown else {})
        except KafkaException as error:
            failure: KafkaError = error.args[0]
            return failure
        self._known, self._seen, self._ask_again_at = known, assignment, 0.0
        found = {each: marker for each, (_, marker) in known.items() if marker is not None}
        self.markers = MappingProxyType(found)
        return None

    def _asked(
        self,
        consumer: Consumer,
        assignment: Mapping[PartitionId, int],
        partitions: list[PartitionId],
    ) -> dict[PartitionId, tuple[int, ReplayMarker | None]]:
        found = consumer.committed(
            [TopicPartition(*each) for each in partitions], timeout=_ANSWER_SECONDS
        )
        markers: dict[PartitionId, ReplayMarker | None] = dict.fromkeys(partitions)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
            markers[PartitionId(each.topic, each.partition)] = ReplayMarker.parse(each.metadata)
        return {each: (assignment[each], markers[each]) for each in partitions}
