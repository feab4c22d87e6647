import json
from collections.abc import Sequence

import pytest
import structlog

from consumer import withdrawing as withdrawing_module
from consumer.audience.membership import AudienceKey
from consumer.choices import PrivacyRequests
from consumer.liveintent.privacy import LetGo
from consumer.liveintent.privacy_request import PrivacyRequest
from consumer.privacy_delivery import PrivacyDelivery
from consumer.record import IgnoreReason, RejectReason
from consumer.segment.record_reading import RecordReading, read_record
from consumer.withdrawing import Asked
from tests.builders import a_change
from tests.scenarios.withdrawals import deletion
from tests.segment_events import ORIGIN, Fields, a_policy, event_of, every_audience, hashes_of
from tests.unit.delivery.parts import Parts, delivering, withdrawing

ANA, BEN = "ana@example.com", "ben@example.com"


class NeverAsked:
    async def submit(self, request: PrivacyRequest, *, is_wanted: object) -> LetGo:
        raise AssertionError(json.dumps(request.request_id))


def reading(*events: Fields) -> RecordReading:
    return read_record([event_of(each) for each in events], every_audience(), ORIGIN)


def privacy_of(parts: Parts) -> PrivacyDelivery:
    return PrivacyDelivery(
        api=NeverAsked(),
        asked_for=[PrivacyRequests.ERASE],
        ledger=parts.ledger,
        refusals=parts.refusals,
        metrics=parts.metrics,
    )


def removed_from(asked: Asked) -> Sequence[str]:
    return [change.audience for change in asked.removals]


async def test_a_person_leaves_the_listed_audiences_and_those_that_were_met() -> None:
    async with delivering() as parts:
        following = withdrawing(parts, "listed", "met")
        for name in ("met", "met_as_well"):
            parts.delivery.withhold(a_change(audience=AudienceKey(name)))

        assert removed_from(following.asked_by(reading(deletion(ANA)))) == [
            "listed",
            "met",
            "met_as_well",
        ]


async def test_without_an_audience_and_without_a_request_a_withdrawal_is_ignored() -> None:
    async with delivering() as parts:
        asked = withdrawing(parts).asked_by(reading(deletion(ANA)))

        assert (asked.parts, asked.ignored) == (0, [IgnoreReason.DELETION])
        outcome = {"cause": "deletion", "outcome": "nowhere"}
        assert parts.metric("withdrawals_total", **outcome) == 1


async def test_without_an_audience_a_request_is_made_all_the_same() -> None:
    async with delivering() as parts:
        following = withdrawing(parts, privacy=privacy_of(parts))
        asked = following.asked_by(reading(deletion(ANA)))

        assert [each.email_hashes for each in asked.requests] == [hashes_of(ANA)]
        assert asked.ignored == []


async def test_each_person_of_a_record_has_a_request_of_their_own() -> None:
    async with delivering() as parts:
        following = withdrawing(parts, "vip", privacy=privacy_of(parts))
        asked = following.asked_by(reading(deletion(ANA), deletion(), deletion(BEN)))

        assert [each.email_hashes for each in asked.requests] == [hashes_of(ANA), hashes_of(BEN)]
        assert len(asked.removals) == 2


async def test_a_request_without_a_privacy_api_is_a_mistake_of_ours() -> None:
    async with delivering() as parts:
        asked = withdrawing(parts, privacy=privacy_of(parts)).asked_by(reading(deletion(ANA)))

        with pytest.raises(RuntimeError, match="without a Privacy API"):
            withdrawing(parts).follow(asked, parts.entry(), admits=lambda _: True)


async def test_a_record_of_too_many_withdrawals_is_dead_lettered_and_one_alone_never_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(withdrawing_module, "REMOVALS_MAX", 3)
    names = [f"audience_{number}" for number in range(4)]
    async with delivering() as parts:
        following = withdrawing(parts, *names)
        one = following.asked_by(reading(deletion(ANA)))
        two = following.asked_by(reading(deletion(ANA), deletion(BEN)))

        assert len(one.removals) == 4
        assert two.parts == 0
        assert two.rejected is not None
        assert two.rejected.reason is RejectReason.TOO_LARGE
        assert "2 withdrawals ask for 8 removals from 4 audiences" in two.rejected.detail


async def test_the_first_deletion_nobody_can_follow_is_warned_of_and_all_are_counted() -> None:
    async with delivering() as parts:
        following = withdrawing(parts, "vip")
        with structlog.testing.capture_logs() as lines:
            following.asked_by(reading(deletion()))
            following.asked_by(reading(deletion(), deletion()))

        assert [each["log_level"] for each in lines] == ["warning"]
        outcome = {"cause": "deletion", "outcome": "unusable"}
        assert parts.metric("withdrawals_total", **outcome) == 3


async def test_an_ordinary_record_asks_for_nothing_here() -> None:
    async with delivering() as parts:
        ordinary = read_record([], a_policy(), ORIGIN)

        assert withdrawing(parts, "vip").asked_by(ordinary) == Asked()
