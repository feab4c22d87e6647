import pytest

from consumer.audience.membership import Identifier, IdentifierType, Version
from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
from consumer.choices import PrivacyEntity, PrivacyJurisdiction, PrivacyRequests
from consumer.liveintent.privacy_request import (
    PrivacyAction,
    PrivacyRequest,
    PrivacyScope,
    PrivacyTerms,
    body_of,
    read_transaction_id,
    request_of,
    requested_action,
)
from consumer.liveintent.shapes import UnexpectedShape
from tests.segment_events import hashes_of

HASHES = hashes_of("ana@example.com")
EMAIL = Identifier(IdentifierType.EMAIL_HASH, HASHES)
PHONE = Identifier(IdentifierType.IDFA, ("9A8B7C6D-5E4F-4A3B-8C2D-1E0F9A8B7C6D",))


def withdrawal(*identifiers: Identifier, position: int = 0) -> Withdrawal:
    version = Version(5, 6, "events-3", 41, position)
    return Withdrawal(WithdrawalCause.DELETION, identifiers, version, "delete-1")


def test_a_request_holds_one_persons_hashes_and_the_place_of_its_event() -> None:
    request = request_of(withdrawal(EMAIL, PHONE), PrivacyAction.ERASURE)

    assert request == PrivacyRequest(PrivacyAction.ERASURE, HASHES, "events-3-41")
    assert HASHES[0] not in repr(request)


def test_the_events_of_one_record_have_requests_of_different_ids() -> None:
    request = request_of(withdrawal(EMAIL, position=2), PrivacyAction.ERASURE)

    assert request is not None
    assert request.request_id == "events-3-41:2"


def test_no_request_can_be_made_for_a_phone() -> None:
    assert request_of(withdrawal(PHONE), PrivacyAction.ERASURE) is None


def test_only_what_was_asked_for_is_requested() -> None:
    deletion, consent = WithdrawalCause.DELETION, WithdrawalCause.CONSENT
    erase, restrict = PrivacyRequests.ERASE, PrivacyRequests.RESTRICT

    assert requested_action(deletion, [erase]) is PrivacyAction.ERASURE
    assert requested_action(deletion, [restrict]) is None
    assert requested_action(consent, [erase]) is None
    assert requested_action(consent, [erase, restrict]) is PrivacyAction.RESTRICT


def test_the_body_names_no_scope_and_no_law_unless_told_to() -> None:
    request = PrivacyRequest(PrivacyAction.ERASURE, HASHES, "events-3-41")

    assert body_of(request, PrivacyTerms()) == {
        "action": "ERASURE",
        "emailHashes": list(HASHES),
        "submitter": "segment-liveintent events-3-41",
    }


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("advertiser:12", {"entity_type": "advertiser", "id": 12}),
        ("publisher:7", {"entity_type": "publisher", "id": 7}),
        ("media_group:3", {"entity_type": "media_group", "id": 3}),
        ("global", {"entity_type": "global"}),
    ],
)
def test_the_scope_is_a_flat_object(text: str, document: object) -> None:
    request = PrivacyRequest(PrivacyAction.RESTRICT, HASHES, "check")
    terms = PrivacyTerms(PrivacyScope.of(text), PrivacyJurisdiction.EU_PRIVACY)

    body = body_of(request, terms)

    assert body["scope"] == document
    assert body["jurisdiction"] == "EU_PRIVACY"
    assert PrivacyScope.of("global") == PrivacyScope(PrivacyEntity.GLOBAL)


def test_an_accepted_request_has_a_number() -> None:
    assert read_transaction_id({"transactionId": "t-1", "more": 1}) == "t-1"


@pytest.mark.parametrize(
    "body", [None, [], {}, {"transactionId": 5}, {"transactionId": ""}, {"transactionId": "a b"}]
)
def test_an_answer_without_a_usable_number_has_not_the_published_shape(body: object) -> None:
    with pytest.raises(UnexpectedShape, match="transactionId"):
        read_transaction_id(body)
