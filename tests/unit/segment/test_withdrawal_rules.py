from dataclasses import replace

import pytest

from consumer.audience.membership import IdentifierType
from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
from consumer.choices import EmailHash, OnDeletion
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.membership_policy import MembershipPolicy
from consumer.segment.membership_rules import Note, Reading, read_changes
from tests.segment_events import (
    EMAIL,
    ORIGIN,
    Fields,
    a_plain_call,
    a_policy,
    event_of,
    hashes_of,
    read,
)

CONSENT_EVENT = "Segment Consent Preference Updated"
IDFA = "9A8B7C6D-5E4F-4A3B-8C2D-1E0F9A8B7C6D"
CATEGORY = "Advertising"
ENFORCED = a_policy(consent_categories=[CATEGORY])
TRAITS = {"email": EMAIL}
PHONE = {"device": {"type": "ios", "advertisingId": IDFA, "adTrackingEnabled": False}}


def deletion(**fields: object) -> Fields:
    return a_plain_call("delete", **{"context": [], "integrations": [], **fields})


def consent(preferences: object, **fields: object) -> Fields:
    context = {"consent": preferences, "traits": TRAITS}
    return a_plain_call("track", **{"event": CONSENT_EVENT, "context": context, **fields})


def withdrawal_of(fields: Fields, policy: MembershipPolicy | None = None) -> Withdrawal:
    reading = read(fields, policy)
    assert reading.withdrawal is not None
    assert (reading.changes, reading.ignored) == ((), ())
    return reading.withdrawal


def nothing(reason: IgnoreReason) -> tuple[tuple[()], tuple[IgnoreReason]]:
    return (), (reason,)


@pytest.mark.parametrize(
    "shown",
    [
        {"traits": TRAITS},
        {"properties": TRAITS},
        {"context": {"traits": TRAITS}},
        {"context": {"externalIds": [{"type": "email", "id": EMAIL}]}},
    ],
)
def test_a_deletion_withdraws_the_email_it_shows_anywhere(shown: Fields) -> None:
    withdrawal = withdrawal_of(deletion(**shown))

    (identifier,) = withdrawal.identifiers
    assert withdrawal.cause is WithdrawalCause.DELETION
    assert identifier.values == withdrawal.email_hashes == hashes_of(EMAIL)


def test_a_deletion_withdraws_phones_too_even_those_that_limit_tracking() -> None:
    withdrawal = withdrawal_of(deletion(context=PHONE, traits=TRAITS))

    assert [each.type for each in withdrawal.identifiers] == [
        IdentifierType.EMAIL_HASH,
        IdentifierType.IDFA,
    ]
    assert withdrawal.email_hashes == hashes_of(EMAIL)


def test_an_email_is_withdrawn_by_every_hash_whatever_is_sent_otherwise() -> None:
    policy = replace(a_policy(), email_hashes=(EmailHash.SHA256,))

    assert withdrawal_of(deletion(traits=TRAITS), policy).email_hashes == hashes_of(EMAIL)


def test_kinds_of_identifiers_that_are_never_sent_are_not_withdrawn() -> None:
    policy = replace(a_policy(), identifier_types=frozenset({IdentifierType.IDFA}))

    (identifier,) = withdrawal_of(deletion(context=PHONE, traits=TRAITS), policy).identifiers
    assert identifier.type is IdentifierType.IDFA


def test_a_deletion_is_as_of_its_own_time_and_is_known_by_its_own_id() -> None:
    withdrawal = withdrawal_of(
        deletion(traits=TRAITS, messageId="delete-1", timestamp="2026-03-02T08:15:00Z")
    )

    assert withdrawal.message_id == "delete-1"
    assert withdrawal.version.event_us == 1_772_439_300_000_000
    assert (withdrawal.version.source, withdrawal.version.offset) == (ORIGIN.source, ORIGIN.offset)


def test_a_deletion_from_the_future_counts_as_of_its_receipt() -> None:
    reading = read(deletion(traits=TRAITS, timestamp="2031-01-01T00:00:00Z"))

    assert reading.notes == (Note.CLOCK_CLAMPED,)


def test_a_deletion_of_a_user_id_alone_can_be_ignored_and_is_told_apart_from_none() -> None:
    reading = read(deletion(), replace(a_policy(), on_deletion=OnDeletion.REMOVE))

    assert (reading.changes, reading.ignored) == nothing(IgnoreReason.DELETION)
    assert reading.withdrawal is not None
    assert reading.withdrawal.identifiers == ()


def test_a_deletion_of_a_user_id_alone_is_rejected_without_naming_it() -> None:
    policy = a_policy()

    rejected = read_changes(event_of(deletion()), policy, ORIGIN)

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.UNUSABLE_DELETION
    assert "user-77" not in rejected.detail
    assert withdrawal_of(deletion(traits=TRAITS), policy).email_hashes


def test_deletions_can_be_left_to_others() -> None:
    policy = replace(a_policy(), on_deletion=OnDeletion.IGNORE)

    reading = read(deletion(traits=TRAITS), policy)

    assert reading == Reading((), ignored=(IgnoreReason.DELETION,))


@pytest.mark.parametrize(
    ("integrations", "is_followed"),
    [
        ([], True),
        ({}, True),
        ({"All": False, "LiveIntent Audiences": True}, True),
        ({"LiveIntent Audiences": False}, True),
        ({"All": False, "Other": True}, False),
    ],
)
def test_only_a_deletion_for_other_destinations_alone_is_none_of_ours(
    integrations: object, is_followed: bool
) -> None:
    reading = read(deletion(traits=TRAITS, integrations=integrations))

    assert (reading.withdrawal is not None) is is_followed
    assert reading.ignored == (() if is_followed else (IgnoreReason.NOT_ADDRESSED,))


@pytest.mark.parametrize(
    "preferences",
    [
        {"categoryPreferences": {CATEGORY: False}},
        {"categoryPreferences": {"Functional": True}},
        {"categoryPreferences": {}},
        {"categoryPreferences": {CATEGORY: "true"}},
    ],
)
def test_consent_that_is_false_or_missing_is_taken_back(preferences: object) -> None:
    withdrawal = withdrawal_of(consent(preferences), ENFORCED)

    assert withdrawal.cause is WithdrawalCause.CONSENT
    assert withdrawal.email_hashes == hashes_of(EMAIL)


@pytest.mark.parametrize("preferences", [{"categoryPreferences": {CATEGORY: True}}, {}, None])
def test_consent_that_is_given_or_not_told_is_an_ordinary_call(preferences: object) -> None:
    reading = read(consent(preferences), ENFORCED)

    assert reading == Reading((), ignored=(IgnoreReason.NOT_AN_AUDIENCE,))


def test_consent_is_not_looked_at_where_it_is_not_enforced() -> None:
    reading = read(consent({"categoryPreferences": {CATEGORY: False}}))

    assert reading == Reading((), ignored=(IgnoreReason.NOT_AN_AUDIENCE,))


def test_an_event_of_another_name_takes_no_consent_back() -> None:
    refused = {"categoryPreferences": {CATEGORY: False}}

    reading = read(consent(refused, event="Product Viewed"), ENFORCED)

    assert reading == Reading((), ignored=(IgnoreReason.NOT_AN_AUDIENCE,))


def test_a_visitor_nobody_knows_who_takes_consent_back_is_ignored() -> None:
    refused = {"consent": {"categoryPreferences": {CATEGORY: False}}}

    reading = read(consent(None, context=refused), ENFORCED)

    assert (reading.changes, reading.ignored) == nothing(IgnoreReason.NOT_AN_AUDIENCE)
    assert reading.withdrawal is not None
