"""A Segment event: the fields the rules rely on, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from consumer.record import Rejected, RejectReason
from consumer.segment.event_time import UnreadableTime, epoch_microseconds
from consumer.segment.json_text import BadJson, parse_json


class EventType(StrEnum):
    """The calls of Segment's API, and the deletion that Segment sends to partners (source: Segment's spec)."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"
    DELETE = "delete"


_EVENT_TYPES: Mapping[str, EventType] = {str(kind): kind for kind in EventType}
_NAMED = (EventType.PAGE, EventType.SCREEN)


@dataclass(slots=True)  # not frozen: see docs/performance.md
class SegmentEvent:
    """One event, as far as it decides what happens at LiveIntent.

    The four mappings are empty when the event has none. Their contents are personal data, so `repr` leaves
    them out.
    """

    message_id: str
    """Segment's messageId; empty when the event has none."""
    type: EventType
    event_name: str | None
    """What a track event is called. Customers rename them: it decides nothing."""
    traits: Mapping[str, object] = field(default_factory=dict, repr=False)
    properties: Mapping[str, object] = field(default_factory=dict, repr=False)
    context: Mapping[str, object] = field(default_factory=dict, repr=False)
    integrations: Mapping[str, object] = field(default_factory=dict, repr=False)
    timestamp_us: int | None = None
    """Segment's `timestamp`, in epoch microseconds, as the event tells it; may lie in the future."""
    received_us: int | None = None
    """Segment's `receivedAt`, in epoch microseconds."""
    name: str | None = field(default=None, repr=False)
    """What a page or a screen is called. For other calls nothing is taken: a row of a warehouse has people's names there."""


class _InvalidField(Exception):
    """A field of the event cannot be used: its name, and what was found there, never its content."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(f"{name} is {found}")


def event_from(fields: Mapping[str, object]) -> SegmentEvent | Rejected:
    """The event that the fields of a decoded value describe.

    `traits`, `properties`, `context` and `integrations` may each be a mapping or the JSON text of one; null,
    an empty array (as in Segment's deletions) and an absent field stand for an empty one. Anything else, an
    unknown `type` or an unreadable time is `Rejected(INVALID_EVENT)`, with the name of the field.
    """
    try:
        event_name = fields.get("event")
        event_type = _event_type(fields.get("type"))
        name = fields.get("name") if event_type in _NAMED else None
        message_id = fields.get("messageId")
        return SegmentEvent(
            message_id if isinstance(message_id, str) else "",
            event_type,
            event_name if isinstance(event_name, str) else None,
            _mapping(fields, "traits"),
            _mapping(fields, "properties"),
            _mapping(fields, "context"),
            _mapping(fields, "integrations"),
            _time(fields, "timestamp"),
            _time(fields, "receivedAt"),
            name=name if isinstance(name, str) else None,
        )
    except _InvalidField as problem:
        return Rejected(RejectReason.INVALID_EVENT, str(problem))


def _event_type(value: object) -> EventType:
    if not isinstance(value, str):
        raise _InvalidField("type", "missing" if value is None else f"{_kind(value)}, not text")
    event_type = _EVENT_TYPES.get(value)
    if event_type is None:
        raise _InvalidField("type", f"none of {', '.join(_EVENT_TYPES)}")
    return event_type


def _mapping(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = fields.get(name)
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except BadJson as error:
            raise _InvalidField(name, f"text that cannot be read: {error.problem}") from None
    if isinstance(value, dict):
        return value
    if value is None or value == []:
        return {}
    if isinstance(value, Mapping):
        return value
    raise _InvalidField(name, f"{_kind(value)}, not an object")


def _time(fields: Mapping[str, object], name: str) -> int | None:
    try:
        return epoch_microseconds(fields.get(name))
    except UnreadableTime as error:
        raise _InvalidField(name, error.found) from None


def _kind(value: object) -> str:
    """What sort of value was found, in JSON's words where it has one."""
    match value:
        case bool():
            return "a boolean"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case Mapping():
            return "an object"
        case _:
            return f"a value of type {type(value).__name__}"
