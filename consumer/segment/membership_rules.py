"""From a Segment event to membership changes: who enters or leaves which audience, and who must not be added."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from consumer.audience.membership import (
    AUDIENCE_NAME_MAX,
    Action,
    Identifier,
    MembershipChange,
    Version,
    is_audience_name,
)
from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.addressing import Addressing, addressing_of, has_consent, has_near_miss
from consumer.segment.claims import Claim, claims_of
from consumer.segment.event import SegmentEvent
from consumer.segment.identifiers import Identifiers, identifiers_of
from consumer.segment.membership_policy import MembershipPolicy
from consumer.segment.withdrawal_rules import (
    why_not_followed,
    withdrawal_cause,
    withdrawn_identifiers,
    without_identifier,
)

__all__ = ["MembershipPolicy", "Note", "Origin", "Reading", "read_changes"]

_PRECEDENCE = {reason: i for i, reason in enumerate(IgnoreReason)}
# Segment's own are 36 to 60 characters of ASCII; the memory budget counts on no more than this.
MESSAGE_ID_MAX = 64
_SAID = {"entered": Action.ADD, "exited": Action.REMOVE}


@dataclass(slots=True)  # not frozen: see docs/performance.md
class Origin:
    """Where an event was read from: part of its version, and its id when it has none of its own."""

    source: str
    """`topic-partition`."""
    offset: int
    record_time_us: int | None = None
    """Kafka's time of the record, epoch microseconds."""
    position: int = 0
    """The event's place in its record, from 0; only a container file has several."""

    @property
    def name(self) -> str:
        """The id of an event without one of its own. A topic's name has no colon: no two are alike."""
        place = f":{self.position}" if self.position else ""
        return f"{self.source}-{self.offset}{place}"


class Note(StrEnum):
    """An oddity worth counting, of an event that was read all the same."""

    EVENT_NAME_MISMATCH = "event_name_mismatch"
    """The name says entered and the boolean says left, or the other way round."""
    INTEGRATION_CASE_NEAR_MISS = "integration_case_near_miss"
    """A name in `integrations` would be ours, were it not for its case."""
    CLOCK_CLAMPED = "clock_clamped"
    """The event was dated too far after its receipt; it counts as of its receipt plus the skew."""
    EMAIL_CHANGED = "email_changed"
    """The call brings another email than the one before, which it still shows: that one leaves the audience."""


@dataclass(slots=True)  # not frozen: see docs/performance.md
class Reading:
    """What one event asks for. It has one part per audience it speaks of."""

    changes: tuple[MembershipChange, ...]
    """One per audience and identifier, in the event's order. An email with all its hashes is one identifier.

    An email that was replaced by the event's is removed whatever becomes of the new one.
    """
    withheld: tuple[MembershipChange, ...] = ()
    """Additions of people without consent: nothing is sent, but they still block older additions of that member."""
    ignored: tuple[IgnoreReason, ...] = ()
    """One per part that asked for nothing, the first by precedence first. Empty only with `changes` or a `withdrawal`."""
    notes: tuple[Note, ...] = ()
    withdrawal: Withdrawal | None = None
    """That the person leaves every audience; without identifiers when the event shows none, and then it is ignored."""


def read_changes(
    event: SegmentEvent, policy: MembershipPolicy, origin: Origin
) -> Reading | Rejected:
    """Return what the event asks for.

    A part that asks for nothing has one reason, the first that applies in the order of `IgnoreReason`. The event is
    rejected when a change would have to be sent for an audience that LiveIntent could not name.
    """
    cause = withdrawal_cause(event, policy)
    if cause is not None:
        return _withdrawal(event, cause, policy, origin)
    return _memberships(event, policy, origin)


def _memberships(
    event: SegmentEvent, policy: MembershipPolicy, origin: Origin
) -> Reading | Rejected:
    parts = claims_of(event, policy)
    claims = [part for part in parts if isinstance(part, Claim)]
    ignored = [part for part in parts if isinstance(part, IgnoreReason)]
    if not claims:
        return Reading((), ignored=_by_precedence(ignored))
    notes = _notes_on_integrations(event, policy)
    addressing = addressing_of(event.integrations, policy.integration_names)
    if addressing is Addressing.NOT_ADDRESSED:
        ignored += [IgnoreReason.NOT_ADDRESSED] * len(claims)
        return Reading((), ignored=_by_precedence(ignored), notes=notes)

    has_agreed = has_consent(event.context.get("consent"), policy.consent_categories)
    identifiers = identifiers_of(event, policy)
    version, notes_on_time = version_of(event, origin, policy.skew_seconds)
    message_id = message_id_of(event, origin)
    changes: list[MembershipChange] = []
    withheld: list[MembershipChange] = []
    for claim in claims:
        reason = _refusal(claim, addressing, identifiers, has_agreed=has_agreed)
        name = policy.name_prefix + claim.audience
        is_nameable = is_audience_name(name, policy.name_max)
        if reason is not None:
            ignored.append(reason)
        elif not is_nameable:
            audience = claim.audience[:AUDIENCE_NAME_MAX]
            why = _why_unnameable(name, policy.name_max)
            return Rejected(RejectReason.INVALID_AUDIENCE_NAME, why, audience)
        else:
            members = identifiers.for_action(claim.action)
            changes += _changes(claim, members, version, message_id)
        # Also when we are switched off by name: who has not agreed must not come back by an older event.
        if claim.action is Action.ADD and not has_agreed and is_nameable:
            withheld += _changes(claim, identifiers.every, version, message_id)
        if identifiers.replaced and is_nameable:
            # Whatever becomes of the new address: the old one is not theirs any more.
            leaving = Claim(claim.audience, Action.REMOVE)
            changes += _changes(leaving, identifiers.replaced, version, message_id)
    return Reading(
        tuple(changes),
        withheld=tuple(withheld),
        ignored=_by_precedence(ignored),
        notes=notes + _notes_on_name(event, claims) + notes_on_time + _notes_on_email(identifiers),
    )


def _withdrawal(
    event: SegmentEvent, cause: WithdrawalCause, policy: MembershipPolicy, origin: Origin
) -> Reading | Rejected:
    notes = _notes_on_integrations(event, policy)
    reason = why_not_followed(event, cause, policy)
    if reason is not None:
        return Reading((), ignored=(reason,), notes=notes)
    members = withdrawn_identifiers(event, policy)
    version, notes_on_time = version_of(event, origin, policy.skew_seconds)
    withdrawal = Withdrawal(cause, members, version, message_id_of(event, origin))
    outcome = None if members else without_identifier(cause, policy)
    if isinstance(outcome, Rejected):
        return outcome
    ignored = () if outcome is None else (outcome,)
    return Reading((), ignored=ignored, notes=notes + notes_on_time, withdrawal=withdrawal)


def message_id_of(event: SegmentEvent, origin: Origin) -> str:
    """Return the event's id, or the digest of one that is too large to be remembered; its place in Kafka when it has none."""
    message_id = event.message_id
    if not message_id:
        return origin.name
    if len(message_id) <= MESSAGE_ID_MAX and message_id.isascii():
        return message_id
    return hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()


def _refusal(
    claim: Claim, addressing: Addressing, identifiers: Identifiers, *, has_agreed: bool
) -> IgnoreReason | None:
    if claim.action is Action.ADD:  # whoever leaves needs nobody's consent
        if addressing is Addressing.OPTED_OUT:
            return IgnoreReason.OPTED_OUT
        if not has_agreed:
            return IgnoreReason.NO_CONSENT
    return None if identifiers.for_action(claim.action) else IgnoreReason.NO_IDENTIFIER


def _changes(
    claim: Claim, members: Iterable[Identifier], version: Version, message_id: str
) -> list[MembershipChange]:
    return [
        MembershipChange(claim.audience, claim.action, member, version, message_id)
        for member in members
    ]


def version_of(
    event: SegmentEvent, origin: Origin, skew_seconds: int
) -> tuple[Version, tuple[Note, ...]]:
    """Return when the event is from. One that knows no time at all is older than every other."""
    received_us = event.received_us if event.received_us is not None else origin.record_time_us
    event_us = event.timestamp_us if event.timestamp_us is not None else received_us or 0
    if received_us is None:
        return _dated(event_us, event_us, origin), ()
    latest_us = received_us + skew_seconds * 1_000_000
    if event_us <= latest_us:
        return _dated(event_us, received_us, origin), ()
    # A clock years ahead would otherwise turn away every later change of this member for years.
    return _dated(latest_us, received_us, origin), (Note.CLOCK_CLAMPED,)


def _dated(event_us: int, received_us: int, origin: Origin) -> Version:
    return Version(event_us, received_us, origin.source, origin.offset, origin.position)


def _notes_on_integrations(event: SegmentEvent, policy: MembershipPolicy) -> tuple[Note, ...]:
    is_near = has_near_miss(event.integrations, policy.integration_names)
    return (Note.INTEGRATION_CASE_NEAR_MISS,) if is_near else ()


def _notes_on_name(event: SegmentEvent, claims: Iterable[Claim]) -> tuple[Note, ...]:
    words = (event.event_name or "").lower().split()
    said = _SAID.get(words[-1]) if words else None
    is_mismatch = said is not None and any(claim.action is not said for claim in claims)
    return (Note.EVENT_NAME_MISMATCH,) if is_mismatch else ()


def _notes_on_email(identifiers: Identifiers) -> tuple[Note, ...]:
    return (Note.EMAIL_CHANGED,) if identifiers.replaced else ()


def _why_unnameable(name: str, longest: int) -> str:
    if len(name) > longest:
        return f"the audience's name has {len(name)} characters; {longest} is the most LiveIntent may take"
    return "the audience's name has characters other than A-Z, a-z, 0-9, space, underscore, full stop, colon and hyphen"


def _by_precedence(reasons: list[IgnoreReason]) -> tuple[IgnoreReason, ...]:
    return tuple(sorted(reasons, key=_PRECEDENCE.__getitem__))
