"""Segment's events in Segment's shapes: what Engage, a website or an app puts on the topic.

Shapes after Segment's public documentation of the spec and of Engage ("Using Engage data", "Journeys", "Consent in
Connections", "User deletion"). Each function returns a new event that nobody else holds.
"""

import string
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from consumer.sandbox.segment_people import Contact

Event = dict[str, Any]

DESTINATION = "LiveIntent Audiences"
ADDRESSED = {"All": False, DESTINATION: True}

_PROJECT = "8qGNqsqLEHMdYLl0fth93C"
_SPACE = "spa_20Jz06uzy3Ojv1BvW72GHW"
_LETTERS = string.ascii_letters + string.digits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENGAGE_LATENCY_MS = 12_400
_BROWSER = {
    "ip": "203.0.113.24",
    "library": {"name": "analytics.js", "version": "next-1.76.0"},
    "locale": "en-US",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0",
}


def iso(time_ms: int) -> str:
    """Epoch milliseconds as Segment writes times."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def engage_message_id(randomness: Random) -> str:
    """A message id as Engage makes them."""
    return "personas_" + "".join(randomness.choices(_LETTERS, k=27))


def personas(key: str, computation_class: str = "audience") -> dict[str, Any]:
    """`context.personas` of an event about one computation."""
    return {
        "computation_class": computation_class,
        "computation_id": _computation_id(key, computation_class),
        "computation_key": key,
        "namespace": _SPACE,
        "space_id": _SPACE,
    }


def class_of(key: str) -> str:
    """Event-triggered journeys have steps, named `journey__step_id`; everything else is an audience."""
    return "journey_step" if "__" in key else "audience"


def audience_identify(contact: Contact, key: str, *, member: Any, base: Event) -> Event:  # noqa: ANN401  # JSON
    """The identify form: the membership and the email are traits."""
    traits = {key: member}
    if contact.email_as_sent is not None:
        traits["email"] = contact.email_as_sent
    return {**base, "type": "identify", "userId": contact.user_id, "traits": traits}


def audience_track(contact: Contact, key: str, *, member: bool, base: Event) -> Event:
    """The track form: the membership is a property, the email sits in the context."""
    step = class_of(key) == "journey_step"
    name = ("Journey Step " if step else "Audience ") + ("Entered" if member else "Exited")
    event = {
        **base,
        "type": "track",
        "userId": contact.user_id,
        "event": name,
        "properties": {"audience_key": key, key: member},
    }
    if contact.email_as_sent is not None:
        event["context"]["traits"] = {"email": contact.email_as_sent}
    return event


def engage_base(
    message_id: str,
    timestamp_ms: int,
    context: Mapping[str, Any],
    *,
    received_ms: int | None = None,
    integrations: Mapping[str, Any] | None = None,
) -> Event:
    """What every event of Engage has. Received 12.4 seconds after `timestamp_ms` unless told otherwise."""
    received = timestamp_ms + _ENGAGE_LATENCY_MS if received_ms is None else received_ms
    written = iso(timestamp_ms)
    return {
        "messageId": message_id,
        "projectId": _PROJECT,
        "version": 2,
        "originalTimestamp": written,
        "timestamp": written,
        "receivedAt": iso(received),
        "context": dict(context),
        "integrations": dict(ADDRESSED if integrations is None else integrations),
    }


def device_context(contact: Contact) -> dict[str, Any]:
    """`context.device` of a contact's phone; empty when the contact has none."""
    if contact.device is None:
        return {}
    device = {
        "type": contact.device.platform,
        "advertisingId": contact.device.advertising_id,
        "adTrackingEnabled": True,
    }
    return {"device": device}


def source_base(message_id: str, timestamp_ms: int, user_id: str, anonymous_id: str) -> Event:
    """What every event of a website has."""
    written = iso(timestamp_ms)
    return {
        "messageId": message_id,
        "userId": user_id,
        "anonymousId": anonymous_id,
        "channel": "client",
        "version": 2,
        "context": dict(_BROWSER),
        "integrations": {},
        "originalTimestamp": iso(timestamp_ms - 60),
        "sentAt": iso(timestamp_ms + 150),
        "timestamp": written,
        "receivedAt": iso(timestamp_ms + 210),
        "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []},
    }


def source_message_id(randomness: Random, timestamp_ms: int) -> str:
    """A message id as a browser makes them."""
    return f"ajs-next-{timestamp_ms}-{anonymous_id(randomness)}"


def anonymous_id(randomness: Random) -> str:
    """A visitor's own random id."""
    return str(uuid.UUID(int=randomness.getrandbits(128), version=4))


@cache
def _computation_id(key: str, computation_class: str) -> str:
    if computation_class == "journey_step":
        return key
    prefix = "tra" if "trait" in computation_class else "aud"
    suffix = Random(key).choices(_LETTERS, k=27)  # noqa: S311  # a name, not a secret
    return f"{prefix}_" + "".join(suffix)
