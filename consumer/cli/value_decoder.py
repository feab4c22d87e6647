"""Decodes single values outside the service: JSON as it is, Avro by the settings when it turns up."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path

from consumer.choices import EventFormat
from consumer.cli.event_values import is_avro
from consumer.cli.explanation import Decode
from consumer.errors import CheckFailed
from consumer.record import Ignored, KafkaRecord, Rejected
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.framing import SchemaRef, describe
from consumer.segment.schemas import SchemaLookup
from consumer.service.assembly import schemas_for
from consumer.settings import EventSettings, load_part

# Longer than a registry is given to make up its mind that it has no such schema.
_SCHEMA_SECONDS = 45.0


def value_decoder(environ: Mapping[str, str], *, env_file: Path | None = None) -> Decode:
    """Return what decodes JSON and, by EVENT_FORMAT and the schema settings, Avro.

    Those settings are read when the first Avro value comes: JSON needs none. Decoding Avro blocks on the schema source, and
    raises SettingsError for settings that cannot be used, CheckFailed when no schema comes in time.
    """
    json_decoder = EventDecoder(event_format=EventFormat.JSON)
    avro_decoder = cache(
        lambda: _ConfiguredDecoder(load_part(EventSettings, environ, env_file=env_file))
    )

    def decode(value: bytes) -> SegmentEvent | Ignored | Rejected:
        if is_avro(value):
            return avro_decoder().decode(value)
        return _decoded(json_decoder, value)

    return decode


def configured_decoder(environ: Mapping[str, str], *, env_file: Path | None = None) -> Decode:
    """Return what decodes as the service does, by EVENT_FORMAT alone: there, JSON on an Avro topic is undecodable.

    Raises SettingsError for settings that cannot be used. Decoding Avro blocks as that of `value_decoder`.
    """
    return _ConfiguredDecoder(load_part(EventSettings, environ, env_file=env_file)).decode


class _ConfiguredDecoder:
    def __init__(self, settings: EventSettings) -> None:
        event_format = settings.event_format
        self._schemas = _FetchedSchemas(settings)
        self._decoder = EventDecoder(
            event_format=event_format,
            schemas=self._schemas,
            max_value_bytes=settings.event_max_bytes,
        )

    def decode(self, value: bytes) -> SegmentEvent | Ignored | Rejected:
        decoded = self._decoder.decode(_record(value))
        if not isinstance(decoded, SchemaNeeded):
            return decoded
        asyncio.run(self._schemas.load(decoded.ref))
        return _decoded(self._decoder, value)


class _FetchedSchemas:
    """The settings' schemas for a program without an event loop of its own: each is fetched once, by itself."""

    waiting: str | None = None

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        self._known: dict[SchemaRef, SchemaLookup] = {}

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        """The schema if it was fetched before."""
        return self._known.get(ref)

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        """The schema. Raises CheckFailed when it does not come in time."""
        async with AsyncExitStack() as stack:
            source = await schemas_for(self._settings, stack, metrics=None)
            if source is None:  # pragma: no cover - JSON asks for no schema
                message = "a format without schemas asked for one"
                raise RuntimeError(message)
            loading = asyncio.ensure_future(source.load(ref))
            await asyncio.wait({loading}, timeout=_SCHEMA_SECONDS)
            if not loading.done():
                what = source.waiting or describe(ref)
                loading.cancel()
                message = f"No schema after {_SCHEMA_SECONDS:.0f} seconds; still waiting for {what}"
                raise CheckFailed(message)
            self._known[ref] = loading.result()
        return self._known[ref]


def _decoded(decoder: EventDecoder, value: bytes) -> SegmentEvent | Ignored | Rejected:
    decoded = decoder.decode(_record(value))
    if isinstance(decoded, SchemaNeeded):  # pragma: no cover - it was fetched just before
        message = f"{describe(decoded.ref)} was fetched and is not there"
        raise RuntimeError(message)  # noqa: TRY004 - a state that cannot be, not a wrong type
    return decoded


def _record(value: bytes) -> KafkaRecord:
    return KafkaRecord(topic="explain", partition=0, offset=0, key=None, value=value)
