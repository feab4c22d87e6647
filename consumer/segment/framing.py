"""How a Kafka value is wrapped: which schema it was written with, and where its body begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NewType

from consumer.choices import EventFormat
from consumer.record import Rejected, RejectReason

RegistryId = NewType("RegistryId", int)
"""The number of a schema in a schema registry."""

Fingerprint = NewType("Fingerprint", bytes)
"""The CRC-64-AVRO of a schema's canonical form: eight bytes, little-endian (source: the Avro specification)."""

SchemaRef = RegistryId | Fingerprint
"""How a value names the schema it was written with."""

_CONFLUENT_MAGIC = 0
_CONFLUENT_PREFIX_BYTES = 5
_SINGLE_OBJECT_MAGIC = b"\xc3\x01"
_SINGLE_OBJECT_PREFIX_BYTES = 10


@dataclass(frozen=True, slots=True)
class Framed:
    """A value without its wrapping. `schema_ref` is None for JSON, which needs no schema."""

    schema_ref: SchemaRef | None
    body: bytes = field(repr=False)


def describe(ref: SchemaRef) -> str:
    """The schema's name for people: `schema 17`, `schema with fingerprint 8f5c393f1ad57572`."""
    return f"schema with fingerprint {ref.hex()}" if isinstance(ref, bytes) else f"schema {ref}"


def unframe(event_format: EventFormat, value: bytes) -> Framed | Rejected:
    """The body of a value that is not empty, and the schema that it names.

    Looks at the first bytes only, so the body may still be anything.
    """
    if event_format is EventFormat.JSON:
        return Framed(None, value)
    return _UNFRAME[event_format](value)


def _unframe_confluent(value: bytes) -> Framed | Rejected:
    """Byte 0, the id as four bytes big-endian, then the body (source: Confluent's wire format)."""
    if value[0] != _CONFLUENT_MAGIC:
        return _misframed(EventFormat.AVRO_CONFLUENT, value)
    if len(value) < _CONFLUENT_PREFIX_BYTES:
        return _cut_short(EventFormat.AVRO_CONFLUENT, value)
    schema_id = int.from_bytes(value[1:_CONFLUENT_PREFIX_BYTES], "big")
    return Framed(RegistryId(schema_id), value[_CONFLUENT_PREFIX_BYTES:])


def _unframe_single_object(value: bytes) -> Framed | Rejected:
    """C3 01, the fingerprint as eight bytes, then the body (source: the Avro specification)."""
    if not value.startswith(_SINGLE_OBJECT_MAGIC):
        return _misframed(EventFormat.AVRO_SINGLE_OBJECT, value)
    if len(value) < _SINGLE_OBJECT_PREFIX_BYTES:
        return _cut_short(EventFormat.AVRO_SINGLE_OBJECT, value)
    fingerprint = value[len(_SINGLE_OBJECT_MAGIC) : _SINGLE_OBJECT_PREFIX_BYTES]
    return Framed(Fingerprint(fingerprint), value[_SINGLE_OBJECT_PREFIX_BYTES:])


_UNFRAME: Mapping[EventFormat, Callable[[bytes], Framed | Rejected]] = {
    EventFormat.AVRO_CONFLUENT: _unframe_confluent,
    EventFormat.AVRO_SINGLE_OBJECT: _unframe_single_object,
}


def _misframed(event_format: EventFormat, value: bytes) -> Rejected:
    hint = _looks_like(value)
    return Rejected(
        RejectReason.UNDECODABLE, f"not framed as {event_format}" + (f"; {hint}" if hint else "")
    )


def _cut_short(event_format: EventFormat, value: bytes) -> Rejected:
    return Rejected(
        RejectReason.UNDECODABLE, f"{len(value)} bytes are too few for {event_format}'s prefix"
    )


def _looks_like(value: bytes) -> str:
    """What to tell the person who set the wrong format; empty when there is no telling."""
    if value.startswith(_SINGLE_OBJECT_MAGIC):
        return f"it begins as {EventFormat.AVRO_SINGLE_OBJECT} does"
    if value[0] == _CONFLUENT_MAGIC:
        return f"it begins as {EventFormat.AVRO_CONFLUENT} does"
    if value.lstrip().startswith(b"{"):
        return f"it begins as {EventFormat.JSON} does"
    return ""
