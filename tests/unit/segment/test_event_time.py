from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.segment.event_time import UnreadableTime, epoch_microseconds

MOMENT_US = 1_768_383_005_117_000  # 2026-01-14T09:30:05.117Z


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-14T09:30:05.117Z",
        "2026-01-14T09:30:05.117000Z",
        "2026-01-14T09:30:05.117000999Z",
        "2026-01-14T09:30:05.117",
        "2026-01-14 09:30:05.117",
        "2026-01-14T09:30:05,117Z",
        "2026-01-14T11:30:05.117+02:00",
        "2026-01-14T11:30:05.117+0200",
        "2026-01-14 11:30:05.117+02",
        "2026-01-14T04:00:05.117-05:30",
        "20260114T093005.117Z",
        "2026-01-14t09:30:05.117z",
        "  2026-01-14T09:30:05.117Z\n",
        "2026-01-14 09:30:05.117 UTC",
        "1768383005117",
    ],
)
def test_iso_text_is_read_in_its_usual_forms(text: str) -> None:
    assert epoch_microseconds(text) == MOMENT_US


def test_a_day_alone_is_its_first_moment_in_utc() -> None:
    midnight_us = 1_768_348_800_000_000

    assert epoch_microseconds("2026-01-14") == midnight_us
    assert epoch_microseconds("20260114") == midnight_us


def test_nanoseconds_are_cut_off_and_not_rounded() -> None:
    assert epoch_microseconds("2026-01-14T09:30:05.117000999Z") == MOMENT_US


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 14, 9, 30, 5, 117_000),  # noqa: DTZ001 - that is the point
        datetime(2026, 1, 14, 9, 30, 5, 117_000, tzinfo=UTC),
        datetime(2026, 1, 14, 11, 30, 5, 117_000, tzinfo=timezone(timedelta(hours=2))),
    ],
)  # fmt: skip
def test_a_datetime_without_a_zone_is_utc(moment: datetime) -> None:
    assert epoch_microseconds(moment) == MOMENT_US


@pytest.mark.parametrize("number", [1_768_383_005_117, 1_768_383_005_117.0])
def test_a_number_is_milliseconds(number: float) -> None:
    assert epoch_microseconds(number) == MOMENT_US


def test_the_first_and_the_last_plausible_millisecond_are_taken() -> None:
    assert epoch_microseconds(946_684_800_000) == 946_684_800_000_000
    assert epoch_microseconds(4_102_444_799_999) == 4_102_444_799_999_000


def test_none_is_no_time() -> None:
    assert epoch_microseconds(None) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1_768_383_005, "a number that is not a plausible count of milliseconds since 1970"),
        (1_768_383_005_117_000, "a number that is not"),
        (946_684_799_999, "a number that is not"),
        (4_102_444_800_000, "a number that is not"),
        (-1, "a number that is not"),
        (float("nan"), "a number that is not"),
        (float("inf"), "a number that is not"),
        (10**400, "a number that is not"),
        ("1700120100000000", "a number that is not"),
        ("9" * 5000, "a number that is not"),
        (True, "a value of type bool"),
        (False, "a value of type bool"),
        ({}, "a value of type dict"),
        (b"2026-01-14", "a value of type bytes"),
        ("", "text that is not a time"),
        ("yesterday", "text that is not a time"),
        ("2026-13-01T00:00:00Z", "text that is not a time"),
        ("2026-01-14T25:00:00Z", "text that is not a time"),
        ("\u0662\u0660\u0662\u0666-01-14", "text that is not a time"),  # Arabic digits
        ("\u00b2" * 13, "text that is not a time"),  # superscript two
        ("09:30:05", "text that is not a time"),
    ],
)
def test_anything_else_is_unreadable_and_not_quoted(value: object, found: str) -> None:
    with pytest.raises(UnreadableTime) as caught:
        epoch_microseconds(value)

    assert caught.value.found.startswith(found)


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_every_moment_reads_the_same_as_text_and_as_datetime(
    moment: datetime, offset_minutes: int
) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))

    assert epoch_microseconds(zoned.isoformat()) == epoch_microseconds(zoned)


@given(st.text())
def test_any_text_is_a_time_or_unreadable(text: str) -> None:
    with suppress(UnreadableTime):
        assert isinstance(epoch_microseconds(text), int)
