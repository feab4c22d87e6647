from dataclasses import replace

from consumer.audience.membership import Action
from consumer.audience.version import supersedes
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.segment.event import SegmentEvent
from consumer.segment.membership_rules import Origin
from consumer.segment.record_reading import read_record
from tests.segment_events import a_plain_call, a_policy, an_identify, event_of

ORIGIN = Origin("events-3", 41)
BAD = Rejected(RejectReason.INVALID_EVENT, "type is missing", "vip")
ENTERS, LEAVES = event_of(an_identify()), event_of(an_identify(value=False))


def unnamed(event: SegmentEvent) -> SegmentEvent:
    return replace(event, message_id="")


def test_of_two_events_of_one_moment_in_one_record_the_later_wins() -> None:
    for first, second in ((ENTERS, LEAVES), (LEAVES, ENTERS)):
        one, other = read_record((first, second), a_policy(), ORIGIN).changes

        assert supersedes(other, one)
        assert not supersedes(one, other)


def test_the_next_record_wins_over_any_place_in_this_one() -> None:
    *_, last = read_record((ENTERS, LEAVES), a_policy(), ORIGIN).changes
    (next_one,) = read_record((ENTERS,), a_policy(), replace(ORIGIN, offset=42)).changes

    assert supersedes(next_one, last)


def test_events_without_an_id_are_told_apart_by_their_place() -> None:
    changes = read_record((unnamed(ENTERS), unnamed(LEAVES)), a_policy(), ORIGIN).changes

    assert [change.message_id for change in changes] == ["events-3-41", "events-3-41:1"]


def test_a_rejected_event_leaves_the_others_and_is_told_by_its_place() -> None:
    read = read_record((ENTERS, BAD, LEAVES, BAD), a_policy(), ORIGIN)

    assert [change.action for change in read.changes] == [Action.ADD, Action.REMOVE]
    assert read.rejected == replace(BAD, detail="event 2 of 4: type is missing; 2 of 4 are refused")
    assert read.stage == "decode"


def test_the_only_event_of_a_record_needs_no_place() -> None:
    assert read_record((BAD,), a_policy(), ORIGIN).rejected == BAD


def test_an_event_the_rules_refuse_says_so() -> None:
    unnameable = event_of(an_identify(key="café"))

    read = read_record((ENTERS, unnameable), a_policy("spring_sale_openers", "café"), ORIGIN)

    assert read.rejected is not None
    assert (read.rejected.reason, read.stage) == (RejectReason.INVALID_AUDIENCE_NAME, "rules")
    assert len(read.changes) == 1


def test_reasons_of_every_event_are_kept() -> None:
    page = event_of(a_plain_call("page"))

    read = read_record((Ignored(IgnoreReason.TOMBSTONE), page, ENTERS), a_policy(), ORIGIN)

    assert sorted(read.ignored) == [IgnoreReason.NOT_AN_AUDIENCE, IgnoreReason.TOMBSTONE]
    assert read.events_with_changes == 1
