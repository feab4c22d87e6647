"""Which audiences an event speaks of, and what it says of each.

Membership is a boolean under the audience's key, and nothing else (source: Segment's own resolver of audience membership).
Event names decide nothing: customers rename them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.audience.membership import Action, AudienceKey
from consumer.record import IgnoreReason
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.membership_policy import MembershipPolicy

_JOURNEY_STEP = "journey_step"
_AUDIENCE_CLASSES = ("audience", _JOURNEY_STEP)
_SILENT: Mapping[EventType, IgnoreReason] = {
    EventType.PAGE: IgnoreReason.NOT_AN_AUDIENCE,
    EventType.SCREEN: IgnoreReason.NOT_AN_AUDIENCE,
    EventType.GROUP: IgnoreReason.NOT_AN_AUDIENCE,
    EventType.ALIAS: IgnoreReason.UNSUPPORTED_TYPE,
    EventType.DELETE: IgnoreReason.DELETION,
}


@dataclass(slots=True)  # not frozen: see docs/performance.md
class Claim:
    """That the event's person is in an audience (ADD), or is not (REMOVE)."""

    audience: AudienceKey
    action: Action


def claims_of(event: SegmentEvent, policy: MembershipPolicy) -> tuple[Claim | IgnoreReason, ...]:
    """Return one part per audience the event speaks of, in the event's order; never empty.

    A part without a usable membership is its reason. An event that speaks of no audience is one such part.
    """
    personas = personas_of(event.context)
    if event.type not in (EventType.IDENTIFY, EventType.TRACK):
        is_account_audience = event.type is EventType.GROUP and personas is not None
        return (IgnoreReason.GROUP_LEVEL if is_account_audience else _SILENT[event.type],)
    is_identify = event.type is EventType.IDENTIFY
    if personas is not None:
        return (_computed(personas, event.traits if is_identify else event.properties, policy),)
    if is_identify:
        return _plain_traits(event.traits, policy)
    return (_plain_properties(event.properties, policy),)


def _computed(
    personas: Mapping[str, object], values: Mapping[str, object], policy: MembershipPolicy
) -> Claim | IgnoreReason:
    computation_class = personas.get("computation_class")
    if computation_class not in _AUDIENCE_CLASSES:
        return IgnoreReason.NOT_AN_AUDIENCE
    key = personas.get("computation_key")
    if not isinstance(key, str) or not key:
        return IgnoreReason.NO_MEMBERSHIP
    if not policy.every_audience and key not in policy.audiences:
        return IgnoreReason.AUDIENCE_NOT_CONFIGURED
    value = values.get(key)
    if value is None and computation_class == _JOURNEY_STEP and policy.valueless_journey_steps:
        return Claim(AudienceKey(key), Action.ADD)
    return _claim(key, value, policy)


def _plain_traits(
    traits: Mapping[str, object], policy: MembershipPolicy
) -> tuple[Claim | IgnoreReason, ...]:
    # Without Engage's word for it, only a name the customer listed can tell an audience from any other trait.
    # null means "not in this call": rows that a warehouse feeds have a column for every trait there is.
    claims = tuple(
        _claim(name, value, policy)
        for name, value in traits.items()
        if name in policy.audiences and value is not None
    )
    return claims or (IgnoreReason.NOT_AN_AUDIENCE,)


def _plain_properties(
    properties: Mapping[str, object], policy: MembershipPolicy
) -> Claim | IgnoreReason:
    key = properties.get("audience_key")
    if not isinstance(key, str) or key not in policy.audiences:
        return IgnoreReason.NOT_AN_AUDIENCE
    return _claim(key, properties.get(key), policy)


def _claim(key: str, value: object, policy: MembershipPolicy) -> Claim | IgnoreReason:
    if value is None:
        return IgnoreReason.NO_MEMBERSHIP
    # Only what is exactly true adds: by truthiness, the text "false" would.
    if value is True or (policy.string_booleans and value == "true"):
        return Claim(AudienceKey(key), Action.ADD)
    if value is False or (policy.string_booleans and value == "false"):
        return Claim(AudienceKey(key), Action.REMOVE)
    return IgnoreReason.BAD_MEMBERSHIP


def personas_of(context: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return `context.personas`, or None when it names neither a class nor a key: some hops add an empty one."""
    personas = context.get("personas")
    if not isinstance(personas, Mapping):
        return None
    if not personas.get("computation_class") and not personas.get("computation_key"):
        return None
    return personas
