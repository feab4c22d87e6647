"""Segment events as the fields of their JSON, with every part overridable: `an_identify(traits=...)`.

All values are invented. `OMITTED` leaves a field out.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

from consumer.audience.membership import AudienceKey
from consumer.record import Rejected, RejectReason
from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.membership_rules import (
    MembershipPolicy,
    Origin,
    Reading,
    read_changes,
)

Fields = dict[str, object]

OMITTED: Final = object()
KEY = "spring_sale_openers"
EMAIL = "zoe.keller@shop.example"
RECEIVED = "2026-03-02T08:15:04.250Z"
ORIGIN = Origin(source="segment.events-3", offset=41)


def hashes_of(email: str) -> tuple[str, ...]:
    return tuple(
        hashlib.new(name, email.encode()).hexdigest() for name in ("md5", "sha1", "sha256")
    )


def personas(key: object = KEY, computation_class: object = "audience", **more: object) -> Fields:
    return _present(
        {
            "computation_class": computation_class,
            "computation_id": "aud_3kQx0uPz",
            "computation_key": key,
            "namespace": "spa_9Tt1",
            "space_id": "spa_9Tt1",
            **more,
        }
    )


def an_identify(
    *,
    key: str = KEY,
    value: object = True,
    email: object = EMAIL,
    traits: Mapping[str, object] | None = None,
    context: object = None,
    **fields: object,
) -> Fields:
    """An identify as Engage sends it, unless `context` says otherwise."""
    return _event(
        type="identify",
        context={"personas": personas(key)} if context is None else context,
        traits=_present({"email": email, key: value, **(traits or {})}),
        **fields,
    )


def a_track(
    *,
    key: str = KEY,
    value: object = True,
    email: object = EMAIL,
    event: str = "Audience Entered",
    properties: Mapping[str, object] | None = None,
    context: Mapping[str, object] | None = None,
    **fields: object,
) -> Fields:
    """A track as Engage sends it; `context` adds to its context."""
    return _event(
        type="track",
        event=event,
        context=_present(
            {
                "personas": personas(key),
                "traits": {} if email is OMITTED else {"email": email},
                **(context or {}),
            }
        ),
        properties=_present({"audience_key": key, key: value, **(properties or {})}),
        **fields,
    )


def a_plain_call(call: str, **fields: object) -> Fields:
    """A call that a website made, without a word from Engage."""
    return _event(
        **{
            "type": call,
            "context": {"library": {"name": "analytics.js"}},
            "integrations": {},
            **fields,
        },
    )


def event_of(fields: Fields) -> SegmentEvent:
    event = event_from(fields)
    assert isinstance(event, SegmentEvent)
    return event


def a_policy(
    *audiences: str,
    every_audience: bool = False,
    consent_categories: Collection[str] = (),
    integration_names: Collection[str] = ("LiveIntent Audiences", "Kafka"),
    string_booleans: bool = False,
    valueless_journey_steps: bool = False,
) -> MembershipPolicy:
    return MembershipPolicy(
        audiences=frozenset(AudienceKey(name) for name in audiences or (KEY,)),
        every_audience=every_audience,
        consent_categories=frozenset(consent_categories),
        integration_names=frozenset(integration_names),
        string_booleans=string_booleans,
        valueless_journey_steps=valueless_journey_steps,
    )


def every_audience() -> MembershipPolicy:
    return MembershipPolicy(audiences=frozenset(), every_audience=True)


def read(fields: Fields, policy: MembershipPolicy | None = None) -> Reading:
    """What an event asks for, when it is not rejected."""
    reading = read_changes(event_of(fields), policy or a_policy(), ORIGIN)
    assert not isinstance(reading, Rejected)
    return reading


def rejected_as(fields: Fields, policy: MembershipPolicy | None = None) -> RejectReason:
    """Why an event is rejected, when it is."""
    rejected = read_changes(event_of(fields), policy or a_policy(), ORIGIN)
    assert isinstance(rejected, Rejected)
    return rejected.reason


def _event(**fields: object) -> Fields:
    return _present(
        {
            "messageId": "personas_7Hq2",
            "integrations": {"All": False, "LiveIntent Audiences": True},
            "originalTimestamp": "2026-03-02T08:15:00.000Z",
            "timestamp": "2026-03-02T08:15:00.000Z",
            "receivedAt": RECEIVED,
            "userId": "user-77",
            "version": 2,
            **fields,
        }
    )


def _present(fields: Mapping[str, object]) -> Fields:
    return {name: value for name, value in fields.items() if value is not OMITTED}
