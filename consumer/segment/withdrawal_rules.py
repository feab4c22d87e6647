"""Which events ask that a person leave every audience, and by what the person is found.

Segment's deletion carries a userId, usually nothing else, and empty arrays for `context` and `integrations`; its consent
event is sent whatever the person chose (sources: Segment's pages on user deletion and on consent in connections).
"""

from collections.abc import Mapping
from dataclasses import replace

from consumer.audience.membership import Identifier
from consumer.audience.withdrawal import WithdrawalCause
from consumer.choices import EmailHash, OnDeletion
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.addressing import Addressing, addressing_of, has_consent
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.identifiers import identifiers_of
from consumer.segment.membership_policy import MembershipPolicy

CONSENT_EVENT = "Segment Consent Preference Updated"
"""A name Segment keeps for itself: customers cannot rename it, so here alone a name decides."""

IGNORED_AS: Mapping[WithdrawalCause, IgnoreReason] = {
    WithdrawalCause.DELETION: IgnoreReason.DELETION,
    # Nearly all of them come from visitors nobody knows: ordinary calls, to us.
    WithdrawalCause.CONSENT: IgnoreReason.NOT_AN_AUDIENCE,
}
"""As what an event is counted that asks for this, and nothing can be done about it."""
_UNUSABLE = (
    "the deletion shows no email, no hash of one and no advertising id to find its person by"
)


def withdrawal_cause(event: SegmentEvent, policy: MembershipPolicy) -> WithdrawalCause | None:
    """Return why the event's person must leave every audience, None when the event does not ask for that.

    Consent is taken back only where it is enforced, and only by an event that shows a preference.
    """
    if event.type is EventType.DELETE:
        return WithdrawalCause.DELETION
    is_consent = event.type is EventType.TRACK and event.event_name == CONSENT_EVENT
    if is_consent and not has_consent(event.context.get("consent"), policy.consent_categories):
        return WithdrawalCause.CONSENT
    return None


def why_not_followed(
    event: SegmentEvent, cause: WithdrawalCause, policy: MembershipPolicy
) -> IgnoreReason | None:
    """Return why nothing is to be done, before anybody looks for identifiers.

    To be switched off by name stops nobody from leaving; an event for other destinations only is none of ours.
    """
    if cause is WithdrawalCause.DELETION and policy.on_deletion is OnDeletion.IGNORE:
        return IgnoreReason.DELETION
    addressing = addressing_of(event.integrations, policy.integration_names)
    return IgnoreReason.NOT_ADDRESSED if addressing is Addressing.NOT_ADDRESSED else None


def withdrawn_identifiers(event: SegmentEvent, policy: MembershipPolicy) -> tuple[Identifier, ...]:
    """Return whom the event is about, an email by every hash there is of it, whatever EMAIL_HASHES says.

    The person may have been added when that setting said something else.
    """
    return identifiers_of(event, replace(policy, email_hashes=tuple(EmailHash))).every


def without_identifier(cause: WithdrawalCause, policy: MembershipPolicy) -> IgnoreReason | Rejected:
    """Return what becomes of an event that shows nothing to find its person by."""
    if cause is WithdrawalCause.DELETION and policy.on_deletion is OnDeletion.STRICT:
        return Rejected(RejectReason.UNUSABLE_DELETION, _UNUSABLE)
    return IGNORED_AS[cause]
