"""Segment events as the bytes of a Kafka record, in each framing a topic may use."""

import io
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from fastavro import parse_schema, schemaless_writer, writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from consumer.segment.schemas import default_schemas_directory

_SCHEMA_NAME = "segment_event.v1.avsc"

_VALUE_SCHEMA_HEADER = "__value_schema_id"

_TEXT_FIELDS = (
    "userId", "anonymousId", "groupId", "previousId", "event", "name", "category", "channel", "projectId",
    "timestamp", "originalTimestamp", "sentAt", "receivedAt", "version",
)  # fmt: skip
_JSON_FIELDS = ("traits", "properties", "context", "integrations")

Event = Mapping[str, Any]


@cache
def segment_event_schema() -> dict[str, Any]:
    """The Avro schema of our own record, as its file has it."""
    text = (default_schemas_directory() / _SCHEMA_NAME).read_bytes()
    schema: dict[str, Any] = orjson.loads(text)
    return schema


def as_json(event: Event | bytes) -> bytes:
    """As Segment's own Kafka destination writes it. Bytes that are no event stay as they are."""
    return event if isinstance(event, bytes) else orjson.dumps(event)


def as_avro_confluent(event: Event | bytes, schema_id: int) -> bytes:
    """Confluent's wire format: a zero byte, the schema's id in four bytes, the Avro body."""
    if isinstance(event, bytes):
        return event
    return _avro(b"\x00" + schema_id.to_bytes(4, "big"), event)


def as_avro_guid(event: Event | bytes, guid: str) -> bytes:
    """Confluent's newer wire format: a byte 1, the schema's GUID, the Avro body."""
    return event if isinstance(event, bytes) else _avro(guid_header(guid)[1], event)


def guid_header(guid: str) -> tuple[str, bytes]:
    """The record header that names the schema by its GUID; the value is then as `as_avro_bare` has it."""
    return _VALUE_SCHEMA_HEADER, b"\x01" + UUID(guid).bytes


def id_header(schema_id: int) -> tuple[str, bytes]:
    """The same by its id."""
    return _VALUE_SCHEMA_HEADER, b"\x00" + schema_id.to_bytes(4, "big")


def as_avro_container(events: Iterable[Event], *, codec: str = "null") -> bytes:
    """An Avro object container file of these events, with its schema."""
    file = io.BytesIO()
    writer(file, _parsed_schema(), [_record(event) for event in events], codec=codec)
    return file.getvalue()


def as_connect_json(event: Event | bytes) -> bytes:
    """As Kafka Connect's JsonConverter writes it with schemas.enable: the event in an envelope."""
    if isinstance(event, bytes):
        return event
    return orjson.dumps({"schema": None, "payload": event})


def as_avro_single_object(event: Event | bytes) -> bytes:
    """Avro's single-object encoding: C3 01, the schema's CRC-64-AVRO fingerprint, the body."""
    return event if isinstance(event, bytes) else _avro(_single_object_header(), event)


def as_avro_bare(event: Event | bytes) -> bytes:
    """The Avro body alone: the reader must know the schema."""
    return event if isinstance(event, bytes) else _avro(b"", event)


def _avro(header: bytes, event: Event) -> bytes:
    body = io.BytesIO()
    body.write(header)
    schemaless_writer(body, _parsed_schema(), _record(event))
    return body.getvalue()


def _record(event: Event) -> dict[str, Any]:
    record: dict[str, Any] = {"messageId": event.get("messageId", ""), "type": event["type"]}
    for name in _TEXT_FIELDS:
        record[name] = event.get(name)
    for name in _JSON_FIELDS:
        value = event.get(name)
        record[name] = None if value is None else orjson.dumps(value).decode()
    record["metadata"] = {}
    return record


@cache
def _parsed_schema() -> Any:  # noqa: ANN401  # fastavro's own type
    return parse_schema(segment_event_schema())


@cache
def _single_object_header() -> bytes:
    # fastavro prints the fingerprint as hex of its little-endian bytes, which is the order the header wants.
    canonical = to_parsing_canonical_form(segment_event_schema())
    return b"\xc3\x01" + bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
