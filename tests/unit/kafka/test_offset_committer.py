import asyncio
from collections.abc import Callable, Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry

from consumer.kafka.offset_committer import OffsetCommitter
from consumer.kafka.offset_ledger import CommitOffset
from consumer.telemetry.metrics import Metrics
from tests.contract.kafka_reader import until

SEVEN = CommitOffset("events", 0, 7, 0)
NINE = CommitOffset("events", 0, 9, 0)


class Source:
    def __init__(self) -> None:
        self.finished: list[CommitOffset] = []
        self.done: list[CommitOffset] = []

    def commitable(self) -> Sequence[CommitOffset]:
        return [each for each in self.finished if each not in self.done]

    def committed(self, offsets: Sequence[CommitOffset]) -> None:
        self.done += offsets


class Reader:
    """Keeps commits unanswered until told."""

    def __init__(self) -> None:
        self.asked: list[Sequence[CommitOffset]] = []
        self._done: list[Callable[[Exception | None], None]] = []

    def commit(
        self, offsets: Sequence[CommitOffset], done: Callable[[Exception | None], None]
    ) -> None:
        self.asked.append(offsets)
        self._done.append(done)

    def answer(self, error: Exception | None = None) -> None:
        self._done.pop(0)(error)


class Scene:
    def __init__(self) -> None:
        self.time = 100.0
        self.source = Source()
        self.reader = Reader()
        self.metrics = Metrics(CollectorRegistry())
        self.committer = OffsetCommitter(
            source=self.source,
            commit=self.reader.commit,
            metrics=self.metrics,
            interval_seconds=0.001,
            now=lambda: self.time,
            unix_time=lambda: 1_768_000_000.0,
        )

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"segment_liveintent_{name}", labels)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_finished_is_committed_and_the_source_is_told(scene: Scene) -> None:
    scene.source.finished = [SEVEN]
    scene.committer.commit_finished()
    scene.time += 0.5
    scene.reader.answer()

    assert scene.source.done == [SEVEN]
    assert scene.committer.last_success == 100.5
    assert scene.metric("offset_commits_total", result="ok") == 1
    assert scene.metric("offset_commit_duration_seconds_sum") == 0.5
    assert scene.metric("last_commit_timestamp_seconds") == 1_768_000_000.0


def test_only_one_commit_is_out_and_the_next_carries_all_that_finished_meanwhile(
    scene: Scene,
) -> None:
    scene.source.finished = [SEVEN]
    scene.committer.commit_finished()
    scene.source.finished = [NINE]
    scene.committer.commit_finished()
    assert scene.reader.asked == [[SEVEN]]

    scene.reader.answer()
    scene.committer.commit_finished()

    assert scene.reader.asked == [[SEVEN], [NINE]]


def test_a_failed_commit_is_counted_and_offered_again(scene: Scene) -> None:
    scene.source.finished = [SEVEN]
    scene.committer.commit_finished()
    scene.reader.answer(KafkaException(KafkaError(KafkaError.REBALANCE_IN_PROGRESS)))

    assert scene.committer.last_error == "REBALANCE_IN_PROGRESS"
    assert scene.source.done == []
    assert scene.committer.last_success is None
    scene.committer.commit_finished()
    assert scene.reader.asked == [[SEVEN], [SEVEN]]
    assert scene.metric("offset_commits_total", result="failed") == 1


def test_a_failure_is_logged_when_it_changes_and_not_each_time(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.source.finished = [SEVEN]
    for error in (ValueError(), ValueError(), OSError(), None):
        scene.committer.commit_finished()
        scene.reader.answer(error)

    out = capsys.readouterr().out
    assert out.count("Offsets were not committed") == 2
    assert out.count("Offsets are committed again") == 1
    assert scene.committer.last_error is None


def test_with_nothing_to_commit_offsets_count_as_up_to_date(scene: Scene) -> None:
    scene.committer.commit_finished()

    assert scene.reader.asked == []
    assert scene.committer.last_success == 100.0
    assert scene.metric("last_commit_timestamp_seconds") == 1_768_000_000.0


async def test_it_commits_every_interval_until_it_is_cancelled(scene: Scene) -> None:
    scene.source.finished = [SEVEN]
    running = asyncio.create_task(scene.committer.run())
    await until(lambda: scene.reader.asked)
    scene.source.finished = [NINE]
    scene.reader.answer()
    await until(lambda: len(scene.reader.asked) == 2)
    running.cancel()

    assert scene.reader.asked == [[SEVEN], [NINE]]
