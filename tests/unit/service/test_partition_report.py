import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from consumer.kafka.lag import Lag, lag_of
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.kafka.stalls import Progress, Standing
from consumer.record import Delivered
from consumer.service.assembly import Parts
from consumer.service.partition_report import lag_seconds, partition_status
from consumer.telemetry.status import PartitionStatus
from tests.builders import a_record

ZERO = PartitionId("events", 0)
STILL_SECONDS = 300.0


@dataclass
class Scene:
    """The parts a partition's status is made of, each saying what it is told to."""

    ledger: OffsetLedger = field(default_factory=OffsetLedger)
    known: Lag = field(default_factory=lambda: lag_of(end=5, committed=0, position=0))
    progress: Progress | None = Progress.STALLED
    answer_is_old: bool = False
    blocked: str | None = None
    paused: frozenset[str] = frozenset()
    kafka_said: str | None = None
    said_seconds_ago: float = STILL_SECONDS

    def __post_init__(self) -> None:
        self.ledger.assign([ZERO], 1)

    def record(self, *, timestamp_ms: int | None = None) -> Entry:
        entry = self.ledger.deliver(a_record(0, timestamp_ms=timestamp_ms), now=0)
        assert entry is not None
        return entry

    def status(self) -> PartitionStatus:
        return partition_status(self.parts(), ZERO, now=7.0)

    def parts(self) -> Parts:
        standing = (
            {} if self.progress is None else {ZERO: Standing(self.progress, 0.0, STILL_SECONDS)}
        )
        parts = SimpleNamespace(
            ledger=self.ledger,
            lag=SimpleNamespace(lag=lambda _: self.known, unstable_records=lambda _: 3),
            progress=SimpleNamespace(
                standings=standing, is_answer_old=lambda _: self.answer_is_old
            ),
            pipeline=SimpleNamespace(blocked=self.blocked, waits_for=lambda _: "its turn"),
            reader=SimpleNamespace(
                positions={ZERO: 0}, paused=self.paused, last_error=self.last_error
            ),
        )
        return cast("Parts", parts)

    def last_error(self, *, within_seconds: float) -> str | None:
        return self.kafka_said if self.said_seconds_ago <= within_seconds else None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_partition_waits_for_what_its_oldest_unfinished_record_waits_for(scene: Scene) -> None:
    scene.record()

    status = scene.status()
    assert (status.waits_for, status.oldest_why) == ("its turn", "its turn")
    assert (status.progress, status.still_seconds) == ("stalled", STILL_SECONDS)
    assert (status.oldest_offset, status.oldest_age_seconds, status.pending) == (0, 7.0, 1)
    assert status.unstable == 3


def test_with_all_finished_it_waits_for_its_commit(scene: Scene) -> None:
    scene.ledger.finish(scene.record(), Delivered())

    assert scene.status().waits_for == "Kafka to take its commit"


def test_without_any_offset_it_waits_for_its_start(scene: Scene) -> None:
    scene.known = lag_of(end=5, committed=None, position=None)

    assert scene.status().waits_for == "Kafka to tell where it starts"


def test_without_an_answer_for_long_it_waits_for_its_logs_end(scene: Scene) -> None:
    scene.answer_is_old = True

    assert scene.status().waits_for == "Kafka to tell where its log ends"


@pytest.mark.parametrize(
    ("blocked", "waits_for"),
    [
        ("memory", "reading to go on: unfinished records use up MEMORY_BUDGET_MB"),
        ("a later reason", "reading to go on: a later reason"),
        (None, "reading to go on"),
    ],
)
def test_while_reading_is_paused_it_waits_for_that_to_be_over(
    scene: Scene, blocked: str | None, waits_for: str
) -> None:
    scene.paused, scene.blocked = frozenset({"back_pressure"}), blocked

    assert scene.status().waits_for == waits_for


def test_otherwise_it_waits_for_records_and_tells_what_kafka_said_since_it_stands_still(
    scene: Scene,
) -> None:
    assert scene.status().waits_for == "Kafka to give its records"
    scene.kafka_said = "TOPIC_AUTHORIZATION_FAILED"
    assert (
        scene.status().waits_for == "Kafka to give its records (it said TOPIC_AUTHORIZATION_FAILED)"
    )
    scene.said_seconds_ago = 10 * STILL_SECONDS
    assert scene.status().waits_for == "Kafka to give its records"


@pytest.mark.parametrize("progress", [None, Progress.CAUGHT_UP, Progress.HELD])
def test_with_nothing_to_do_it_waits_for_nothing(scene: Scene, progress: Progress | None) -> None:
    scene.progress = progress

    assert scene.status().waits_for == ""


def test_the_age_of_a_partition_is_that_of_its_oldest_unfinished_record(scene: Scene) -> None:
    assert lag_seconds(scene.parts()) == {ZERO: 0.0}
    scene.record(timestamp_ms=int((time.time() - 60) * 1000))

    assert lag_seconds(scene.parts())[ZERO] == pytest.approx(60, abs=10)
