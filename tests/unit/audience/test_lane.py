import pytest

from consumer.audience.lane import Lane
from consumer.audience.lanes import FlushPolicy, Lanes
from consumer.audience.latest_state import Applied, LatestState
from consumer.audience.membership import Action, AudienceKey, Identifier, IdentifierType
from consumer.record import IgnoreReason
from tests.builders import VIP, a_change, an_email

ADD, REMOVE = Action.ADD, Action.REMOVE
EMAIL, AAID, IDFA = IdentifierType
STALE, DUPLICATE = IgnoreReason.STALE, IgnoreReason.DUPLICATE
PHONE = Identifier(AAID, ("a-phone",))


def a_lane(capacity: int = 1000) -> Lane[str]:
    return Lane(VIP, LatestState(capacity))


def flushed(lane: Lane[str]) -> list[str]:
    batch = lane.take(now=0)
    lane.remember(batch)
    lane.end_flush()
    return batch.parts()


def test_every_identifier_of_a_change_is_a_row() -> None:
    lane = a_lane()
    lane.offer(a_change(), "p1", now=0)
    lane.offer(a_change(identifier=PHONE), "p2", now=0)
    batch = lane.take(now=0)

    assert batch.files() == [(ADD, EMAIL), (ADD, AAID)]
    assert batch.rows(ADD, EMAIL) == ["m", "s1", "s2"]
    assert batch.rows(ADD, AAID) == ["a-phone"]
    assert batch.parts() == ["p1", "p2"]
    assert len(batch) == 4


def test_removes_are_sent_before_adds() -> None:
    lane = a_lane()
    lane.offer(a_change(), "p1", now=0)
    lane.offer(a_change(REMOVE, identifier=PHONE), "p2", now=0)

    assert lane.take(now=0).files() == [(REMOVE, AAID), (ADD, EMAIL)]


def test_a_newer_change_replaces_a_waiting_one_which_is_stale() -> None:
    lane = a_lane()
    lane.offer(a_change(at=1), "enter", now=0)

    assert lane.offer(a_change(REMOVE, at=2), "exit", now=0) == [("enter", STALE)]
    assert lane.take(now=0).files() == [(REMOVE, EMAIL)]


def test_an_older_change_is_stale_beside_a_waiting_one() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=2), "exit", now=0)

    assert lane.offer(a_change(at=1), "enter", now=0) == [("enter", STALE)]


def test_an_older_change_is_stale_beside_one_in_flight() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=2), "exit", now=0)
    lane.take(now=0)

    assert lane.offer(a_change(at=1), "enter", now=0) == [("enter", STALE)]


def test_an_older_change_is_stale_after_a_newer_one_was_applied() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=2), "exit", now=0)

    assert flushed(lane) == ["exit"]
    assert lane.offer(a_change(at=1), "enter", now=0) == [("enter", STALE)]


def test_what_failed_is_not_remembered_so_its_replay_goes_out() -> None:
    lane = a_lane()
    change = a_change()
    lane.offer(change, "first", now=0)
    lane.take(now=0)
    lane.end_flush()

    assert lane.offer(change, "replay", now=0) == []
    assert flushed(lane) == ["replay"]


@pytest.mark.parametrize("stage", ["waiting", "in flight", "applied"])
def test_a_repeated_message_is_a_duplicate_even_when_received_later(stage: str) -> None:
    lane = a_lane()
    lane.offer(a_change(at=1, received=1, message_id="id"), "first", now=0)
    if stage != "waiting":
        lane.take(now=0)
    if stage == "applied":
        assert lane.in_flight is not None
        lane.remember(lane.in_flight)
        lane.end_flush()

    assert lane.offer(a_change(at=1, received=9, message_id="id"), "again", now=0) == [
        ("again", DUPLICATE)
    ]


def test_a_repeat_of_a_message_that_was_superseded_is_still_a_duplicate() -> None:
    lane = a_lane()
    lane.offer(a_change(at=1, message_id="enter"), "1", now=0)
    lane.offer(a_change(REMOVE, at=2, message_id="exit"), "2", now=0)
    flushed(lane)

    assert lane.offer(a_change(at=1, received=99, message_id="enter"), "3", now=0) == [
        ("3", DUPLICATE)
    ]


def test_the_ids_of_the_oldest_messages_are_forgotten_first() -> None:
    lane = a_lane()
    for number in (1, 2):
        lane.offer(a_change(at=number, message_id=f"applied-{number}"), "applied", now=0)
    flushed(lane)
    for number in (1, 2, 3, 4):
        change = a_change(REMOVE, at=9, received=number, message_id=f"waiting-{number}")
        lane.offer(change, "waiting", now=0)

    assert lane.offer(a_change(at=9, received=99, message_id="waiting-1"), "again", now=0) == [
        ("again", DUPLICATE)
    ]


@pytest.mark.parametrize("stage", ["waiting", "in flight", "applied"])
def test_a_message_that_came_too_late_is_no_news_when_it_is_repeated(stage: str) -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=5, received=2, message_id="exit"), "exit", now=0)
    if stage != "waiting":
        batch = lane.take(now=0)
        if stage == "applied":
            lane.remember(batch)
            lane.end_flush()
    late = lane.offer(a_change(at=5, received=1, message_id="enter"), "enter", now=0)

    assert late == [("enter", STALE)]
    assert lane.offer(a_change(at=5, received=3, message_id="enter"), "again", now=0) == [
        ("again", DUPLICATE)
    ]


def test_a_late_message_of_a_clock_ahead_is_no_news_when_it_is_repeated() -> None:
    """The time of such an event is clamped by its reception, and so grows when it is received again."""
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=400, received=390, message_id="exit"), "exit", now=0)
    lane.offer(a_change(at=310, received=10, message_id="enter"), "enter", now=0)

    assert lane.offer(a_change(at=800, received=500, message_id="enter"), "again", now=0) == [
        ("again", DUPLICATE)
    ]


def test_late_messages_do_not_push_out_the_one_that_stands() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=5, received=9, message_id="exit"), "exit", now=0)
    for number in range(6):
        lane.offer(a_change(at=5, received=number, message_id=f"late-{number}"), "late", now=0)

    assert lane.offer(a_change(REMOVE, at=5, received=20, message_id="exit"), "again", now=0) == [
        ("again", DUPLICATE)
    ]


def test_a_remove_by_one_hash_removes_every_hash_of_an_email_that_is_known() -> None:
    for prepare in (lambda _: None, lambda lane: lane.take(now=0), flushed):
        lane = a_lane()
        lane.offer(a_change(at=1, identifier=an_email("m", "s1", "s2")), "enter", now=0)
        prepare(lane)
        lane.offer(a_change(REMOVE, at=2, identifier=an_email("s2")), "exit", now=0)
        if lane.in_flight is not None:
            lane.end_flush()

        assert sorted(lane.take(now=0).rows(REMOVE, EMAIL)) == ["m", "s1", "s2"]


def test_an_add_by_one_hash_travels_as_it_came() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=1), "exit", now=0)

    assert lane.offer(a_change(at=2, identifier=an_email("s2")), "enter", now=0) == []

    batch = lane.take(now=0)

    assert batch.rows(REMOVE, EMAIL) == ["m", "s1"]
    assert batch.rows(ADD, EMAIL) == ["s2"]
    assert batch.parts() == ["exit", "enter"]


def test_an_older_add_by_all_hashes_is_stale_after_a_remove_by_one() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=2, identifier=an_email("s2")), "exit", now=0)

    assert lane.offer(a_change(at=1), "enter", now=0) == [("enter", STALE)]


def test_a_refused_add_blocks_older_adds_that_wait_or_come_later() -> None:
    lane = a_lane()
    lane.offer(a_change(at=1), "old", now=0)

    assert lane.withhold(a_change(at=3)) == [("old", STALE)]
    assert lane.waiting_since is None
    assert lane.offer(a_change(at=2), "older", now=0) == [("older", STALE)]
    assert lane.offer(a_change(at=4), "newer", now=0) == []


def test_a_refused_add_by_one_hash_blocks_the_whole_email_that_is_known_by_it() -> None:
    lane = a_lane()
    lane.offer(a_change(at=1), "old", now=0)

    assert lane.withhold(a_change(at=3, identifier=an_email("s2"))) == [("old", STALE)]


def test_a_refused_add_blocks_no_remove_and_no_newer_add() -> None:
    lane = a_lane()
    lane.offer(a_change(REMOVE, at=1, identifier=an_email("x")), "exit", now=0)
    lane.offer(a_change(at=9, identifier=an_email("y")), "enter", now=0)

    assert lane.withhold(a_change(at=3, identifier=an_email("x"))) == []
    assert lane.withhold(a_change(at=3, identifier=an_email("y"))) == []
    assert lane.offer(a_change(REMOVE, at=2, identifier=an_email("x")), "later exit", now=0) == [
        ("exit", STALE)
    ]


def test_a_refused_add_blocks_an_add_of_the_same_moment_however_often_it_is_repeated() -> None:
    lane = a_lane()
    lane.withhold(a_change(at=3, received=5))
    lane.offer(a_change(at=3, received=4, message_id="enter"), "enter", now=0)

    assert lane.offer(a_change(at=3, received=9, message_id="enter"), "again", now=0) == [
        ("again", STALE)
    ]


def test_a_refused_add_takes_a_waiting_one_of_the_same_moment_with_it() -> None:
    lane = a_lane()
    lane.offer(a_change(at=3, received=9), "enter", now=0)

    assert lane.withhold(a_change(at=3, received=5)) == [("enter", STALE)]


def test_an_older_refusal_does_not_weaken_a_newer_one() -> None:
    lane = a_lane()
    lane.withhold(a_change(at=5))
    lane.withhold(a_change(at=2))

    assert lane.offer(a_change(at=4), "enter", now=0) == [("enter", STALE)]


def test_only_one_flush_is_under_way_at_a_time() -> None:
    lane = a_lane()
    lane.offer(a_change(at=1), "1", now=0)
    lane.take(now=0)
    lane.offer(a_change(at=2), "2", now=0)

    with pytest.raises(RuntimeError, match="one non-empty batch at a time"):
        lane.take(now=0)


def test_an_empty_lane_has_nothing_to_flush() -> None:
    with pytest.raises(RuntimeError):
        a_lane().take(now=0)


def test_released_changes_wait_no_longer() -> None:
    lane = a_lane()
    lane.offer(a_change(identifier=PHONE), "ours", now=3)
    lane.offer(a_change(), "theirs", now=4)
    lane.release(lambda part: part == "theirs")

    assert lane.take(now=5).parts() == ["ours"]


def test_released_changes_in_flight_are_left_out_of_files_still_to_be_made() -> None:
    lane = a_lane()
    lane.offer(a_change(identifier=PHONE), "ours", now=0)
    lane.offer(a_change(), "theirs", now=0)
    batch = lane.take(now=0)

    assert batch.carries(lambda part: part == "theirs")

    batch.release(lambda part: part == "theirs")

    assert not batch.carries(lambda part: part == "theirs")
    assert batch.files() == [(ADD, AAID)]
    assert not batch.rows(ADD, EMAIL)
    assert batch.parts() == ["ours"]
    assert batch.pending("m") is None
    assert len(batch) == 1


def test_a_batch_gives_each_change_once_with_the_values_it_still_stands_for() -> None:
    lane = a_lane()
    lane.offer(a_change(at=1, identifier=an_email("a", "b")), "first", now=0)
    lane.offer(a_change(at=2, identifier=an_email("b", "c")), "second", now=0)
    lane.offer(a_change(at=3, identifier=PHONE), "third", now=0)

    live = lane.take(now=0).live()

    assert [(pending.part, values) for pending, values in live] == [
        ("first", ("a",)),
        ("second", ("b", "c")),
        ("third", PHONE.values),
    ]


def test_what_was_applied_is_remembered_as_it_was() -> None:
    latest = LatestState(capacity=10)
    change = a_change(Action.REMOVE, identifier=PHONE, message_id="m-2")
    latest.remember(change, PHONE.values, ("m-1", "m-2"))
    latest.withhold(a_change(at=7), ("m", "s1"))

    assert latest.applied(VIP, PHONE.values[0]) == Applied(change, ("m-1", "m-2"))
    assert latest.withheld(VIP, "s1") == a_change(at=7)


def test_a_flush_is_due_by_age_or_by_rows() -> None:
    lanes: Lanes[str] = Lanes(FlushPolicy(seconds=10, rows=4), LatestState(100))

    assert lanes.next_due() is None

    lanes.offer(a_change(), "1", now=100)
    lane = lanes.open(VIP)

    assert lanes.next_due() == 110
    assert lanes.first_due(now=109) is None
    assert lanes.first_due(now=110) is lane
    assert lanes.first_waiting() is lane

    lanes.offer(a_change(identifier=PHONE), "2", now=101)

    assert lanes.first_due(now=101) is lane
    assert lanes.next_due() == 0


def test_a_lane_with_a_flush_under_way_is_not_due() -> None:
    lanes: Lanes[str] = Lanes(FlushPolicy(seconds=10, rows=4), LatestState(100))
    lanes.offer(a_change(at=1), "1", now=0)
    lane = opened(lanes, VIP)
    lanes.take(lane, now=0)
    lanes.offer(a_change(at=2), "2", now=0)

    assert lanes.first_due(now=1000) is None

    lanes.end_flush(lane)

    assert lanes.first_due(now=1000) is lane


def test_a_lane_of_which_nothing_is_left_is_closed_and_its_audience_known() -> None:
    lanes: Lanes[str] = Lanes(FlushPolicy(seconds=10, rows=4), LatestState(100))
    lanes.offer(a_change(at=5), "1", now=0)
    lane = opened(lanes, VIP)
    lane.remember(lanes.take(lane, now=0))
    lanes.end_flush(lane)

    assert (list(lanes), list(lanes.audiences())) == ([], [VIP])
    assert lanes.offer(a_change(at=4), "2", now=0) == [("2", IgnoreReason.STALE)]
    assert list(lanes) == []


def test_lanes_are_independent() -> None:
    lanes: Lanes[str] = Lanes(FlushPolicy(seconds=10, rows=4), LatestState(100))
    other = AudienceKey("other")
    lanes.offer(a_change(at=2), "1", now=0)

    assert lanes.offer(a_change(at=1, audience=other), "2", now=0) == []
    assert [lane.audience for lane in lanes] == [VIP, other]

    lanes.release(lambda part: part == "1")

    assert [lane.audience for lane in lanes] == [other]
    assert lanes.first_waiting() is lanes.open(other)


def test_the_guard_forgets_the_least_recent_members_first_and_counts_them() -> None:
    latest = LatestState(capacity=2)
    lane: Lane[str] = Lane(VIP, latest)
    for number in range(3):
        lane.offer(a_change(REMOVE, at=9, identifier=an_email(f"h{number}")), str(number), now=0)
    flushed(lane)

    assert (len(latest), latest.evictions) == (2, 1)
    assert lane.offer(a_change(at=1, identifier=an_email("h0")), "forgotten", now=0) == []
    assert lane.offer(a_change(at=1, identifier=an_email("h2")), "remembered", now=0) == [
        ("remembered", STALE)
    ]


def test_refusals_are_forgotten_too_when_nothing_else_is_left_to_forget() -> None:
    latest = LatestState(capacity=1)
    lane: Lane[str] = Lane(VIP, latest)
    lane.withhold(a_change(at=5, identifier=an_email("a")))
    lane.withhold(a_change(at=5, identifier=an_email("b")))

    assert latest.evictions == 1
    assert lane.offer(a_change(at=1, identifier=an_email("a")), "forgotten", now=0) == []


def test_an_identifier_does_not_show_its_values() -> None:
    assert "secret" not in repr(a_change(identifier=an_email("secret")))


def opened(lanes: Lanes[str], audience: AudienceKey) -> Lane[str]:
    lane = lanes.open(audience)
    assert lane is not None
    return lane
