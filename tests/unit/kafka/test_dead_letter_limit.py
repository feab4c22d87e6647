from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.dead_letters import DeadLetterLimit


def test_as_many_refusals_as_the_limit_pass_and_one_more_does_not() -> None:
    limit = DeadLetterLimit(3, per_seconds=60)

    assert [limit.allows(now) for now in (0, 1, 2, 3)] == [True, True, True, False]


def test_a_refusal_is_forgotten_once_its_time_is_over() -> None:
    limit = DeadLetterLimit(2, per_seconds=60)
    assert limit.allows(0)
    assert limit.allows(30)

    assert not limit.allows(59.9)
    assert limit.allows(60)
    assert not limit.allows(89.9)


def test_a_limit_of_none_allows_none() -> None:
    assert not DeadLetterLimit(0, per_seconds=60).allows(0)


@given(
    st.integers(1, 5),
    st.lists(st.floats(0, 10, allow_nan=False), max_size=60).map(sorted),
)
def test_no_window_ever_holds_more_than_the_limit(count: int, moments: list[float]) -> None:
    limit = DeadLetterLimit(count, per_seconds=1.0)

    allowed = [now for now in moments if limit.allows(now)]

    for now in allowed:
        assert sum(now - 1.0 < other <= now for other in allowed) <= count
    refused = [now for now in moments if now not in allowed]
    for now in refused:
        assert sum(now - 1.0 < other <= now for other in allowed) >= count
