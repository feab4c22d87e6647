"""Whatever bytes a topic holds, decoding ends in a value; and what was written is what is read."""

import io
import json
from collections.abc import Mapping
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.choices import EventFormat
from consumer.record import Ignored, Rejected
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.framing import VALUE_SCHEMA_HEADER, RegistryId, SchemaRef
from consumer.segment.schemas import (
    LoadedSchema,
    LocalSchemas,
    SchemaLookup,
    default_schemas_directory,
    fingerprint_of,
    load_schema,
)
from tests.builders import a_record

V1_TEXT = (default_schemas_directory() / "segment_event.v1.avsc").read_text()
V1 = fastavro.parse_schema(json.loads(V1_TEXT))
V1_ID = 7
TYPED_TEXT = json.dumps(
    {
        "type": "record",
        "name": "Typed",
        "fields": [
            {
                "name": "type",
                "type": {"type": "enum", "name": "Type", "symbols": [str(t) for t in EventType]},
            },
            {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {
                "name": "traits",
                "type": {"type": "map", "values": ["null", "boolean", "long", "string"]},
            },
            {"name": "tags", "type": {"type": "array", "items": "boolean"}},
        ],
    }
)
TYPED_ID = 8


class Schemas:
    """The two schemas by number, and every other number unloaded."""

    waiting = None

    def __init__(self) -> None:
        self._known = {V1_ID: load_schema(V1_TEXT), TYPED_ID: load_schema(TYPED_TEXT)}
        assert all(isinstance(schema, LoadedSchema) for schema in self._known.values())

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        return self._known.get(ref) if isinstance(ref, int) else None

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        raise AssertionError


def _loaded(text: str) -> LoadedSchema:
    schema = load_schema(text)
    assert isinstance(schema, LoadedSchema)
    return schema


DECODERS = {
    EventFormat.AVRO_CONFLUENT: EventDecoder(
        event_format=EventFormat.AVRO_CONFLUENT, schemas=Schemas()
    ),
    EventFormat.AVRO_SINGLE_OBJECT: EventDecoder(
        event_format=EventFormat.AVRO_SINGLE_OBJECT,
        schemas=LocalSchemas.from_directory(default_schemas_directory()),
    ),
    EventFormat.AVRO_CONTAINER: EventDecoder(event_format=EventFormat.AVRO_CONTAINER),
    EventFormat.AVRO_BARE: EventDecoder(
        event_format=EventFormat.AVRO_BARE, bare_schema=_loaded(V1_TEXT)
    ),
    EventFormat.JSON: EventDecoder(event_format=EventFormat.JSON),
    EventFormat.DETECT: EventDecoder(event_format=EventFormat.DETECT, schemas=Schemas()),
}
PREFIXES = {
    EventFormat.AVRO_CONFLUENT: b"\x00" + V1_ID.to_bytes(4, "big"),
    EventFormat.AVRO_SINGLE_OBJECT: b"\xc3\x01" + fingerprint_of(V1_TEXT),
    EventFormat.AVRO_CONTAINER: b"Obj\x01",
    EventFormat.AVRO_BARE: b"",
    EventFormat.JSON: b"",
    EventFormat.DETECT: b"\x01",
}
TYPED_PREFIX = b"\x00" + TYPED_ID.to_bytes(4, "big")

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.text(), JSON_VALUES, max_size=4)
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
FIELDS = st.fixed_dictionaries(
    {"messageId": st.text(), "type": st.sampled_from([str(kind) for kind in EventType])},
    optional={
        "event": st.none() | st.text(),
        "userId": st.none() | st.text(),
        "version": st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(),
        "timestamp": st.none() | TIMES,
        "receivedAt": st.none() | TIMES,
        **{
            name: st.none() | MAPPINGS.map(lambda mapping: orjson.dumps(mapping).decode())
            for name in ("traits", "properties", "context", "integrations")
        },
    },
)
FORMATS = pytest.mark.parametrize("event_format", list(EventFormat))


def container(*every_fields: Mapping[str, Any], codec: str = "null") -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, V1, list(every_fields), codec=codec, sync_interval=100)
    return file.getvalue()


def encoded(event_format: EventFormat, fields: Mapping[str, Any]) -> bytes:
    if event_format is EventFormat.JSON:
        return json.dumps(fields).encode()
    if event_format in (EventFormat.AVRO_CONTAINER, EventFormat.DETECT):
        return container(fields)
    body = io.BytesIO()
    fastavro.schemaless_writer(body, V1, dict(fields))
    return PREFIXES[event_format] + body.getvalue()


def decode(event_format: EventFormat, value: bytes) -> object:
    """The one event, or what must be loaded first; all events where they are several."""
    decoded = DECODERS[event_format].decode(a_record(value=value))
    return decoded[0] if isinstance(decoded, tuple) and len(decoded) == 1 else decoded


def is_an_outcome(decoded: object) -> bool:
    every = decoded if isinstance(decoded, tuple) else (decoded,)
    return bool(every) and all(
        isinstance(each, SegmentEvent | Ignored | Rejected | SchemaNeeded) for each in every
    )


@FORMATS
@given(FIELDS)
def test_what_was_written_is_what_is_read(
    event_format: EventFormat, fields: Mapping[str, Any]
) -> None:
    event = decode(event_format, encoded(event_format, fields))

    assert isinstance(event, SegmentEvent)
    assert (event.message_id, event.type) == (fields["messageId"], fields["type"])
    assert event.event_name == fields.get("event")
    for name in ("traits", "properties", "context", "integrations"):
        assert getattr(event, name) == json.loads(fields.get(name) or "{}")
    assert (event.timestamp_us is None) == (fields.get("timestamp") is None)


@given(FIELDS)
def test_an_event_is_the_same_in_every_format(fields: Mapping[str, Any]) -> None:
    events = [decode(each, encoded(each, fields)) for each in EventFormat]

    assert all(event == events[0] for event in events)


@given(st.lists(FIELDS, min_size=2, max_size=5), st.sampled_from(["null", "deflate"]))
def test_a_file_gives_the_events_that_were_written_in_their_order(
    every_fields: list[Mapping[str, Any]], codec: str
) -> None:
    alone = [decode(EventFormat.JSON, encoded(EventFormat.JSON, each)) for each in every_fields]

    file = container(*every_fields, codec=codec)

    assert decode(EventFormat.AVRO_CONTAINER, file) == tuple(alone)
    assert decode(EventFormat.DETECT, file) == tuple(alone)


@given(st.lists(FIELDS, min_size=1, max_size=3), st.integers(0, 10_000))
def test_a_file_cut_short_anywhere_is_never_taken_for_another_event(
    every_fields: list[Mapping[str, Any]], where: int
) -> None:
    file = container(*every_fields)
    decoded = decode(EventFormat.AVRO_CONTAINER, file[: 4 + where % (len(file) - 4)])
    whole = decode(EventFormat.AVRO_CONTAINER, file)

    # At a border between blocks nothing tells that there were more.
    events = decoded if isinstance(decoded, tuple) else (decoded,)
    every_event = whole if isinstance(whole, tuple) else (whole,)
    assert isinstance(events[0], Rejected | Ignored) or events == every_event[: len(events)]


@given(value=st.binary(max_size=100), header=st.binary(max_size=20))
def test_no_header_makes_the_decoder_raise(value: bytes, header: bytes) -> None:
    record = a_record(value=value, headers=((VALUE_SCHEMA_HEADER, header),))
    for event_format in (EventFormat.AVRO_CONFLUENT, EventFormat.DETECT):
        decoded = DECODERS[event_format].decode(record)

        assert is_an_outcome(decoded)


@FORMATS
@given(value=st.binary(max_size=200), is_framed=st.booleans())
def test_no_bytes_make_the_decoder_raise(
    event_format: EventFormat, value: bytes, is_framed: bool
) -> None:
    prefix = PREFIXES[event_format] if is_framed else b""

    assert is_an_outcome(decode(event_format, prefix + value))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoder_raise_with_typed_fields(body: bytes) -> None:
    assert is_an_outcome(decode(EventFormat.AVRO_CONFLUENT, TYPED_PREFIX + body))


MUTATIONS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4)


@FORMATS
@given(fields=FIELDS, mutations=MUTATIONS, cut=st.integers(0, 10_000))
def test_no_damage_to_a_sound_value_makes_the_decoder_raise(
    event_format: EventFormat,
    fields: Mapping[str, Any],
    mutations: list[tuple[int, int]],
    cut: int,
) -> None:
    damaged = bytearray(encoded(event_format, fields))
    for where, byte in mutations:
        damaged[where % len(damaged)] = byte
    del damaged[cut % (2 * len(damaged)) :]

    assert is_an_outcome(decode(event_format, bytes(damaged)))


@given(FIELDS, st.integers(0, 10_000))
def test_avro_cut_short_anywhere_is_never_taken_for_an_event(
    fields: Mapping[str, Any], where: int
) -> None:
    value = encoded(EventFormat.AVRO_CONFLUENT, fields)
    cut_short = value[: 1 + where % (len(value) - 1)]

    assert isinstance(decode(EventFormat.AVRO_CONFLUENT, cut_short), Rejected)


@given(st.integers(0, 2**32 - 1).filter(lambda number: number not in (V1_ID, TYPED_ID)))
def test_any_other_schema_is_asked_for(number: int) -> None:
    value = b"\x00" + number.to_bytes(4, "big")

    assert decode(EventFormat.AVRO_CONFLUENT, value) == SchemaNeeded(RegistryId(number))
