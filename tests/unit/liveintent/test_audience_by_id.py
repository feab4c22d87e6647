from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consumer.audience.membership import AudienceKey
from consumer.liveintent.audience_answers import AudienceRefused, Undecided
from consumer.liveintent.audience_by_id import judged_by_id
from consumer.liveintent.exchange import Decided
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.liveintent.upload_outcome import NotFound, Refused, Success
from tests.unit.liveintent.fake_liveintent import ACCOUNT

VIP = AudienceKey("vip")
ROW = AudienceRow(AudienceId(5), "any name", 7001, 84, "Active", datetime(2026, 1, 1, tzinfo=UTC))


def judged(outcome: Decided[AudienceRow]) -> AudienceRow | AudienceRefused | Undecided:
    return judged_by_id(outcome, VIP, AudienceId(5), account=ACCOUNT)


@pytest.mark.parametrize("status", ["Active", "Archived", "Building"])
def test_what_is_there_and_ours_is_given_whatever_its_name(status: str) -> None:
    row = replace(ROW, status=status)

    assert judged(Success(row)) == row


@pytest.mark.parametrize(
    ("outcome", "detail"),
    [
        (Success(replace(ROW, account_id=1)), "belongs to account 1 and data provider 84"),
        (Success(replace(ROW, data_provider_id=1)), "belongs to account 7001 and data provider 1"),
        (Success(replace(ROW, status="Deleted")), "was deleted at LiveIntent"),
        (NotFound("no such audience"), "LIVEINTENT_URL knows no audience 5"),
    ],
)
def test_what_can_never_be_used_is_refused_with_the_setting_to_correct(
    outcome: Decided[AudienceRow], detail: str
) -> None:
    refused = judged(outcome)

    assert isinstance(refused, AudienceRefused)
    assert detail in refused.detail
    assert "LIVEINTENT_AUDIENCE_IDS gives vip" in refused.detail


@pytest.mark.parametrize(
    "outcome", [Refused(400, "bad_request", ""), Success(replace(ROW, id=AudienceId(6)))]
)
def test_an_answer_that_tells_nothing_of_it_is_no_reason_to_refuse(
    outcome: Decided[AudienceRow],
) -> None:
    assert isinstance(judged(outcome), Undecided)
