"""Where Segment's events carry the emails and device ids that LiveIntent takes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from consumer.audience.identity import DeviceIdType, device_identifier, email_identifier
from consumer.audience.membership import Action, Identifier, IdentifierType
from consumer.choices import EmailHash
from consumer.segment.event import SegmentEvent

_NOTHING: Mapping[str, object] = {}
_PLATFORMS: Mapping[str, DeviceIdType] = {
    "ios": IdentifierType.IDFA,
    "android": IdentifierType.AAID,
}
# Set by Engage's ID Sync when the customer maps mobile ids (source: Segment's ID Sync page).
_MAPPED: Mapping[str, DeviceIdType] = {
    "ios_idfa": IdentifierType.IDFA,
    "android_idfa": IdentifierType.AAID,
}


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The identifiers of one event: its email first, then its device ids, each once."""

    every: tuple[Identifier, ...]
    trackable: tuple[Identifier, ...]
    """Those of `every` whose device does not limit ad tracking."""

    def for_action(self, action: Action) -> tuple[Identifier, ...]:
        """Return whom to add, or to remove: whoever leaves, leaves by every identifier the event names."""
        return self.trackable if action is Action.ADD else self.every


def identifiers_of(event: SegmentEvent, algorithms: Collection[EmailHash]) -> Identifiers:
    """Return whom the event is about. User ids and anonymous ids are never identifiers: LiveIntent cannot match them.

    The email is the first usable of `traits`, `context.traits`, `properties` and `context.externalIds`. Device ids are
    `context.device.advertisingId`, and `ios_idfa` and `android_idfa` in `traits` or `properties`.
    """
    email = next(
        filter(None, (email_identifier(text, algorithms) for text in _emails(event))), None
    )
    device = _mapping(event.context.get("device"))
    found = [email] if email else []
    found += filter(None, (device_identifier(kind, text) for kind, text in _devices(event, device)))
    every = tuple(dict.fromkeys(found))
    limited = _limited(device)
    return Identifiers(every, tuple(member for member in every if member not in limited))


def _emails(event: SegmentEvent) -> Iterator[str]:
    for source in (event.traits, _mapping(event.context.get("traits")), event.properties):
        yield from _text(source.get("email"))
    external_ids = event.context.get("externalIds")
    for entry in external_ids if isinstance(external_ids, list | tuple) else ():
        external_id = _mapping(entry)
        if external_id.get("type") == "email":
            yield from _text(external_id.get("id"))


def _devices(
    event: SegmentEvent, device: Mapping[str, object]
) -> Iterator[tuple[DeviceIdType, str]]:
    for platform in _text(device.get("type")):
        kind = _PLATFORMS.get(platform.lower())
        if kind is not None:
            for text in _text(device.get("advertisingId")):
                yield kind, text
    for name, kind in _MAPPED.items():
        for source in (event.traits, event.properties):
            for text in _text(source.get(name)):
                yield kind, text


def _limited(device: Mapping[str, object]) -> frozenset[Identifier | None]:
    # By whatever way the same id comes in, and whatever the device says its type is.
    if device.get("adTrackingEnabled") is not False:
        return frozenset()
    return frozenset(
        device_identifier(kind, text)
        for text in _text(device.get("advertisingId"))
        for kind in _PLATFORMS.values()
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else _NOTHING


def _text(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else ()
