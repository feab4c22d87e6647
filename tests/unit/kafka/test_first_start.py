from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from consumer.errors import OffsetsUnknown
from consumer.kafka.first_start import FirstStartPoint, PartitionStarts
from consumer.kafka.offset_ledger import PartitionId
from consumer.settings import FirstStart


def a_partition(number: int, topic: str = "events") -> PartitionId:
    return PartitionId(topic, number)


class Kafka:
    """A cluster with one topic of three partitions, each holding offsets 100 to 200."""

    def __init__(self, **committed: int) -> None:
        self.offsets = {int(name[1:]): offset for name, offset in committed.items()}
        self.commits: list[dict[int, int]] = []
        self.asked_times: list[int] = []
        self.first_at_or_after: dict[int, int] = {}
        self.errors: dict[str, KafkaError] = {}

    def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ANN401
        found = SimpleNamespace(partitions={0: 0, 1: 1, 2: 2}, error=self.errors.get("topic"))
        return SimpleNamespace(topics={topic: found})

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[Any]:
        return [self._answer(each, self.offsets.get(each.partition, -1001), "committed") for each in partitions]  # fmt: skip

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float, *, cached: bool
    ) -> tuple[int, int]:
        assert not cached
        return 100, 200

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float) -> list[Any]:
        self.asked_times += [each.offset for each in partitions]
        return [
            self._answer(each, self.first_at_or_after.get(each.partition, -1), "times")
            for each in partitions
        ]

    def commit(self, offsets: list[TopicPartition], *, asynchronous: bool) -> list[Any]:
        assert asynchronous, "a synchronous commit has no time-out"
        if "commit" in self.errors:
            raise KafkaException(self.errors["commit"])
        self.commits.append({each.partition: each.offset for each in offsets})
        self.offsets |= self.commits[-1]
        return []

    def _answer(self, asked: TopicPartition, offset: int, question: str) -> Any:  # noqa: ANN401
        return SimpleNamespace(
            topic=asked.topic,
            partition=asked.partition,
            offset=offset,
            error=self.errors.get(question),
        )


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def starts_of(
    kafka: Kafka, *partitions: int, first_start: FirstStartPoint | None = FirstStart.EARLIEST
) -> dict[int, tuple[int, str]]:
    starts = PartitionStarts(group_id="group", first_start=first_start, now=Clock())
    for each in partitions:
        starts.look_for(a_partition(each))
    return {
        start.partition.partition: (start.offset, start.reason)
        for start in starts.found(kafka, lambda _: True)  # type: ignore[arg-type]
    }


@pytest.mark.parametrize(
    ("policy", "offset"),
    [(FirstStart.EARLIEST, 100), (FirstStart.LATEST, 200)],
)
def test_a_first_start_is_put_on_record_for_the_whole_topic_also_where_others_own_it(
    policy: FirstStart, offset: int
) -> None:
    kafka = Kafka()

    assert starts_of(kafka, 1, first_start=policy) == {1: (offset, "first_start")}
    assert kafka.commits == [{0: offset, 1: offset, 2: offset}]


def test_a_first_start_at_a_time_begins_at_the_first_record_from_then_or_at_the_end() -> None:
    kafka = Kafka()
    kafka.first_at_or_after = {0: 150}
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)

    starts = starts_of(kafka, 0, 1, first_start=moment)

    assert starts == {0: (150, "first_start"), 1: (200, "first_start")}
    assert set(kafka.asked_times) == {1_767_323_045_678}


def test_a_partition_the_topic_grew_by_starts_at_its_first_record_and_moves_no_other() -> None:
    kafka = Kafka(p0=120, p1=130)

    assert starts_of(kafka, 2, first_start=FirstStart.LATEST) == {2: (100, "new_partition")}
    assert kafka.commits == [{2: 100}]


@pytest.mark.parametrize("committed", [100, 150, 200])
def test_an_offset_that_is_committed_and_still_in_the_log_is_where_reading_goes_on(
    committed: int,
) -> None:
    kafka = Kafka(p0=committed)

    assert starts_of(kafka, 0) == {0: (committed, "committed")}
    assert kafka.commits == []


@pytest.mark.parametrize("committed", [99, 201])
def test_an_offset_outside_the_log_is_an_error_that_names_both(committed: int) -> None:
    with pytest.raises(
        OffsetsUnknown, match=rf"group has committed offset {committed} .* holds offsets 100 to 200"
    ):
        starts_of(Kafka(p0=committed), 0)


def test_without_a_policy_a_group_without_offsets_is_an_error_told_once() -> None:
    starts = PartitionStarts(group_id="group", first_start=None, now=Clock())
    starts.look_for(a_partition(0))
    kafka = Kafka()

    with pytest.raises(OffsetsUnknown, match=r"KAFKA_FIRST_START to earliest, latest or a date"):
        starts.found(kafka, lambda _: True)  # type: ignore[arg-type]

    assert starts.found(kafka, lambda _: True) == []  # type: ignore[arg-type]
    assert kafka.commits == []


@pytest.mark.parametrize("question", ["topic", "committed", "times", "commit"])
def test_while_kafka_cannot_say_nothing_is_started_and_it_is_asked_again_after_a_moment(
    question: str,
) -> None:
    clock = Clock()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    starts = PartitionStarts(group_id="group", first_start=moment, now=clock)
    starts.look_for(a_partition(0))
    kafka = Kafka()
    kafka.errors[question] = KafkaError(KafkaError._TIMED_OUT)

    with pytest.raises(KafkaException):
        starts.found(kafka, lambda _: True)  # type: ignore[arg-type]
    kafka.errors.clear()
    assert starts.found(kafka, lambda _: True) == []  # type: ignore[arg-type]
    clock.time = 1.0

    assert [each.offset for each in starts.found(kafka, lambda _: True)] == [200]  # type: ignore[arg-type]


def test_a_partition_that_is_no_longer_ours_is_not_looked_for() -> None:
    starts = PartitionStarts(group_id="group", first_start=None, now=Clock())
    starts.look_for(a_partition(0))

    assert starts.found(Kafka(), lambda _: False) == []  # type: ignore[arg-type]
