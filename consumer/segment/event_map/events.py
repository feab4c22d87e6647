"""From a Segment event to the event object that its row of the event map makes of it."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from consumer.choices import DirectCallSink
from consumer.direct_calls.masking import looks_like_email, masked
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.event_map.model import (
    EventMap,
    FieldSource,
    Row,
    Unlisted,
    UnlistedRow,
    can_be_sent,
)
from consumer.segment.mapping.paths import getter

MOST_ITEMS = 10
"""What LiveIntent's library cuts items to (source: LiveConnect)."""
TEXT_MAX = 500

Scalar = str | int | float | bool
Parts = Mapping[str, object]
"""What paths lead through: an event's objects and names under Segment's names for them."""

_WORD = re.compile(r"[^\W_]+")
# Segment's own, which tell of no act of the person's: they get no camel-cased name, whatever the policy.
_RESERVED_EVENTS = frozenset(
    {
        "Segment Consent Preference Updated",
        "Audience Entered",
        "Audience Exited",
        "Journey Step Entered",
        "Trait Computed",
    }
)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row at work."""

    event_name: str | None
    sinks: tuple[DirectCallSink, ...]
    requires_email: bool
    _fields: tuple[tuple[str, Callable[[Parts], Scalar | None]], ...]
    _items: tuple[Callable[[Parts], object], ...]
    _members: tuple[tuple[str, Callable[[Parts], Scalar | None]], ...]

    def event_object(self, parts: Parts) -> dict[str, object]:
        """Return LiveIntent's event: its name first, then the fields that have a value, then at most ten items.

        A text that may hold an email is masked as a whole, as LiveIntent's library does; a longer one than 500 characters
        is cut.
        """
        event: dict[str, object] = {} if self.event_name is None else {"event": self.event_name}
        event |= _present(self._fields, parts)
        items = [_present(self._members, {**parts, "item": item}) for item in self._found(parts)]
        if any(items):
            event["items"] = [item for item in items if item]
        return event

    def _found(self, parts: Parts) -> Sequence[object]:
        for find in self._items:
            found = find(parts)
            if isinstance(found, Mapping):
                return (found,)
            if isinstance(found, list | tuple) and found:
                return found[:MOST_ITEMS]
        return ()


class EventTable:
    """An event map, compiled once."""

    def __init__(self, event_map: EventMap) -> None:
        """Make the rows ready."""
        self.privacy = event_map.privacy
        self._members = _sources(event_map.items)
        self._calls = {
            kind: None if row is None else self._row(row)
            for kind, row in (
                (EventType.PAGE, event_map.page),
                (EventType.SCREEN, event_map.screen),
                (EventType.IDENTIFY, event_map.identify),
                (EventType.GROUP, event_map.group),
            )
        }
        self._tracks = {name: self._row(row) for name, row in event_map.track.items()}
        self._unlisted = event_map.unlisted

    def row_for(self, event: SegmentEvent) -> EventRow | None:
        """Return the event's row; None for an event that is not to be sent."""
        if event.type is not EventType.TRACK:
            return self._calls.get(event.type)
        name = event.event_name or ""
        return self._tracks[name] if name in self._tracks else self._unlisted_row(name)

    def _unlisted_row(self, name: str) -> EventRow | None:
        if self._unlisted.policy is Unlisted.DROP or name in _RESERVED_EVENTS:
            return None
        # Looked at before: in camel case an address in it would be no address any more, and still readable.
        event_name = "" if looks_like_email(name) else camel_case(name)
        return self._made(event_name, self._unlisted) if can_be_sent(event_name) else None

    def _row(self, row: Row) -> EventRow | None:
        return self._made(row.event, row, row.sinks) if row.send else None

    def _made(
        self,
        event_name: str | None,
        row: Row | UnlistedRow,
        sinks: tuple[DirectCallSink, ...] = (DirectCallSink.COLLECTOR,),
    ) -> EventRow:
        items = tuple(getter(path) for path in row.items)
        fields = _sources(row.fields)
        return EventRow(event_name, sinks, row.requires_email, fields, items, self._members)


def parts_of(event: SegmentEvent) -> Parts:
    """Return what an event map's paths lead through."""
    return {
        "name": event.name,
        "event": event.event_name,
        "properties": event.properties,
        "traits": event.traits,
        "context": event.context,
    }


def camel_case(name: str) -> str:
    """Return the name in camel case, as LiveIntent's own events are written: `Coupon Applied` as `couponApplied`."""
    words: list[str] = _WORD.findall(name) or [""]
    first, *others = words
    head = first.lower() if first.isupper() else first[:1].lower() + first[1:]
    return head + "".join(word[:1].upper() + word[1:] for word in others)


def as_number(value: object) -> int | float | None:
    """Return the amount that a number, or a text that is one, stands for; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _sources(
    sources: Mapping[str, FieldSource],
) -> tuple[tuple[str, Callable[[Parts], Scalar | None]], ...]:
    return tuple((name, _scalar_at(source)) for name, source in sources.items())


def _scalar_at(source: FieldSource) -> Callable[[Parts], Scalar | None]:
    constant = source.constant
    if constant is not None:
        return lambda _parts: constant
    getters = [getter(path) for path in source.paths]

    def first(parts: Parts) -> Scalar | None:
        found = (_scalar(get(parts)) for get in getters)
        return next((value for value in found if value is not None), None)

    return first


def _present(
    fields: Sequence[tuple[str, Callable[[Parts], Scalar | None]]], parts: Parts
) -> dict[str, object]:
    return {name: value for name, get in fields if (value := get(parts)) is not None}


def _scalar(value: object) -> Scalar | None:
    match value:
        case str():
            return masked(value)[:TEXT_MAX] or None
        case bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():  # Avro's logical type
            return float(value) if value.is_finite() else None
        case _:
            return None
