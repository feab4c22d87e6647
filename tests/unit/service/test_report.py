from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from consumer.service.assembly import Parts
from consumer.service.report import POLL_LOOP_STUCK_SECONDS, Report
from consumer.settings import load_settings
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
