"""The direct calls of a whole record."""

from dataclasses import replace
from typing import Never

import pytest

from consumer.choices import SegmentCall
from consumer.direct_calls.call import DirectCall
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.segment import direct_call_record
from consumer.segment.direct_call_record import NO_DIRECT_CALLS, read_direct_calls
from tests.direct_calls import NOW_US, a_direct_call_policy
from tests.segment_events import ORIGIN, a_plain_call, an_identify, event_of

POLICY = a_direct_call_policy()
PAGE = event_of(a_plain_call("page", traits={"email": "ada@example.com"}, messageId="m-1"))


def test_each_event_of_a_record_has_a_call_or_a_reason_of_its_own() -> None:
    old = replace(PAGE, timestamp_us=0, received_us=0)
    read = read_direct_calls((PAGE, old, PAGE), POLICY, ORIGIN, now_us=NOW_US)

    assert [call.message_id for call in read.calls] == ["m-1", "m-1"]
    assert read.ignored == (IgnoreReason.TOO_OLD,)
    assert read.size_bytes > sum(call.size_bytes for call in read.calls) > 0


def test_events_without_an_id_are_told_apart_by_their_place_in_the_record() -> None:
    nameless = replace(PAGE, message_id="")
    read = read_direct_calls((nameless, nameless), POLICY, ORIGIN, now_us=NOW_US)

    assert len({call.event_id for call in read.calls}) == 2


def test_what_is_no_event_or_about_an_audience_asks_for_nothing() -> None:
    others = (
        Ignored(IgnoreReason.TOMBSTONE),
        Rejected(RejectReason.UNDECODABLE),
        event_of(an_identify()),
    )

    assert read_direct_calls(others, POLICY, ORIGIN, now_us=NOW_US) == NO_DIRECT_CALLS


def test_an_ordinary_call_says_why_it_is_not_forwarded_and_not_that_it_is_about_no_audience() -> (
    None
):
    old = replace(PAGE, timestamp_us=0, received_us=0)
    read = read_direct_calls((old,), POLICY, ORIGIN, now_us=NOW_US)

    assert read.reasons([IgnoreReason.NOT_AN_AUDIENCE]) == [IgnoreReason.TOO_OLD]


def test_the_other_events_of_a_record_keep_their_reasons() -> None:
    old = replace(PAGE, timestamp_us=0, received_us=0)
    read = read_direct_calls((old, event_of(an_identify())), POLICY, ORIGIN, now_us=NOW_US)
    of_membership = [
        IgnoreReason.NOT_AN_AUDIENCE,
        IgnoreReason.NO_IDENTIFIER,
        IgnoreReason.NOT_AN_AUDIENCE,
    ]

    assert read.reasons(of_membership) == [
        IgnoreReason.NO_IDENTIFIER,
        IgnoreReason.NOT_AN_AUDIENCE,
        IgnoreReason.TOO_OLD,
    ]
    assert read.reasons([]) == [IgnoreReason.TOO_OLD]
    assert NO_DIRECT_CALLS.reasons(of_membership) == of_membership


def test_a_call_that_is_not_listed_is_off() -> None:
    policy = replace(POLICY, calls=frozenset({SegmentCall.TRACK}))
    read = read_direct_calls((PAGE,), policy, ORIGIN, now_us=NOW_US)

    assert (read.calls, read.ignored) == ((), (IgnoreReason.DIRECT_CALL_OFF,))


def test_a_bug_in_a_rule_costs_one_record_and_quotes_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_args: object, **_more: object) -> Never:
        raise KeyError("ada@example.com")

    monkeypatch.setattr(direct_call_record, "read_direct_call", broken)
    read = read_direct_calls((PAGE,), POLICY, ORIGIN, now_us=NOW_US)

    assert read.calls == ()
    assert read.rejected is not None
    assert read.rejected.reason is RejectReason.INVALID_EVENT
    assert "ada" not in read.rejected.detail + "".join(capsys.readouterr())


def test_a_reading_holds_direct_calls_only() -> None:
    (call,) = read_direct_calls((PAGE,), POLICY, ORIGIN, now_us=NOW_US).calls

    assert isinstance(call, DirectCall)
    assert "ada" not in repr(call)
