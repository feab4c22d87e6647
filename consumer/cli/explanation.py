"""What would happen to one event, and why: the facts, before they are put into words or JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from consumer.audience.membership import MembershipChange
from consumer.cli.event_values import EventValue
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import Decoded
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.membership_rules import (
    MembershipPolicy,
    Note,
    Origin,
    Reading,
    read_changes,
)

Decode = Callable[[EventValue], Sequence[Decoded]]
"""Gives the events of a value, at least one, or what becomes of it instead."""


class Verdict(StrEnum):
    """What becomes of an event."""

    CHANGES = "changes"
    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would happen to one event. Its changes might still be duplicate or stale: only the service can know."""

    place: str
    message_id: str | None
    verdict: Verdict
    event_type: str | None = None
    named_audience: str | None = None
    """The audience that Engage says the event is about, served or not."""
    reason: IgnoreReason | RejectReason | None = None
    """None when there are changes."""
    detail: str = ""
    """More about a rejection: names of fields, types and sizes."""
    changes: tuple[MembershipChange, ...] = ()
    also_ignored: tuple[IgnoreReason, ...] = ()
    """Of an event with changes: the parts that ask for nothing."""
    notes: tuple[Note, ...] = ()


def explain_events(
    values: Iterable[EventValue], policy: MembershipPolicy, decode: Decode
) -> Iterator[Explanation]:
    """Return one explanation per event, in order, as the values come in. Never raises for what a value holds."""
    for number, value in enumerate(values):
        events = decode(value)
        for position, decoded in enumerate(events):
            place = value.place if len(events) == 1 else f"{value.place}, event {position + 1}"
            if isinstance(decoded, SegmentEvent):
                origin = Origin("explain-0", number, position=position)
                yield _of_event(place, decoded, read_changes(decoded, policy, origin))
            else:
                yield _without_changes(place, decoded, message_id=_message_id(value.value))


def _of_event(place: str, event: SegmentEvent, reading: Reading | Rejected) -> Explanation:
    message_id = event.message_id or None
    named_audience = _named_audience(event)
    if isinstance(reading, Rejected):
        return _without_changes(place, reading, message_id, event.type, named_audience)
    return Explanation(
        place=place,
        message_id=message_id,
        event_type=event.type,
        named_audience=named_audience,
        verdict=Verdict.CHANGES if reading.changes else Verdict.IGNORED,
        reason=None if reading.changes else reading.ignored[0],
        changes=reading.changes,
        also_ignored=reading.ignored if reading.changes else reading.ignored[1:],
        notes=reading.notes,
    )


def _without_changes(
    place: str,
    outcome: Ignored | Rejected,
    message_id: str | None,
    event_type: str | None = None,
    named_audience: str | None = None,
) -> Explanation:
    return Explanation(
        place=place,
        message_id=message_id,
        event_type=event_type,
        named_audience=named_audience,
        verdict=Verdict.REJECTED if isinstance(outcome, Rejected) else Verdict.IGNORED,
        reason=outcome.reason,
        detail=outcome.detail if isinstance(outcome, Rejected) else "",
    )


def _named_audience(event: SegmentEvent) -> str | None:
    personas = event.context.get("personas")
    key = personas.get("computation_key") if isinstance(personas, Mapping) else None
    return key if isinstance(key, str) else None


def _message_id(value: bytes) -> str | None:
    """Return the id of a value that is no usable event, when it is JSON and has one: to find it again."""
    try:
        fields = parse_json(value)
    except BadJson:
        return None
    if isinstance(fields, Mapping) and isinstance(fields.get("payload"), Mapping):
        fields = fields["payload"]
    message_id = fields.get("messageId") if isinstance(fields, Mapping) else None
    return message_id if isinstance(message_id, str) and message_id else None
