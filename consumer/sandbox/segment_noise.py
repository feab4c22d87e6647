"""Everything else on a Segment topic: events that ask nothing of LiveIntent, each for a known reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from consumer.record import IgnoreReason
from consumer.sandbox import segment_events as shapes
from consumer.sandbox.segment_intents import FeedItem, NoiseIntent
from consumer.sandbox.segment_people import Contact, Person

NO_TRACKING = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """Makes noise about real people (who must come through it unchanged) and about strangers."""

    randomness: Random
    people: Sequence[Person]
    audiences: Sequence[str]
    unserved_audiences: Sequence[str]

    def make(self, timestamp_ms: int) -> FeedItem:
        """One event that must be ignored."""
        kinds = _KINDS if self.unserved_audiences else _KINDS_WITHOUT_UNSERVED
        make = self.randomness.choices(*kinds)[0]
        event, reason = make(self, timestamp_ms)
        key = event.get("userId") or event.get("anonymousId") or ""
        return FeedItem(key.encode(), event, NoiseIntent(reason))

    def contact(self) -> Contact:
        """Somebody real."""
        return self.randomness.choice(self.randomness.choice(self.people).contacts)

    def stranger(self) -> Contact:
        """Somebody who is in no audience."""
        number = self.randomness.randrange(1_000_000)
        return Contact(f"s_{number}", f"stranger.{number}@example.com", None, {})

    def engage_base(
        self,
        timestamp_ms: int,
        key: str,
        computation_class: str | None = None,
        integrations: dict[str, Any] | None = None,
    ) -> shapes.Event:
        """An Engage event about one computation, without its own fields."""
        context = {"personas": shapes.personas(key, computation_class or shapes.class_of(key))}
        message_id = shapes.engage_message_id(self.randomness)
        return shapes.engage_base(message_id, timestamp_ms, context, integrations=integrations)

    def source_base(self, timestamp_ms: int) -> shapes.Event:
        """A website's event, without its own fields."""
        message_id = shapes.source_message_id(self.randomness, timestamp_ms)
        anonymous_id = shapes.anonymous_id(self.randomness)
        return shapes.source_base(message_id, timestamp_ms, self.contact().user_id, anonymous_id)


_Made = tuple[shapes.Event, IgnoreReason]


def _computed_trait(source: NoiseSource, at: int) -> _Made:
    # A boolean trait looks exactly like an enter, but for its class.
    computation_class = source.randomness.choice(("computed_trait", "trait"))
    base = source.engage_base(at, "has_mobile_app", computation_class)
    value: Any = source.randomness.choice((True, False, 3, "gold"))
    event = shapes.audience_identify(source.contact(), "has_mobile_app", member=value, base=base)
    return event, IgnoreReason.NOT_AN_AUDIENCE


def _trait_computed(source: NoiseSource, at: int) -> _Made:
    contact = source.contact()
    event = {
        **source.engage_base(at, "favourite_shop", "trait"),
        "type": "track",
        "userId": contact.user_id,
        "event": "Trait Computed",
        "properties": {"trait_key": "favourite_shop", "favourite_shop": "north"},
    }
    return event, IgnoreReason.NOT_AN_AUDIENCE


def _plain_track(source: NoiseSource, at: int) -> _Made:
    event = {
        **source.source_base(at),
        "type": "track",
        "event": "Order Completed",
        "properties": {"order_id": "ord-88213", "revenue": 64.5, "coupon": None, "products": [{}]},
    }
    return event, IgnoreReason.NOT_AN_AUDIENCE


def _page(source: NoiseSource, at: int) -> _Made:
    properties = {"url": "https://shop.example.com/offers", "path": "/offers", "title": "Offers"}
    event = {
        **source.source_base(at),
        "type": "page",
        "name": "Offers",
        "category": "Shop",
        "properties": properties,
    }
    return event, IgnoreReason.NOT_AN_AUDIENCE


def _screen(source: NoiseSource, at: int) -> _Made:
    # Text where other libraries write a number.
    event = {
        **source.source_base(at),
        "type": "screen",
        "name": "Home",
        "version": "1.1",
        "properties": {"tab": "offers"},
    }
    return event, IgnoreReason.NOT_AN_AUDIENCE


def _alias(source: NoiseSource, at: int) -> _Made:
    event = {**source.source_base(at), "type": "alias", "previousId": "visitor-1"}
    return event, IgnoreReason.UNSUPPORTED_TYPE


def _account_group(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    event = {
        **source.engage_base(at, key, "audience"),
        "type": "group",
        "userId": source.contact().user_id,
        "groupId": "account_17",
        "traits": {"email": "office@example.com", key: True},
    }
    return event, IgnoreReason.GROUP_LEVEL


def _unserved(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.unserved_audiences)
    base = source.engage_base(at, key, "audience")
    event = shapes.audience_identify(source.contact(), key, member=True, base=base)
    return event, IgnoreReason.AUDIENCE_NOT_CONFIGURED


def _text_for_boolean(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    value = source.randomness.choice(("true", "false"))
    base = source.engage_base(at, key)
    event = shapes.audience_identify(source.contact(), key, member=value, base=base)
    return event, IgnoreReason.BAD_MEMBERSHIP


def _valueless_journey_step(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    base = source.engage_base(at, key, "journey_step")
    event = shapes.audience_track(source.contact(), key, member=True, base=base)
    event["event"] = "Journey Step Entered"
    event["properties"] = {"journey_metadata": {"journey_id": "cGtI16IU22", "epoch_id": "pLOhGq"}}
    return event, IgnoreReason.NO_MEMBERSHIP


def _for_another_destination(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    others = {"All": False, "Amplitude": True}
    base = source.engage_base(at, key, integrations=others)
    member = source.randomness.random() < 0.5
    event = shapes.audience_identify(source.contact(), key, member=member, base=base)
    return event, IgnoreReason.NOT_ADDRESSED


def _opted_out(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    base = source.engage_base(at, key, integrations={"All": True, shapes.DESTINATION: False})
    event = shapes.audience_identify(source.stranger(), key, member=True, base=base)
    return event, IgnoreReason.OPTED_OUT


def _anonymous_only(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    event = {
        **source.engage_base(at, key),
        "type": "identify",
        "anonymousId": shapes.anonymous_id(source.randomness),
        "traits": {key: True},
    }
    return event, IgnoreReason.NO_IDENTIFIER


def _user_id_only(source: NoiseSource, at: int) -> _Made:
    key = source.randomness.choice(source.audiences)
    event = {
        **source.engage_base(at, key),
        "type": "track",
        "userId": source.stranger().user_id,
        "event": "Audience Entered",
        "properties": {"audience_key": key, key: True, "email": None},
    }
    return event, IgnoreReason.NO_IDENTIFIER


def _untracked_phone(source: NoiseSource, at: int) -> _Made:
    event, reason = _user_id_only(source, at)
    device = {"type": "ios", "advertisingId": NO_TRACKING, "adTrackingEnabled": False}
    event["context"]["device"] = device
    return event, reason


_WEIGHTS: MappingProxyType[Callable[[NoiseSource, int], _Made], int] = MappingProxyType(
    {
        _plain_track: 22,
        _page: 22,
        _screen: 10,
        _computed_trait: 12,
        _trait_computed: 4,
        _unserved: 5,
        _for_another_destination: 5,
        _opted_out: 2,
        _anonymous_only: 5,
        _user_id_only: 3,
        _untracked_phone: 2,
        _text_for_boolean: 2,
        _valueless_journey_step: 2,
        _account_group: 2,
        _alias: 1,
    }
)
_KINDS = tuple(_WEIGHTS), tuple(_WEIGHTS.values())
_KINDS_WITHOUT_UNSERVED = (
    tuple(kind for kind in _WEIGHTS if kind is not _unserved),
    tuple(weight for kind, weight in _WEIGHTS.items() if kind is not _unserved),
)
