"""An email is known by several hashes, and events may carry any of them."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.lane import Lane
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, IdentifierType
from tests.builders import VIP, a_change, an_email
from tests.properties.effort import effort

ANA = an_email("ana-md5", "ana-sha1", "ana-sha256")


@effort(examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(Action), st.sampled_from([*ANA.values, None]), st.booleans()),
        max_size=8,
    )
)
def test_an_exit_by_any_hash_ends_every_hash_of_an_email_that_was_ever_whole(
    steps: list[tuple[Action, str | None, bool]],
) -> None:
    lane: Lane[int] = Lane(VIP, LatestState(1_000))
    at_liveintent: set[str] = set()
    expected: set[str] = set()
    for at, (action, by, is_flushed) in enumerate([(Action.ADD, None, False), *steps]):
        identifier = ANA if by is None else an_email(by)
        lane.offer(a_change(action, at=at, identifier=identifier), at, now=0)
        expected = expected | set(identifier.values) if action is Action.ADD else set()
        if is_flushed:
            at_liveintent = flushed(lane, at_liveintent)

    assert flushed(lane, at_liveintent) == expected


def flushed(lane: Lane[int], at_liveintent: set[str]) -> set[str]:
    if not lane.waiting_rows:
        return at_liveintent
    batch = lane.take(now=0)
    lane.remember(batch)
    lane.end_flush()
    adds, removes = ({v for t in IdentifierType for v in batch.rows(a, t)} for a in Action)
    return (at_liveintent | adds) - removes
