"""Segment's events in the shapes that second hops make of them: maps of unions, maps of texts, rows of a warehouse."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import fastavro

from consumer.choices import EventFormat
from consumer.record import Rejected
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import EventDecoder
from consumer.segment.mapping.compiling import MappedEvents
from consumer.segment.mapping.model import SECTIONS, EventMapping
from consumer.segment.mapping.names import Converter, rule_of
from consumer.segment.mapping.reading import load_mapping, parse_mapping
from consumer.segment.schemas import LoadedSchema, load_schema
from tests.builders import a_record

Fields = Mapping[str, Any]

_TEXT = ["null", "string"]
_SCALAR = ["null", "boolean", "long", "double", "string"]
_SINGLE = ("messageId", "type", "event", "timestamp", "receivedAt")
_snake_case = cast("Callable[[str], str]", rule_of(Converter.SEGMENT_WAREHOUSE))


@dataclass(frozen=True, slots=True)
class Written:
    """A record as another program wrote it, with its schema."""

    schema: dict[str, Any]
    fields: dict[str, Any]

    @property
    def body(self) -> bytes:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, fastavro.parse_schema(self.schema), self.fields)
        return stream.getvalue()

    @property
    def loaded(self) -> LoadedSchema:
        loaded = load_schema(json.dumps(self.schema))
        assert isinstance(loaded, LoadedSchema), loaded
        return loaded

    def read(self, mapping: EventMapping, *audiences: str) -> SegmentEvent | Rejected:
        """What our decoder makes of the bytes."""
        decoder = EventDecoder(
            event_format=EventFormat.AVRO_BARE,
            bare_schema=self.loaded,
            mapping=MappedEvents(mapping, audiences=audiences),
        )
        decoded = decoder.decode(a_record(value=self.body))
        assert isinstance(decoded, tuple)
        (event,) = decoded
        assert isinstance(event, SegmentEvent | Rejected)
        return event


def a_schema(name: str, fields: Mapping[str, object]) -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
    }


def as_map_of_unions(event: Fields) -> Written:
    """Nested objects and lists are JSON text, as a map of unions cannot hold them."""
    return _as_maps(event, _SCALAR, lambda value: _text(value) if _is_nested(value) else value)


def as_map_of_strings(event: Fields) -> Written:
    """Everything is text. null is a member that is not there."""
    return _as_maps(event, "string", _text)


def _as_maps(event: Fields, values: object, written: Callable[[object], object]) -> Written:
    kinds: dict[str, object] = dict.fromkeys(_SINGLE, _TEXT)
    kinds |= {name: ["null", {"type": "map", "values": values}] for name in SECTIONS}
    fields: dict[str, Any] = {name: event.get(name) for name in _SINGLE}
    for name in SECTIONS:
        members = event.get(name) or None  # a map cannot hold the empty arrays of a deletion
        fields[name] = members and {
            each: written(value) for each, value in members.items() if value is not None
        }
    return Written(a_schema("MapEvent", kinds), fields)


def as_warehouse_row(event: Fields) -> Written:
    """A row of the call's own table, by Segment's page on warehouse schemas: snake case, flattened, arrays as text."""
    row: dict[str, Any] = {
        "id": event.get("messageId"),
        "timestamp": event.get("timestamp"),
        "received_at": event.get("receivedAt"),
        "user_id": event.get("userId"),
        "anonymous_id": event.get("anonymousId"),
        "event_text": event.get("event"),
        "event": None if event.get("event") is None else _snake_case(event["event"]),
        "uuid_ts": 1_772_000_000_000_000,
        "some_other_call_s_trait": None,
    }
    _flatten(event.get("context") or {}, "context_", row)
    members = event.get("properties" if event["type"] in ("track", "screen") else "traits")
    _flatten(members or {}, "", row)
    kinds = {name: _kind(value) for name, value in row.items()}
    return Written(a_schema("Row", kinds), row)


def warehouse_mapping(call: str) -> EventMapping:
    """The preset for the call's table, or one that is the same but for the type."""
    if call == "identify":
        return load_mapping("segment-warehouse-identifies")
    if call == "track":
        return load_mapping("segment-warehouse-tracks")
    kind = "identifies" if call == "group" else "tracks"
    text = f'extends = "segment-warehouse-{kind}"\n[call]\ntype = {{ constant = "{call}" }}'
    return parse_mapping(text, "mapping.toml")


def _flatten(members: Fields, prefix: str, row: dict[str, Any]) -> None:
    for name, value in members.items():
        # The column of a name that stands alone may not begin with a digit; behind a prefix it may.
        column = _snake_case(name) if not prefix else prefix + _snake_case(name).lstrip("_")
        if isinstance(value, Mapping):
            _flatten(value, f"{column}_", row)
        else:
            row[column] = json.dumps(value) if isinstance(value, list) else value


def _kind(value: object) -> list[str]:
    match value:
        case bool():
            return ["null", "boolean"]
        case int():
            return ["null", "long"]
        case float():
            return ["null", "double"]
        case _:
            return _TEXT


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping | list)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
