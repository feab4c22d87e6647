from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry

from consumer.kafka.assignment import Assignment
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.read_bounds import ReadBounds
from consumer.telemetry.metrics import Metrics
from tests.unit.kafka.replays import ONE, ZERO
from tests.unit.kafka.scripted_consumer import ScriptedConsumer, a_message


class Seeking(ScriptedConsumer):
    def seek(self, partition: TopicPartition) -> None:
        self.calls.append(("seek", (partition.partition, partition.offset)))


class Scene:
    """Two partitions of ours, read up to bounds."""

    def __init__(self) -> None:
        self.consumer = Seeking([])
        self.assignment = Assignment(Metrics(CollectorRegistry()))
        self.assignment.add(self.consumer, [ZERO, ONE])  # type: ignore[arg-type]
        self.bounds = ReadBounds(self.assignment)
        self.consumer.calls.clear()

    def move_on(self, ends: dict[PartitionId, int]) -> None:
        self.bounds.move_on(self.consumer, ends)  # type: ignore[arg-type]

    def within(self, *offsets: int, partition: int = 0) -> list[int | None]:
        messages = [a_message(each, partition=partition) for each in offsets]
        found = self.bounds.within(self.consumer, messages)  # type: ignore[arg-type]
        return [each.offset() for each in found]


def test_without_bounds_everything_is_read() -> None:
    scene = Scene()

    assert scene.within(1, 2, 3) == [1, 2, 3]
    assert scene.consumer.calls == []


def test_nothing_from_the_bound_on_is_handed_over_and_the_partition_waits_there() -> None:
    scene = Scene()
    scene.move_on({ZERO: 3, ONE: 9})

    assert scene.within(1, 2, 3, 4) == [1, 2]
    assert scene.within(7, 8, partition=1) == [7, 8]
    assert scene.consumer.calls == [("pause", [0])]
    # So far it is read, though no record may stand there.
    assert scene.assignment.ends == {ZERO: 3}


def test_a_partition_that_a_resume_has_woken_is_held_again() -> None:
    scene = Scene()
    scene.move_on({ZERO: 3})
    scene.within(3)

    assert scene.within(4, 5) == []
    assert scene.consumer.called("pause") == [[0], [0]]


def test_with_a_later_bound_it_goes_on_where_it_was_held_and_skips_nothing() -> None:
    scene = Scene()
    scene.move_on({ZERO: 3, ONE: 3})
    scene.within(3, 4, 5)
    scene.move_on({ZERO: 6, ONE: 3})

    assert scene.consumer.called("seek") == [(0, 3)]
    assert scene.consumer.called("resume") == [[0]]
    assert scene.within(3, 4, 5, 6) == [3, 4, 5]


def test_while_everything_is_paused_it_goes_on_only_with_the_others() -> None:
    scene = Scene()
    scene.move_on({ZERO: 3})
    scene.within(3)
    scene.assignment.pause(scene.consumer, "back_pressure")  # type: ignore[arg-type]
    scene.move_on({ZERO: 6})

    assert scene.consumer.called("seek") == [(0, 3)]
    assert scene.consumer.called("resume") == []


def test_a_partition_that_left_is_not_touched() -> None:
    scene = Scene()
    scene.move_on({ZERO: 3})
    scene.within(3)
    scene.assignment.remove([ZERO])
    scene.consumer.calls.clear()

    assert scene.within(4) == []
    scene.move_on({ZERO: 6})
    assert scene.consumer.calls == []
