from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.membership import Action
from consumer.audience.version import supersedes
from tests.builders import a_change

ADD, REMOVE = Action.ADD, Action.REMOVE


def test_the_later_event_wins_whatever_was_received_later() -> None:
    assert supersedes(a_change(at=2, received=3), a_change(at=1, received=9))
    assert not supersedes(a_change(at=1, received=9), a_change(at=2, received=3))


def test_of_two_events_of_one_instant_the_one_received_later_wins() -> None:
    assert supersedes(a_change(at=1, received=3), a_change(at=1, received=2))
    assert not supersedes(a_change(at=1, received=2), a_change(at=1, received=3))


def test_a_tie_within_one_partition_goes_to_the_higher_offset() -> None:
    assert supersedes(a_change(ADD, offset=2), a_change(REMOVE, offset=1))
    assert not supersedes(a_change(REMOVE, offset=1), a_change(ADD, offset=2))


def test_a_tie_across_partitions_is_a_remove() -> None:
    assert supersedes(a_change(REMOVE, source="events-0"), a_change(ADD, source="events-1"))
    assert not supersedes(a_change(ADD, source="events-0"), a_change(REMOVE, source="events-1"))


def test_equal_is_not_newer() -> None:
    assert not supersedes(a_change(), a_change())
    assert not supersedes(a_change(ADD, source="events-0"), a_change(ADD, source="events-1"))


@given(st.data())
def test_no_change_is_both_newer_and_older_than_another(data: st.DataObject) -> None:
    some = st.builds(
        a_change,
        st.sampled_from(Action),
        at=st.integers(0, 2),
        received=st.integers(0, 2),
        source=st.sampled_from(["events-0", "events-1"]),
        offset=st.integers(0, 2),
    )
    one, other = data.draw(some), data.draw(some)

    assert not (supersedes(one, other) and supersedes(other, one))
