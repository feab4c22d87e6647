"""However many files are followed, they are looked at no more than so often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.look_pace import LookPace
from tests.properties.effort import effort


def test_a_few_files_are_looked_at_as_often_as_if_each_were_alone() -> None:
    pace = LookPace(per_second=1.0)

    with pace.following(15.0) as one, pace.following(15.0) as other:
        assert (one.wait_seconds, other.wait_seconds) == (15.0, 15.0)

        other.grow(1.5, at_most=20.0)

        assert (one.wait_seconds, other.wait_seconds) == (15.0, 20.0)


def test_a_young_file_waits_little_longer_for_hundreds_that_are_stuck() -> None:
    pace = LookPace(per_second=1.0)
    for _ in range(300):
        pace.join(300.0)

    with pace.following(15.0) as young:
        assert 15.0 < young.wait_seconds < 17.0


@effort(examples=100)
@given(
    own=st.lists(st.sampled_from([15.0, 22.5, 33.75, 300.0]), min_size=1, max_size=200),
    per_second=st.floats(0.05, 50.0),
    gone=st.integers(0, 200),
)
def test_all_together_are_no_more_looks_a_second_than_they_may_be(
    own: list[float], per_second: float, gone: int
) -> None:
    pace = LookPace(per_second=per_second)
    for seconds in own:
        pace.join(seconds)
    for seconds in own[:gone]:
        pace.leave(seconds)
    left = own[gone:]

    looks_per_second = sum(1 / (seconds * pace.stretch) for seconds in left)

    assert looks_per_second <= per_second * (1 + 1e-9)
    assert pace.stretch == 1.0 or looks_per_second == pytest.approx(per_second)
