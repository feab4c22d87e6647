"""From a Segment event to membership changes: who enters or leaves which audience, and who must not be added."""

import hashlib
from collections.abc import Iterable, Iterator
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
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.addressing import Addressing, addressing_of, has_consent, has_near_miss
from consumer.segment.claims import Claim, claims_of
from consumer.segment.event import SegmentEvent
from consumer.segment.identifiers import Identifiers, identifiers_of
from consumer.segment.membership_policy import MembershipPolicy

__all__ = ["MembershipPolicy", "Note", "Origin", "Reading", "read_changes"]

_PRECEDENCE = {reason: i for i, reason in enumerate(IgnoreReason)}
# Segment's own are 36 to 60 characters of ASCII; the memory budget counts on no more than this.
MESSAGE_ID_MAX = 64
_SAID = {"entered": Action.ADD, "exited": Action.REMOVE}


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Reading:
    """What one event asks for. It has one part per audience it speaks of."""

    changes: tuple[MembershipChange, ...]
    """One per audience and identifier, in the event's order. An email with all its hashes is one identifier."""
    withheld: tuple[MembershipChange, ...] = ()
    """Additions of people without consent: nothing is sent, but they still block older additions of that member."""
    ignored: tuple[IgnoreReason, ...] = ()
    """One per part that asked for nothing, the first by precedence first. Never empty when `changes` is."""
    notes: tuple[Note, ...] = ()


def read_changes(
    event: SegmentEvent, policy: MembershipPolicy, origin: Origin
) -> Reading | Rejected:
    """Return what the event asks for.

    A part that asks for nothing has one reason, the first that applies in the order of `IgnoreReason`. The event is
    rejected when a change would have to be sent for an audience that LiveIntent could not name.
    """
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
    identifiers = identifiers_of(event, policy.email_hashes)
    version, notes_on_time = _version(event, origin, policy.skew_seconds)
    message_id = _memorable(event.message_id) or origin.name
    changes: list[MembershipChange] = []
    withheld: list[MembershipChange] = []
    for claim in claims:
        reason = _refusal(claim, addressing, identifiers, has_agreed=has_agreed)
        name = policy.name_prefix + claim.audience
        if reason is not None:
            ignored.append(reason)
        elif not is_audience_name(name):
            audience = claim.audience[:AUDIENCE_NAME_MAX]
            return Rejected(RejectReason.INVALID_AUDIENCE_NAME, _why_unnameable(name), audience)
        else:
            members = identifiers.for_action(claim.action)
            changes += _changes(claim, members, version, message_id)
        # Also when we are switched off by name: who has not agreed must not come back by an older event.
        if claim.action is Action.ADD and not has_agreed and is_audience_name(name):
            withheld += _changes(claim, identifiers.every, version, message_id)
    return Reading(
        tuple(changes),
        withheld=tuple(withheld),
        ignored=_by_precedence(ignored),
        notes=notes + _notes_on_name(event, claims) + notes_on_time,
    )


def _memorable(message_id: str) -> str:
    """The id, or the digest of one that is too large to be remembered for every member."""
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
) -> Iterator[MembershipChange]:
    for member in members:
        yield MembershipChange(claim.audience, claim.action, member, version, message_id)


def _version(
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


def _why_unnameable(name: str) -> str:
    if len(name) > AUDIENCE_NAME_MAX:
        return f"the audience's name has {len(name)} characters; {AUDIENCE_NAME_MAX} is the most LiveIntent may take"
    return "the audience's name has characters other than A-Z, a-z, 0-9, space, underscore, full stop, colon and hyphen"


def _by_precedence(reasons: list[IgnoreReason]) -> tuple[IgnoreReason, ...]:
    return tuple(sorted(reasons, key=_PRECEDENCE.__getitem__))
