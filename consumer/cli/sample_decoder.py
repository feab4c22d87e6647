"""Decodes samples of a feed that is still being set up: by a schema file, and by a mapping."""

from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import cast

import fastavro
from fastavro.types import Schema

from consumer.choices import EventFormat
from consumer.cli.event_values import EventValue
from consumer.cli.explanation import Decode
from consumer.errors import SettingsError
from consumer.record import KafkaRecord, Rejected, RejectReason
from consumer.segment.event_decoder import Decoded, EventDecoder, SchemaNeeded
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.mapping.compiling import AS_SEGMENT_WRITES_IT, MappedEvents
from consumer.segment.schemas import LoadedSchema, load_schema
from consumer.service.mappings import mapped_events

_LONGEST_DETAIL = 160
# Confluent's framing and a single object's: how the value begins, and how long what stands before the body is.
_FRAMINGS = ((b"\x00", 5), (b"\xc3\x01", 10))


def sample_decoder(
    schema_file: Path | None, mapping: str | None, audiences: Collection[str]
) -> Decode:
    """Return what decodes samples: JSON, which has to fit the schema when there is one, or Avro written with it.

    Raises SettingsError for a schema or a mapping that cannot be used.
    """
    mapped = (
        AS_SEGMENT_WRITES_IT if mapping is None else mapped_events([mapping], audiences)[mapping]
    )
    if schema_file is None:
        decoder = EventDecoder(event_format=EventFormat.JSON, mapping=mapped)
        return lambda value: _decoded(decoder, value.value)
    return _SchemaSamples(schema_file, mapped).decode


class _SchemaSamples:
    def __init__(self, schema_file: Path, mapped: MappedEvents) -> None:
        text = schema_file.read_text("utf-8", "surrogateescape")
        loaded = load_schema(text)
        if not isinstance(loaded, LoadedSchema):
            raise SettingsError([f"the schema file {schema_file} cannot be used: {loaded.detail}"])
        self._schema = fastavro.parse_schema(cast("Schema", parse_json(text)))
        self._decoder = EventDecoder(
            event_format=EventFormat.AVRO_BARE, bare_schema=loaded, mapping=mapped
        )

    def decode(self, value: EventValue) -> Sequence[Decoded]:
        """Return the event: of Avro with or without its framing, whichever the schema fits to the last byte."""
        if value.value.lstrip().startswith(b"{"):
            return self._json(value.value)
        for beginning, size in _FRAMINGS:
            if value.value.startswith(beginning):
                decoded = _decoded(self._decoder, value.value[size:])
                if not _is_undecodable(decoded):
                    return decoded
        return _decoded(self._decoder, value.value)

    def _json(self, text: bytes) -> Sequence[Decoded]:
        try:
            fields = parse_json(text)
        except BadJson as error:
            return (Rejected(RejectReason.UNDECODABLE, error.problem),)
        body = BytesIO()
        try:
            fastavro.validate(fields, self._schema)
            fastavro.schemaless_writer(body, self._schema, fields)
        except Exception as error:  # noqa: BLE001 - fastavro raises nearly anything; its text would quote the sample
            return (Rejected(RejectReason.INVALID_EVENT, _misfit(error, fields, self._schema)),)
        return _decoded(self._decoder, body.getvalue())


def _misfit(error: Exception, fields: object, schema: Schema) -> str:
    """Why the sample does not fit the schema: names of fields, never their content."""
    known = schema.get("fields", []) if isinstance(schema, Mapping) else []
    given = fields if isinstance(fields, Mapping) else {}
    wrong = [
        field["name"]
        for field in known
        if not fastavro.validate(
            given.get(field["name"], field.get("default")), field["type"], raise_errors=False
        )
    ]
    what = (
        f"does not fit in {', '.join(wrong)}" if wrong else f"does not fit ({type(error).__name__})"
    )
    return f"the sample {what}, by the schema"[:_LONGEST_DETAIL]


def _is_undecodable(decoded: Sequence[Decoded]) -> bool:
    first = decoded[0]
    return isinstance(first, Rejected) and first.reason is RejectReason.UNDECODABLE


def _decoded(decoder: EventDecoder, value: bytes) -> Sequence[Decoded]:
    decoded = decoder.decode(KafkaRecord("explain", partition=0, offset=0, key=None, value=value))
    if isinstance(decoded, SchemaNeeded):  # pragma: no cover - neither format asks for one
        message = "a format without schemas asked for one"
        raise RuntimeError(message)  # noqa: TRY004 - a state that cannot be, not a wrong type
    return decoded
