from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.retry_schedule import RetrySchedule, read_http_date, read_retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(0, 5000), jitter=FRACTIONS)
def test_the_wait_never_exceeds_the_cap(attempt: int, jitter: float) -> None:
    schedule = RetrySchedule(first_seconds=1, max_seconds=60)

    assert 0 <= schedule.wait_seconds(attempt, jitter=jitter) <= 60


@given(attempt=st.integers(0, 50), jitter=FRACTIONS, asked=st.floats(-10, 1e9))
def test_what_the_server_asks_for_is_a_lower_bound_up_to_its_cap(
    attempt: int, jitter: float, asked: float
) -> None:
    schedule = RetrySchedule(max_seconds=60, retry_after_max_seconds=600)
    wait = schedule.wait_seconds(attempt, jitter=jitter, retry_after_seconds=asked)

    assert min(asked, 600) <= wait <= 600


def test_the_ceiling_doubles_with_each_attempt() -> None:
    schedule = RetrySchedule(first_seconds=2, max_seconds=10)

    assert [schedule.wait_seconds(n, jitter=0.5) for n in range(5)] == [1, 2, 4, 5, 5]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 120 ", 120),
        ("Thu, 01 Jan 2026 12:01:30 GMT", 90),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Thu, 99 Foo 2026", None),
        ("9" * 5000, 999_999_999_999),
    ],
)
def test_both_forms_of_retry_after_are_read(header: str | None, seconds: float | None) -> None:
    assert read_retry_after(header, now=NOW) == seconds


@given(st.text())
def test_no_header_text_is_an_error(text: str) -> None:
    read_http_date(text)
    read_retry_after(text, now=NOW)


def test_a_date_without_a_zone_is_utc() -> None:
    assert read_http_date("Thu, 01 Jan 2026 12:00:00 -0000") == NOW
