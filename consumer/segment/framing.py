"""How a Kafka value is wrapped: which schema it was written with, and where its body begins."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NewType
from uuid import UUID

from consumer.choices import EventFormat
from consumer.record import Rejected, RejectReason

RegistryId = NewType("RegistryId", int)
"""The number of a schema in a schema registry."""

RegistryGuid = NewType("RegistryGuid", bytes)
"""The GUID of a schema in a schema registry: sixteen bytes, as Confluent's wire format, version 1, has them."""

Fingerprint = NewType("Fingerprint", bytes)
"""The CRC-64-AVRO of a schema's canonical form: eight bytes, little-endian (source: the Avro specification)."""

SchemaRef = RegistryId | RegistryGuid | Fingerprint
"""How a value names the schema it was written with."""

VALUE_SCHEMA_HEADER = "__value_schema_id"
"""The record header that may name the schema of the value, which is then the body alone (source: Confluent's clients,
which look there first)."""

_ID_MAGIC = b"\x00"
_ID_BYTES = 5
_GUID_MAGIC = b"\x01"
_GUID_BYTES = 17
_SINGLE_OBJECT_MAGIC = b"\xc3\x01"
_SINGLE_OBJECT_BYTES = 10
_CONTAINER_MAGIC = b"Obj\x01"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Headers = Collection[tuple[str, bytes | None]]


@dataclass(slots=True)  # not frozen: see docs/performance.md
class Framed:
    """A value without its wrapping.

    `schema_ref` is None where the value names no schema: JSON needs none, a container file (whose `body` is the whole
    file) brings its own, and bare Avro has one that was agreed on.
    """

    schema_ref: SchemaRef | None
    body: bytes = field(repr=False)
    event_format: EventFormat = EventFormat.AVRO_CONFLUENT
    """What the value turned out to be; never `detect`."""


def as_guid(ref: SchemaRef) -> RegistryGuid | None:
    """The reference if it is a GUID, else None. Fingerprints are bytes as well, but fewer."""
    return RegistryGuid(ref) if isinstance(ref, bytes) and len(ref) == _GUID_BYTES - 1 else None


def describe(ref: SchemaRef) -> str:
    """The schema's name for people: `schema 17`, `schema with fingerprint 8f5c393f1ad57572`."""
    if isinstance(ref, int):
        return f"schema {ref}"
    guid = as_guid(ref)
    return f"schema with fingerprint {ref.hex()}" if guid is None else f"schema {UUID(bytes=guid)}"


def unframe(event_format: EventFormat, value: bytes, headers: Headers = ()) -> Framed | Rejected:
    """The body of a value that is not empty, and the schema that it or its record's `headers` name.

    Looks at the first bytes only, so the body may still be anything.
    """
    return _UNFRAME[event_format](value, headers)


def _unframe_confluent(value: bytes, headers: Headers) -> Framed | Rejected:
    """The schema's name in the header, else before the body (source: Confluent's wire format)."""
    named = _named_in_header(headers) if headers else None
    if isinstance(named, Rejected):
        return named
    if named is not None:
        return Framed(named, value)
    if value.startswith(_ID_MAGIC):
        size = _ID_BYTES
    elif value.startswith(_GUID_MAGIC):
        size = _GUID_BYTES
    else:
        return _misframed(EventFormat.AVRO_CONFLUENT, value)
    ref = _confluent_ref(value[:size])
    if ref is None:
        return _cut_short(EventFormat.AVRO_CONFLUENT, value)
    return Framed(ref, value[size:])


def _named_in_header(headers: Headers) -> SchemaRef | Rejected | None:
    """What the header names, or None when there is no such header."""
    named = {value for name, value in headers if name == VALUE_SCHEMA_HEADER and value is not None}
    if not named:
        return None
    if len(named) > 1:
        # Confluent's Python client takes the first and others the last: whichever we took, it would be a guess.
        return _bad_header("several headers {} name different schemas")
    ref = _confluent_ref(named.pop())
    return _bad_header("the header {} holds neither an id nor a GUID") if ref is None else ref


def _confluent_ref(prefix: bytes) -> SchemaRef | None:
    """Byte 0 and the id as four bytes big-endian, or byte 1 and a GUID; None for anything else."""
    if len(prefix) == _ID_BYTES and prefix.startswith(_ID_MAGIC):
        return RegistryId(int.from_bytes(prefix[1:], "big"))
    if len(prefix) == _GUID_BYTES and prefix.startswith(_GUID_MAGIC):
        return RegistryGuid(prefix[1:])
    return None


def _unframe_single_object(value: bytes, _headers: Headers) -> Framed | Rejected:
    """C3 01, the fingerprint as eight bytes, then the body (source: the Avro specification)."""
    if not value.startswith(_SINGLE_OBJECT_MAGIC):
        return _misframed(EventFormat.AVRO_SINGLE_OBJECT, value)
    if len(value) < _SINGLE_OBJECT_BYTES:
        return _cut_short(EventFormat.AVRO_SINGLE_OBJECT, value)
    fingerprint = value[len(_SINGLE_OBJECT_MAGIC) : _SINGLE_OBJECT_BYTES]
    return Framed(
        Fingerprint(fingerprint), value[_SINGLE_OBJECT_BYTES:], EventFormat.AVRO_SINGLE_OBJECT
    )


def _unframe_container(value: bytes, _headers: Headers) -> Framed | Rejected:
    """`Obj` 01 begins the file, which is read whole (source: the Avro specification)."""
    if not value.startswith(_CONTAINER_MAGIC):
        return _misframed(EventFormat.AVRO_CONTAINER, value)
    return Framed(None, value, EventFormat.AVRO_CONTAINER)


def _unframe_bare(value: bytes, _headers: Headers) -> Framed:
    return Framed(None, value, EventFormat.AVRO_BARE)


def _unframe_json(value: bytes, _headers: Headers) -> Framed:
    return Framed(None, value, EventFormat.JSON)


def _unframe_detected(value: bytes, headers: Headers) -> Framed | Rejected:
    """Whichever the value says it is. No two kinds begin alike, and bare Avro, which can begin as any, is none of them."""
    is_named = any(name == VALUE_SCHEMA_HEADER and named is not None for name, named in headers)
    kind = EventFormat.AVRO_CONFLUENT if is_named else _beginning_of(value)
    if kind is None:
        return Rejected(RejectReason.UNDECODABLE, "it begins as none of the formats told apart")
    return _UNFRAME[kind](value, headers)


_UNFRAME: Mapping[EventFormat, Callable[[bytes, Headers], Framed | Rejected]] = {
    EventFormat.AVRO_CONFLUENT: _unframe_confluent,
    EventFormat.AVRO_SINGLE_OBJECT: _unframe_single_object,
    EventFormat.AVRO_CONTAINER: _unframe_container,
    EventFormat.AVRO_BARE: _unframe_bare,
    EventFormat.JSON: _unframe_json,
    EventFormat.DETECT: _unframe_detected,
}


def _beginning_of(value: bytes) -> EventFormat | None:
    """The format that the first bytes announce, if any does."""
    if value.startswith(_SINGLE_OBJECT_MAGIC):
        return EventFormat.AVRO_SINGLE_OBJECT
    if value.startswith((_ID_MAGIC, _GUID_MAGIC)):
        return EventFormat.AVRO_CONFLUENT
    if value.startswith(_CONTAINER_MAGIC):
        return EventFormat.AVRO_CONTAINER
    if value.removeprefix(_BYTE_ORDER_MARK).lstrip(b" \t\r\n").startswith(b"{"):
        return EventFormat.JSON
    return None


def _misframed(event_format: EventFormat, value: bytes) -> Rejected:
    found = _beginning_of(value)
    hint = "" if found is None else f"; it begins as {found} does"
    return Rejected(RejectReason.UNDECODABLE, f"not framed as {event_format}{hint}")


def _cut_short(event_format: EventFormat, value: bytes) -> Rejected:
    return Rejected(
        RejectReason.UNDECODABLE, f"{len(value)} bytes are too few for {event_format}'s prefix"
    )


def _bad_header(problem: str) -> Rejected:
    return Rejected(RejectReason.UNDECODABLE, problem.format(VALUE_SCHEMA_HEADER))
