"""Where Segment's events carry the emails and device ids that LiveIntent takes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from consumer.audience.identity import (
    DeviceIdType,
    device_identifier,
    email_identifier,
    is_another_address,
)
from consumer.audience.membership import Action, Identifier, IdentifierType
from consumer.choices import EmailHash
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.membership_policy import MembershipPolicy

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


@dataclass(slots=True)  # not frozen: see docs/performance.md
class Identifiers:
    """The identifiers of one event: its email first, then its device ids, each once."""

    every: tuple[Identifier, ...]
    trackable: tuple[Identifier, ...]
    """Those of `every` whose device does not limit ad tracking."""
    replaced: tuple[Identifier, ...] = ()
    """The email the person had before the one in `every`, where the event shows that it was changed."""

    def for_action(self, action: Action) -> tuple[Identifier, ...]:
        """Return whom to add, or to remove: whoever leaves, leaves by every identifier the event names."""
        return self.trackable if action is Action.ADD else self.every


def identifiers_of(event: SegmentEvent, policy: MembershipPolicy) -> Identifiers:
    """Return whom the event is about. User ids and anonymous ids are never identifiers: LiveIntent cannot match them.

    The email is the first usable of `traits`, `context.traits`, `properties` and `context.externalIds`. Device ids are
    `context.device.advertisingId`, and `ios_idfa` and `android_idfa` in `traits` or `properties`. Only the policy's kinds.
    """
    device = _mapping(event.context.get("device"))
    found = [email_of(event, policy.email_hashes)]
    found += [device_identifier(kind, text) for kind, text in _devices(event, device)]
    every: list[Identifier] = []
    for each in found:
        if each is not None and each.type in policy.identifier_types and each not in every:
            every.append(each)
    limited = _limited(device)
    replaced = _replaced_email(event, policy.email_hashes) if policy.removes_old_email else None
    return Identifiers(
        tuple(every),
        tuple([member for member in every if not (limited and member in limited)]),
        () if replaced is None or replaced.type not in policy.identifier_types else (replaced,),
    )


def email_of(event: SegmentEvent, algorithms: Collection[EmailHash]) -> Identifier | None:
    """Return the event's email, with all its hashes; None when it has none that can be used."""
    for text in _emails(event):
        if (email := email_identifier(text, algorithms)) is not None:
            return email
    return None


def _replaced_email(event: SegmentEvent, algorithms: Collection[EmailHash]) -> Identifier | None:
    """The email in `context.traits` of an identify call that brings another one in `traits`.

    `traits` are what the call sets, `context.traits` what an earlier one did (source: Segment's common fields). No other
    two places tell which came first: `properties` may hold somebody else's, `externalIds` all addresses in use.
    """
    if event.type is not EventType.IDENTIFY:
        return None
    now = _text(event.traits.get("email"))
    before = _text(_mapping(event.context.get("traits")).get("email"))
    if now and before and is_another_address(now[0], before[0]):
        return email_identifier(before[0], algorithms)
    return None


def _emails(event: SegmentEvent) -> Iterator[str]:
    for source in (event.traits, _mapping(event.context.get("traits")), event.properties):
        if isinstance(text := source.get("email"), str):
            yield text
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
            if isinstance(value := source.get(name), str):
                yield kind, value


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
    return value if isinstance(value, dict) else _NOTHING


def _text(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else ()
