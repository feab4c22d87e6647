"""From a Segment event to a direct call: what LiveIntent is told of it, and what it must not be told."""

from collections.abc import Mapping
from dataclasses import replace

from consumer.audience.membership import Identifier
from consumer.choices import DirectCallSink, SegmentCall
from consumer.direct_calls.call import DirectCall, Purchase
from consumer.direct_calls.event_json import event_json
from consumer.direct_calls.masking import MASK
from consumer.record import IgnoreReason
from consumer.segment.addressing import Addressing, addressing_of, has_consent
from consumer.segment.claims import Claim, claims_of, personas_of
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.event_map.events import EventRow, as_number, parts_of
from consumer.segment.event_map.model import AMOUNT, CURRENCY
from consumer.segment.identifiers import email_of
from consumer.segment.membership_policy import MembershipPolicy
from consumer.segment.membership_rules import Origin, message_id_of, version_of
from consumer.segment.privacy_signals import privacy_signals
from consumer.segment.visit import Visit, limits_ad_tracking, visit_of

_CALLS: Mapping[EventType, SegmentCall] = {
    EventType.PAGE: SegmentCall.PAGE,
    EventType.SCREEN: SegmentCall.SCREEN,
    EventType.TRACK: SegmentCall.TRACK,
    EventType.IDENTIFY: SegmentCall.IDENTIFY,
    EventType.GROUP: SegmentCall.GROUP,
}
_REFUSALS: Mapping[Addressing, IgnoreReason] = {
    Addressing.NOT_ADDRESSED: IgnoreReason.NOT_ADDRESSED,
    Addressing.OPTED_OUT: IgnoreReason.OPTED_OUT,
}
_CURRENCY_LENGTH = 3
_CONVERSION_HASHES = (32, 64)  # md5 and sha2: LiveIntent's Conversions API has no field for sha1


def may_be_direct_call(event: SegmentEvent, policy: DirectCallPolicy) -> bool:
    """Tell whether the event is a call that a person's act made, and so is judged as a direct call.

    What Engage makes (audiences, journeys, computed traits) is not, nor any other event that says who is in an audience: a
    first sync of a million members would be a million visits that never were.
    """
    if event.type not in _CALLS or personas_of(event.context) is not None:
        return False
    return not any(isinstance(part, Claim) for part in claims_of(event, policy.membership))


def read_direct_call(
    event: SegmentEvent, policy: DirectCallPolicy, origin: Origin, *, now_us: int
) -> DirectCall | IgnoreReason:
    """Return what LiveIntent is told of an event that `may_be_direct_call`, or the first reason to tell it nothing.

    The reasons in their order: calls of its kind are off, no row for it, nowhere to send it, what `integrations` and consent say, the person's choices
    (GDPR or GPP section 2 applies, opted out of sale, limits ad tracking: all `no_consent`), nobody LiveIntent could know,
    too old. `now_us` is the time, epoch microseconds.
    """
    chosen = _chosen(event, policy)
    if isinstance(chosen, IgnoreReason):
        return chosen
    row, sink = chosen
    parts = parts_of(event)
    refusal = _refusal(event, policy.membership)
    privacy = privacy_signals(parts, policy.events.privacy)
    if refusal is not None or privacy is None:
        return refusal or IgnoreReason.NO_CONSENT
    content = row.event_object(parts)
    email = _email(event, policy.membership)
    visit = visit_of(event)
    call = DirectCall(
        sink=sink,
        call=_CALLS[event.type],
        message_id=message_id_of(event, origin),
        event_us=version_of(event, origin, policy.membership.skew_seconds)[0].event_us,
        event_json=_event_object(content, email, visit),
        email_hashes=() if email is None else email.values,
        page=visit.page,
        referrer=visit.referrer,
        ip=visit.ip,
        ip6=visit.ip6,
        user_agent=visit.user_agent,
        privacy=privacy,
        source=visit.source,
        purchase=_purchase(content),
    )
    if not _is_known(call, row):
        return IgnoreReason.NO_IDENTIFIER
    is_old = now_us - call.event_us > policy.max_age_seconds * 1_000_000
    return IgnoreReason.TOO_OLD if is_old else call


def _chosen(
    event: SegmentEvent, policy: DirectCallPolicy
) -> tuple[EventRow, DirectCallSink] | IgnoreReason:
    if _CALLS[event.type] not in policy.calls:
        return IgnoreReason.DIRECT_CALL_OFF
    row = policy.events.row_for(event)
    if row is None:
        return IgnoreReason.DIRECT_CALL_UNMAPPED
    sink = next((sink for sink in row.sinks if sink in policy.sinks), None)
    return IgnoreReason.DIRECT_CALL_OFF if sink is None else (row, sink)


def _refusal(event: SegmentEvent, policy: MembershipPolicy) -> IgnoreReason | None:
    addressing = addressing_of(event.integrations, policy.integration_names)
    if addressing in _REFUSALS:
        return _REFUSALS[addressing]
    has_agreed = has_consent(event.context.get("consent"), policy.consent_categories)
    return None if has_agreed and not limits_ad_tracking(event) else IgnoreReason.NO_CONSENT


def _event_object(content: Mapping[str, object], email: Identifier | None, visit: Visit) -> str:
    """The event as a page would have pushed it, and as LiveIntent's library leaves it: it reads whose it is from there."""
    seen = {"ipv4": visit.ip, "ipv6": visit.ip6, "userAgent": visit.user_agent}
    known = {name: value for name, value in seen.items() if value is not None}
    return event_json({**content, **_identity(email), **known})


def _identity(email: Identifier | None) -> dict[str, str]:
    if email is None:
        return {}
    return {"emailHash": email.values[0]} if len(email.values) == 1 else {"email": MASK}


def _email(event: SegmentEvent, policy: MembershipPolicy) -> Identifier | None:
    # A group's traits are the account's: an email there is the company's (source: Segment's spec).
    of_person = replace(event, traits={}) if event.type is EventType.GROUP else event
    return email_of(of_person, policy.email_hashes)


def _is_known(call: DirectCall, row: EventRow) -> bool:
    """Whether LiveIntent could know whose it is: a call without the person's address would be taken for ours."""
    if row.requires_email and not call.email_hashes:
        return False
    if call.ip or call.ip6:
        return True
    if call.sink is DirectCallSink.COLLECTOR:
        return bool(call.email_hashes)
    return any(len(value) in _CONVERSION_HASHES for value in call.email_hashes)


def _purchase(content: Mapping[str, object]) -> Purchase:
    return Purchase(currency=_currency(content.get(CURRENCY)), value=as_number(content.get(AMOUNT)))


def _currency(value: object) -> str | None:
    if not isinstance(value, str) or len(value) != _CURRENCY_LENGTH:
        return None
    return value.upper() if value.isascii() and value.isalpha() else None
