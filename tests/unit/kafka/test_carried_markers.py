from types import MappingProxyType

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from consumer.kafka.carried_markers import CarriedMarkers
from consumer.kafka.replay_marker import ReplayMarker
from tests.unit.kafka.replays import ONE, ZERO

MARKER = ReplayMarker("one", "a" * 64, 80)


class Group:
    """What the consumer is asked for, and how it answers."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.metadata = {0: f"{MARKER} confirmed", 1: ""}
        self.error: KafkaError | None = None

    def committed(
        self, partitions: list[TopicPartition], *, timeout: float
    ) -> list[TopicPartition]:
        self.asked.append([each.partition for each in partitions])
        if self.error is not None:
            raise KafkaException(self.error)
        return [
            TopicPartition(each.topic, each.partition, 5, self.metadata[each.partition])
            for each in partitions
        ]


def test_a_marker_is_read_once_and_goes_with_every_commit() -> None:
    group, carried = Group(), CarriedMarkers(lambda: 0.0)
    assignment = MappingProxyType({ZERO: 1, ONE: 1})

    for _ in range(3):
        carried.look(group, assignment)  # type: ignore[arg-type]

    assert group.asked == [[0, 1]]
    assert carried.markers == {ZERO: MARKER}
    assert (carried.metadata(ZERO), carried.metadata(ONE)) == (str(MARKER), "")


def test_a_partition_that_left_and_came_back_is_asked_for_again_and_the_others_are_not() -> None:
    group, carried = Group(), CarriedMarkers(lambda: 0.0)
    carried.look(group, MappingProxyType({ZERO: 1, ONE: 1}))  # type: ignore[arg-type]
    carried.look(group, MappingProxyType({ONE: 1}))  # type: ignore[arg-type]
    gone = carried.metadata(ZERO)
    carried.look(group, MappingProxyType({ZERO: 2, ONE: 1}))  # type: ignore[arg-type]

    assert group.asked == [[0, 1], [0]]
    assert (gone, carried.metadata(ZERO)) == ("", str(MARKER))


def test_without_an_answer_nothing_is_carried_and_it_is_asked_again_a_little_later() -> None:
    seconds = 0.0
    group, carried = Group(), CarriedMarkers(lambda: seconds)
    group.error = KafkaError(KafkaError._TIMED_OUT)
    assignment = MappingProxyType({ZERO: 1})

    told = carried.look(group, assignment)  # type: ignore[arg-type]
    carried.look(group, assignment)  # type: ignore[arg-type]
    before = carried.metadata(ZERO)
    seconds, group.error = 5.0, None
    carried.look(group, assignment)  # type: ignore[arg-type]

    assert told is not None
    assert told.code() == KafkaError._TIMED_OUT
    assert group.asked == [[0], [0]]
    assert (before, carried.metadata(ZERO)) == ("", str(MARKER))


def test_a_partition_kafka_says_nothing_of_is_asked_for_again() -> None:
    class Refusal:
        topic, partition, metadata = "events", 0, None
        error = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)

    class Refusing:
        def committed(self, partitions: object, *, timeout: float) -> list[Refusal]:
            return [Refusal()]

    carried = CarriedMarkers(lambda: 0.0)

    told = carried.look(Refusing(), MappingProxyType({ZERO: 1}))  # type: ignore[arg-type]

    assert told is Refusal.error
    assert carried.markers == {}
