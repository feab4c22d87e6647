"""From a Kafka record to the Segment event in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from fastavro import schemaless_reader

from consumer.choices import EventFormat
from consumer.record import Ignored, IgnoreReason, KafkaRecord, Rejected, RejectReason
from consumer.segment import strict_avro
from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.framing import SchemaRef, unframe
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.schemas import (
    LoadedSchema,
    LocalSchemas,
    RefusedSchema,
    Schemas,
)
from consumer.telemetry.metrics import Metrics

_TOMBSTONE = Ignored(IgnoreReason.TOMBSTONE)
_CONNECT_ENVELOPE = frozenset({"schema", "payload"})


@dataclass(frozen=True, slots=True)
class SchemaNeeded:
    """The record cannot be decoded yet: load this schema, then decode it again."""

    ref: SchemaRef


class EventDecoder:
    """Decodes values of one format. Does no input or output, and never raises for what a record holds."""

    def __init__(
        self,
        *,
        event_format: EventFormat,
        schemas: Schemas | None = None,
        max_value_bytes: int = 1_000_000,
        metrics: Metrics | None = None,
    ) -> None:
        """Decode values of `event_format`, with `schemas` unless it is JSON.

        Raises `UnsupportedFastavro` when the installed fastavro cannot be relied on for Avro.
        """
        if event_format is not EventFormat.JSON:
            strict_avro.check()
            if schemas is None:
                message = f"{event_format} cannot be decoded without schemas"
                raise ValueError(message)
        self._format = event_format
        self._schemas = LocalSchemas({}) if schemas is None else schemas
        self._max_value_bytes = max_value_bytes
        self._metrics = metrics

    def decode(self, record: KafkaRecord) -> SegmentEvent | Ignored | Rejected | SchemaNeeded:
        """The event in the record, or what becomes of the record instead."""
        value = record.value
        if not value:
            return _TOMBSTONE
        if len(value) > self._max_value_bytes:
            return Rejected(
                RejectReason.TOO_LARGE,
                f"a value of {len(value)} bytes; {self._max_value_bytes} are taken",
            )
        framed = unframe(self._format, value)
        if isinstance(framed, Rejected):
            self._count_error("framing")
            return framed
        if framed.schema_ref is None:
            return self._decode_json(framed.body)
        return self._decode_avro(framed.schema_ref, framed.body)

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
        return event_from(fields)

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

    def _decode_avro_with(self, loaded: LoadedSchema, body: bytes) -> SegmentEvent | Rejected:
        stream = BytesIO(body)
        try:
            fields = schemaless_reader(stream, loaded.schema)
        except Exception as error:  # noqa: BLE001 - damaged bytes raise nearly anything; its text may quote them
            kind = type(error).__name__
            return self._undecodable(kind, f"{kind} while reading {loaded.name}")
        left_bytes = len(body) - stream.tell()
        if left_bytes:
            # fastavro stops when the schema is satisfied, and says nothing of what follows.
            return self._undecodable(
                "trailing_bytes", f"{left_bytes} bytes are left after {loaded.name}"
            )
        return event_from(cast("Mapping[str, object]", fields))

    def _undecodable(self, kind: str, detail: str) -> Rejected:
        self._count_error(kind)
        return Rejected(RejectReason.UNDECODABLE, detail)

    def _count_error(self, kind: str) -> None:
        if self._metrics is not None:
            self._metrics.decode_errors.labels(kind).inc()
