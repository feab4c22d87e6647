import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from consumer.service.assembly import Parts
from consumer.service.report import POLL_LOOP_STUCK_SECONDS, Report
from consumer.settings import load_settings
from consumer.telemetry.causes import Cause
from consumer.telemetry.status import Hold
from tests.unit.settings_builders import COMPLETE


@dataclass
class Reader:
    last_poll: float | None = None


@dataclass
class OnlyAReader:
    reader: Reader


@dataclass
class At:
    """A clock that a test sets."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def a_report(reader: Reader, now: At) -> Report:
    return Report(
        cast("Parts", OnlyAReader(reader)),
        load_settings(COMPLETE),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        now=now,
    )


def test_a_poll_loop_that_comes_round_is_alive() -> None:
    now = At()
    report = a_report(Reader(last_poll=now() + 3_600), now)

    now.seconds += 3_600 + POLL_LOOP_STUCK_SECONDS

    assert report.live().ok


def test_a_poll_loop_that_has_not_come_round_for_long_needs_a_restart() -> None:
    now = At()
    report = a_report(Reader(last_poll=now()), now)

    now.seconds += POLL_LOOP_STUCK_SECONDS + 1

    assert not report.live().ok
    assert report.live().reasons == ("the poll loop has not come round for 121 s",)


def test_a_poll_loop_that_never_came_round_is_given_as_long_since_the_start() -> None:
    now = At()
    report = a_report(Reader(), now)
    now.seconds += POLL_LOOP_STUCK_SECONDS
    at_first = report.live().ok
    now.seconds += 1

    assert (at_first, report.live().ok) == (True, False)


@dataclass
class Committer:
    last_error: str | None = None
    last_success: float | None = None


def commits_held(committer: Committer, now: At) -> Hold | None:
    report = Report(
        cast("Parts", SimpleNamespace(committer=committer)),
        load_settings(COMPLETE),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        now=now,
    )
    now.seconds += 31
    return report._commits_held()


def test_commits_that_are_answered_are_not_held_back() -> None:
    now = At()

    assert commits_held(Committer(last_success=now() + 30), now) is None


def test_a_commit_that_fails_is_told_with_how_long_none_has_succeeded() -> None:
    now = At()
    committer = Committer(last_error="NOT_COORDINATOR", last_success=now() + 29)

    assert commits_held(committer, now) == Hold(
        "committing offsets is held back", "NOT_COORDINATOR", 2.0, cause=Cause.COMMITS_HELD
    )


def test_a_commit_that_is_never_answered_is_told_as_well() -> None:
    now = At()

    assert commits_held(Committer(last_success=now()), now) == Hold(
        "committing offsets is held back", "Kafka does not answer", 31.0, cause=Cause.COMMITS_HELD
    )


@dataclass
class Member:
    """What a member without partitions knows."""

    protocol: str = "consumer"
    topics: dict[str, int] = field(default_factory=lambda: {"events": 1})
    lag_error: str | None = None
    client_error: str | None = None

    def is_ready_after(self, seconds: float) -> bool:
        now = At()
        parts = SimpleNamespace(
            pipeline=SimpleNamespace(ever_assigned=False),
            lag=SimpleNamespace(topic_partitions=self.topics, last_error=self.lag_error),
            reader=SimpleNamespace(last_error=lambda *, within_seconds: self.client_error),
        )
        properties = json.dumps({"group.protocol": self.protocol})
        report = Report(
            cast("Parts", parts),
            load_settings({**COMPLETE, "KAFKA_PROPERTIES": properties}),
            started_at=datetime(2026, 1, 1, tzinfo=UTC),
            now=now,
        )
        now.seconds += seconds
        return report._is_spare()


def test_under_kip_848_a_member_that_is_given_nothing_while_all_goes_well_is_a_spare_one() -> None:
    assert Member().is_ready_after(10)


def test_a_member_is_not_taken_for_a_spare_one_too_soon_or_while_anything_is_wrong() -> None:
    assert not Member().is_ready_after(9)
    assert not Member(topics={}).is_ready_after(60)
    assert not Member(topics={"events": 1, "gone": 0}).is_ready_after(60)
    assert not Member(lag_error="GROUP_AUTHORIZATION_FAILED").is_ready_after(60)
    assert not Member(client_error="_TRANSPORT").is_ready_after(60)


def test_a_classic_member_is_told_that_it_gets_nothing() -> None:
    assert not Member(protocol="classic").is_ready_after(60)


def test_uploads_that_wait_for_kafka_to_confirm_our_partitions_are_told() -> None:
    report = Report(
        cast("Parts", SimpleNamespace(uploader=SimpleNamespace(unconfirmed=1))),
        load_settings(COMPLETE),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        now=At(),
    )

    assert report._unconfirmed_held() == Hold(
        "1 upload held back",
        "Kafka has not confirmed that the records in them are still ours",
        cause=Cause.UPLOADS_UNCONFIRMED,
    )


def schema_held(awaited: str) -> Hold | None:
    """With records of two partitions put aside; `awaited` is what the registry has not given yet."""
    parts = SimpleNamespace(
        pipeline=SimpleNamespace(parking=range(2)), schemas=SimpleNamespace(waiting=awaited)
    )
    report = Report(
        cast("Parts", parts),
        load_settings(COMPLETE),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        now=At(),
    )
    return report._schema_held()


def test_partitions_whose_schema_has_not_come_are_told() -> None:
    assert schema_held("schema id 7: 503") == Hold(
        "2 partitions wait for a schema", "schema id 7: 503", cause=Cause.SCHEMA_AWAITED
    )


def test_nobody_is_sent_to_the_registry_for_records_whose_schema_has_come() -> None:
    assert schema_held("") is None
