from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.lag import Lag, lag_of

maybe_offset = st.none() | st.integers(0, 1000)


def test_lag_is_what_is_not_committed_and_unread_what_is_not_read() -> None:
    assert lag_of(end=10, committed=4, position=7) == Lag(committed=4, end=10, records=6, unread=3)


def test_before_the_first_read_everything_after_the_committed_offset_is_unread() -> None:
    assert lag_of(end=10, committed=4, position=None).unread == 6


def test_before_the_first_commit_the_lag_is_what_is_not_read() -> None:
    assert lag_of(end=10, committed=None, position=7).records == 3


def test_without_an_end_or_any_offset_nothing_is_claimed() -> None:
    assert lag_of(end=None, committed=4, position=7).records is None
    assert lag_of(end=None, committed=4, position=7).unread is None
    assert lag_of(end=10, committed=None, position=None).records is None
    assert lag_of(end=10, committed=None, position=None).unread is None


def test_a_log_that_was_read_so_far_reaches_so_far_whatever_its_end_was_when_asked() -> None:
    assert lag_of(end=10, committed=4, position=50) == Lag(
        committed=4, end=50, records=46, unread=0
    )


@given(maybe_offset, maybe_offset, maybe_offset)
def test_lag_is_never_negative(
    end: int | None, committed: int | None, position: int | None
) -> None:
    lag = lag_of(end=end, committed=committed, position=position)

    assert (lag.records or 0) >= 0
    assert (lag.unread or 0) >= 0
