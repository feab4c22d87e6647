"""From a Kafka record to the Segment events in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol, cast

from fastavro import schemaless_reader

from consumer.choices import EventFormat
from consumer.record import Ignored, IgnoreReason, KafkaRecord, Rejected, RejectReason
from consumer.segment import strict_avro
from consumer.segment.container_file import BadContainer, LargeContainer, read_container
from consumer.segment.embedded_schemas import EmbeddedSchemas
from consumer.segment.event import SegmentEvent
from consumer.segment.framing import Framed, SchemaRef, unframe
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.mapping.compiling import AS_SEGMENT_WRITES_IT, MappedEvents
from consumer.segment.schemas import (
    LoadedSchema,
    LocalSchemas,
    RefusedSchema,
    Schemas,
)
from consumer.segment.value_limits import ValueLimits
from consumer.telemetry.metrics import Metrics

MAX_EVENTS = 10_000
"""The most events in one value. Decoding and judging them holds the event loop, some 20 microseconds for each."""

_DEFAULT_LIMITS = ValueLimits()
_TOMBSTONE = Ignored(IgnoreReason.TOMBSTONE)
_CONNECT_ENVELOPE = frozenset({"schema", "payload"})
_NEEDS_SCHEMAS = frozenset(
    {EventFormat.AVRO_CONFLUENT, EventFormat.AVRO_SINGLE_OBJECT, EventFormat.DETECT}
)

Decoded = SegmentEvent | Ignored | Rejected
"""One event of a value, or what becomes of it instead."""


@dataclass(frozen=True, slots=True)
class SchemaNeeded:
    """The record cannot be decoded yet: load this schema, then decode it again."""

    ref: SchemaRef


class RecordDecoder(Protocol):
    """Decodes the records of a topic, or of several. Does no input or output, and never raises for what one holds."""

    def decode(self, record: KafkaRecord) -> tuple[Decoded, ...] | SchemaNeeded:
        """The events in the record, at least one, in their order; or what becomes of the record instead."""
        ...


class EventDecoder:
    """Decodes values of one format. Does no input or output, and never raises for what a record holds."""

    def __init__(
        self,
        *,
        event_format: EventFormat,
        schemas: Schemas | None = None,
        bare_schema: LoadedSchema | None = None,
        mapping: MappedEvents = AS_SEGMENT_WRITES_IT,
        limits: ValueLimits = _DEFAULT_LIMITS,
        metrics: Metrics | None = None,
    ) -> None:
        """Decode values of `event_format`: with `schemas` those that name theirs, with `bare_schema` bare Avro.

        `mapping` says where in a value's fields the parts of an event are. A value past
        `limits` is rejected before it is decoded.
        Raises `UnsupportedFastavro` when the installed fastavro cannot be relied on for Avro.
        """
        if event_format is not EventFormat.JSON:
            strict_avro.check()
        if schemas is None and event_format in _NEEDS_SCHEMAS:
            message = f"{event_format} cannot be decoded without schemas"
            raise ValueError(message)
        if bare_schema is None and event_format is EventFormat.AVRO_BARE:
            message = f"{event_format} cannot be decoded without its schema"
            raise ValueError(message)
        self._format = event_format
        self._schemas = LocalSchemas({}) if schemas is None else schemas
        self._bare_schema = bare_schema
        self._embedded = EmbeddedSchemas()
        self._mapping = mapping
        self._limits = limits
        self._metrics = metrics

    def decode(self, record: KafkaRecord) -> tuple[Decoded, ...] | SchemaNeeded:
        """The events in the record, at least one, in their order; or what becomes of the record instead.

        Only a container file holds several. A damaged one gives no event at all, and one whose events are sound but for
        some gives each its own outcome.
        """
        value = record.value
        if not value:
            return (_TOMBSTONE,)
        if (refusal := self._limits.refusal_of_size(value)) is not None:
            return (refusal,)
        framed = unframe(self._format, value, record.headers)
        if isinstance(framed, Rejected):
            self._count_error("framing")
            return (framed,)
        if framed.event_format is EventFormat.AVRO_CONTAINER:
            return self._decode_container(framed.body)
        decoded = self._decode_one(framed)
        return decoded if isinstance(decoded, SchemaNeeded) else (decoded,)

    def _decode_one(self, framed: Framed) -> Decoded | SchemaNeeded:
        if framed.schema_ref is not None:
            return self._decode_avro(framed.schema_ref, framed.body)
        if framed.event_format is EventFormat.AVRO_BARE and self._bare_schema is not None:
            return self._decode_avro_with(self._bare_schema, framed.body)
        return self._decode_json(framed.body)

    def _decode_container(self, file: bytes) -> tuple[Decoded, ...]:
        try:
            container = read_container(
                file, max_content_bytes=self._limits.max_bytes, max_records=MAX_EVENTS
            )
        except LargeContainer as error:
            return (Rejected(RejectReason.TOO_LARGE, error.problem),)
        except BadContainer as error:
            return (self._undecodable("container", f"not a container file: {error.problem}"),)
        schema = self._embedded.of(container.schema_text)
        if isinstance(schema, RefusedSchema):
            return (Rejected(RejectReason.REFUSED_SCHEMA, schema.detail),)
        content_bytes = sum(len(block.content) for block in container.blocks)
        count = sum(block.count for block in container.blocks)
        if (refusal := self._limits.refusal_of_schema(schema, content_bytes, count)) is not None:
            return (refusal,)
        # All fields before any event: one that is damaged leaves in doubt where the others begin, and what they are.
        every_fields: list[Mapping[str, object]] = []
        for block in container.blocks:
            fields = self._read_all(schema, block.content, block.count)
            if isinstance(fields, Rejected):
                return (fields,)
            every_fields += fields
        return tuple(map(self._mapping.for_schema(schema), every_fields)) or (_TOMBSTONE,)

    def _decode_json(self, body: bytes) -> SegmentEvent | Ignored | Rejected:
        try:
            fields = parse_json(body)
        except BadJson as error:
            return self._undecodable(type(error).__name__, error.problem)
        if isinstance(fields, dict) and fields.keys() == _CONNECT_ENVELOPE:
            fields = fields["payload"]
            if fields is None:
                return _TOMBSTONE
        if not isinstance(fields, dict):
            return Rejected(RejectReason.INVALID_EVENT, "the value is JSON, but not an object")
        return self._mapping.read(fields)

    def _decode_avro(
        self, ref: SchemaRef, body: bytes
    ) -> SegmentEvent | Ignored | Rejected | SchemaNeeded:
        schema = self._schemas.get(ref)
        if isinstance(schema, LoadedSchema):
            return self._decode_avro_with(schema, body)
        if schema is None:
            return SchemaNeeded(ref)
        is_refused = isinstance(schema, RefusedSchema)
        reason = RejectReason.REFUSED_SCHEMA if is_refused else RejectReason.UNKNOWN_SCHEMA
        return Rejected(reason, schema.detail)

    def _decode_avro_with(
        self, loaded: LoadedSchema, body: bytes
    ) -> SegmentEvent | Ignored | Rejected:
        if (refusal := self._limits.refusal_of_schema(loaded, len(body), 1)) is not None:
            return refusal
        read = self._read_all(loaded, body, 1)
        return read if isinstance(read, Rejected) else self._mapping.for_schema(loaded)(read[0])

    def _read_all(
        self, loaded: LoadedSchema, body: bytes, count: int
    ) -> list[Mapping[str, object]] | Rejected:
        """The fields of so many records, which are all there is in `body`."""
        stream = BytesIO(body)
        try:
            read = [schemaless_reader(stream, loaded.schema) for _ in range(count)]
        except Exception as error:  # noqa: BLE001 - damaged bytes raise nearly anything; its text may quote them
            kind = type(error).__name__
            return self._undecodable(kind, f"{kind} while reading {loaded.name}")
        left_bytes = len(body) - stream.tell()
        if left_bytes:
            # fastavro stops when the schema is satisfied, and says nothing of what follows.
            return self._undecodable(
                "trailing_bytes", f"{left_bytes} bytes are left after {loaded.name}"
            )
        return cast("list[Mapping[str, object]]", read)

    def _undecodable(self, kind: str, detail: str) -> Rejected:
        self._count_error(kind)
        return Rejected(RejectReason.UNDECODABLE, detail)

    def _count_error(self, kind: str) -> None:
        if self._metrics is not None:
            self._metrics.decode_errors.labels(kind).inc()
