import asyncio
from dataclasses import dataclass, field

import pytest
import structlog
from prometheus_client import CollectorRegistry

from consumer.kafka.lag import Lag, lag_of
from consumer.kafka.offset_ledger import OffsetLedger, PartitionId
from consumer.kafka.progress import ANSWER_OLD_SECONDS, ProgressWatch, has_uncommitted
from consumer.record import Delivered
from consumer.telemetry.metrics import Metrics
from tests.builders import a_record

ZERO = PartitionId("events", 0)
ONE = PartitionId("events", 1)
UNIX = 1_000_000.0


@dataclass
class Scene:
    """A progress watch over a real ledger, with what Kafka says invented."""

    ledger: OffsetLedger = field(default_factory=OffsetLedger)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))
    seconds: float = 0.0
    end: int | None = 0
    position: int | None = 0
    answered_seconds_ago: float | None = 0.0
    set_back_from: int | None = None
    held: set[str] = field(default_factory=set)
    refreshed: int = 0

    def __post_init__(self) -> None:
        self.watch = ProgressWatch(
            ledger=self.ledger,
            lag=self,
            held_for=lambda: self.held,
            stalled_after_seconds=100,
            metrics=self.metrics,
            now=lambda: self.seconds,
            unix_time=lambda: UNIX + self.seconds,
        )
        self.ledger.assign([ZERO], 1)

    def lag(self, partition: PartitionId) -> Lag:
        committed = self.ledger.committed_offset(partition)
        return lag_of(end=self.end, committed=committed or 0, position=self.position)

    def answer_age_seconds(self, partition: PartitionId) -> float | None:
        return self.answered_seconds_ago

    def replays_to(self, partition: PartitionId) -> int | None:
        return self.set_back_from

    def refresh(self) -> None:
        self.refreshed += 1

    def after(self, seconds: float) -> str:
        """The verdict on partition 0 when so much more time has passed."""
        self.seconds += seconds
        self.watch.look()
        return self.watch.standings[ZERO].progress

    def metric(self, name: str, partition: int = 0) -> float | None:
        return self.metrics.registry.get_sample_value(
            f"segment_liveintent_{name}", {"topic": "events", "partition": str(partition)}
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_partition_with_nothing_to_do_is_caught_up_for_ever(scene: Scene) -> None:
    assert (scene.after(0), scene.after(10_000)) == ("caught_up", "caught_up")
    assert scene.metric("commit_age_seconds") == 0
    assert scene.metric("partition_stalled") == 0
    assert scene.metric("partition_last_progress_timestamp_seconds") == UNIX + 10_000


def test_an_unfinished_record_stalls_its_partition_in_time_and_its_commit_ends_that(
    scene: Scene,
) -> None:
    scene.after(0)
    entry = scene.ledger.deliver(a_record(0), now=0)
    scene.end = scene.position = 1
    assert entry is not None

    assert (scene.after(99), scene.after(1)) == ("moving", "stalled")
    assert scene.metric("partition_stalled") == 1
    assert scene.metric("commit_age_seconds") == 100
    assert scene.metric("partition_last_progress_timestamp_seconds") == UNIX
    scene.ledger.finish(entry, Delivered())
    assert scene.after(1) == "stalled"
    scene.ledger.committed(scene.ledger.commitable())
    assert scene.after(1) == "caught_up"
    assert scene.metric("partition_stalled") == 0
    assert scene.metric("commit_age_seconds") == 0


def test_finished_records_whose_commit_fails_stall_their_partition(scene: Scene) -> None:
    scene.after(0)
    entry = scene.ledger.deliver(a_record(0), now=0)
    scene.end = scene.position = 1
    assert entry is not None
    scene.ledger.finish(entry, Delivered())

    assert has_uncommitted(scene.ledger, ZERO)
    assert scene.after(100) == "stalled"


def test_records_that_are_there_and_are_not_read_stall_their_partition(scene: Scene) -> None:
    scene.after(0)
    scene.end = 5

    assert scene.after(100) == "stalled"


def test_with_kafka_silent_a_partition_that_was_caught_up_is_not_called_so_for_ever(
    scene: Scene,
) -> None:
    scene.after(0)
    scene.answered_seconds_ago = ANSWER_OLD_SECONDS
    assert scene.after(1) == "caught_up"
    scene.answered_seconds_ago = ANSWER_OLD_SECONDS + 1

    assert (scene.after(99), scene.after(1)) == ("moving", "stalled")


def test_a_partition_whose_start_is_not_known_stalls(scene: Scene) -> None:
    scene.end = scene.position = scene.answered_seconds_ago = None
    scene.after(0)

    assert scene.after(100) == "stalled"


def test_while_the_process_stops_nothing_is_stalled(scene: Scene) -> None:
    scene.end = 5
    scene.after(0)
    scene.held = {"stopping"}

    assert scene.after(1_000) == "held"
    assert scene.metric("partition_stalled") == 0


def test_a_replay_is_told_apart(scene: Scene) -> None:
    scene.end, scene.set_back_from = 500, 400

    assert scene.after(0) == "replaying"


def test_the_series_of_a_partition_that_left_are_gone_with_the_next_look(scene: Scene) -> None:
    scene.ledger.assign([ONE], 2)
    scene.after(0)
    names = (
        "commit_age_seconds",
        "partition_stalled",
        "partition_last_progress_timestamp_seconds",
    )
    assert None not in {scene.metric(name, 1) for name in names}
    scene.ledger.revoke([ONE])

    scene.after(1)

    assert {scene.metric(name, 1) for name in names} == {None}
    assert None not in {scene.metric(name, 0) for name in names}


def test_a_stall_and_its_end_are_logged_once_each(scene: Scene) -> None:
    scene.end = 5
    with structlog.testing.capture_logs() as lines:
        for seconds in (0, 100, 1, 1):
            scene.after(seconds)
        scene.end = 0
        for seconds in (1, 1):
            scene.after(seconds)

    assert [(line["log_level"], line["event"].split(".")[0]) for line in lines] == [
        ("error", "A partition makes no progress"),
        ("info", "A partition makes progress again"),
    ]
    assert (lines[0]["topic"], lines[0]["partition"], lines[0]["still_seconds"]) == (
        "events", 0, 100,
    )  # fmt: skip


def test_a_stop_does_not_make_a_stalled_partition_go_on(scene: Scene) -> None:
    scene.end = 5
    scene.after(0)
    scene.after(100)
    scene.held = {"stopping"}
    with structlog.testing.capture_logs() as lines:
        scene.after(1)

    assert lines == []


def test_every_look_brings_the_lag_up_to_date(scene: Scene) -> None:
    scene.after(0)
    scene.after(1)

    assert scene.refreshed == 2


async def test_it_looks_until_it_is_cancelled(scene: Scene) -> None:
    running = asyncio.create_task(scene.watch.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})

    assert scene.refreshed == 1
    assert running.cancelled()
