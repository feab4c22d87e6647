import pytest

from consumer.audience.lane import Lane
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, AudienceKey
from consumer.audience.wanderers import Wanderers
from tests.builders import VIP, a_change, an_email

REMOVE, ADD = Action.REMOVE, Action.ADD


@pytest.fixture
def latest() -> LatestState:
    return LatestState(1_000)


@pytest.fixture
def lane(latest: LatestState) -> Lane[str]:
    return Lane(VIP, latest)


def test_a_member_whose_changes_stay_in_one_partition_does_not_wander(
    lane: Lane[str], latest: LatestState
) -> None:
    for offset in range(3):
        lane.offer(a_change(at=offset, offset=offset), "part", now=0)

    assert latest.wanderers.count == 0


@pytest.mark.parametrize("at", [50, 150], ids=["older", "newer"])
def test_a_member_seen_in_another_partition_is_counted_whether_the_change_counts_or_not(
    lane: Lane[str], latest: LatestState, at: int
) -> None:
    lane.offer(a_change(at=100), "part", now=0)

    lane.offer(a_change(REMOVE, at=at, source="events-1"), "part", now=0)

    assert latest.wanderers.count == 1


def test_it_does_not_matter_whether_the_earlier_change_waits_travels_or_is_applied(
    latest: LatestState,
) -> None:
    for name, steps in (("waits", 0), ("travels", 1), ("applied", 2)):
        audience = AudienceKey(name)
        lane = Lane[str](audience, latest)
        lane.offer(a_change(audience=audience), "part", now=0)
        if steps:
            batch = lane.take(now=0)
            if steps == 2:
                lane.remember(batch)
                lane.end_flush()
        lane.offer(a_change(audience=audience, at=101, source="events-1"), "part", now=0)

    assert latest.wanderers.count == 3


def test_a_member_is_counted_once_however_often_it_wanders(
    lane: Lane[str], latest: LatestState
) -> None:
    for at in range(6):
        lane.offer(a_change(at=at, source=f"events-{at % 2}"), "part", now=0)

    assert latest.wanderers.count == 1


def test_two_members_are_two(lane: Lane[str], latest: LatestState) -> None:
    for person in ("ana", "ben"):
        for source in ("events-0", "events-1"):
            change = a_change(identifier=an_email(person), source=source)
            lane.offer(change, "part", now=0)

    assert latest.wanderers.count == 2


def test_what_is_remembered_is_bounded_and_the_longest_known_is_forgotten_first() -> None:
    wanderers = Wanderers(remembered=2)
    for value in ("a", "b", "c", "b", "c", "a"):
        wanderers.see(VIP, value)

    assert wanderers.count == 4
    assert len(wanderers._seen) == 2
