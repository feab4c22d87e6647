"""Decodes single values outside the service: JSON as it is, Avro by the settings when it turns up."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from consumer.choices import EventFormat
from consumer.cli.event_values import EventValue, is_avro
from consumer.cli.explanation import Decode
from consumer.errors import CheckFailed
from consumer.record import KafkaRecord
from consumer.segment.event_decoder import Decoded, EventDecoder, RecordDecoder, SchemaNeeded
from consumer.segment.framing import SchemaRef, describe
from consumer.segment.mapping.compiling import MappedEvents
from consumer.segment.mapping.reading import DEFAULT_PRESET
from consumer.segment.schemas import SchemaLookup
from consumer.service.feeds import decoder_for
from consumer.service.mappings import mapped_events
from consumer.service.schemas import schemas_for
from consumer.settings import EventSettings, Feed, load_membership_settings, load_part
from consumer.settings.variables import read_variables

# Longer than a registry is given to make up its mind that it has no such schema.
_SCHEMA_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class TopicSamples:
    """How samples of one topic are read."""

    decode: Decode
    is_bare: bool
    """Whether its values do not show that they are Avro."""
    has_feed: bool
    """Whether EVENT_FEEDS_FILE names it; else EVENT_FORMAT and what goes with it hold."""


def topic_samples(
    topic: str, environ: Mapping[str, str], *, env_file: Path | None = None
) -> TopicSamples:
    """What decodes values as the service does those of the topic, but JSON also where its format is Avro.

    Raises SettingsError for settings that cannot be used. Decoding Avro blocks as that of `value_decoder`.
    """
    settings = load_part(EventSettings, environ, env_file=env_file)
    feed = next((feed for feed in settings.event_feeds_file if topic in feed.topics), None)
    alone = settings.model_copy(update={"event_feeds_file": (), **_of_feed(feed)})
    audiences = _listed_audiences(environ, env_file=env_file)
    is_bare = alone.event_format is EventFormat.AVRO_BARE
    mapping = mapped_events([alone.event_mapping], audiences)[alone.event_mapping]
    decode = _json_or_avro(
        mapping,
        lambda: _ConfiguredDecoder(alone, audiences=audiences).decode,
        is_bare=is_bare,
    )
    return TopicSamples(decode, is_bare, has_feed=feed is not None)


def _of_feed(feed: Feed | None) -> dict[str, object]:
    """The feed's settings under the names of those they stand in for."""
    if feed is None:
        return {}
    own: dict[str, object] = {
        "event_format": feed.format,
        "event_schema_file": None if feed.schema_file is None else Path(feed.schema_file),
    }
    return own if feed.mapping is None else own | {"event_mapping": feed.mapping}


def value_decoder(environ: Mapping[str, str], *, env_file: Path | None = None) -> Decode:
    """Return what decodes JSON and, by EVENT_FORMAT and the schema settings, Avro.

    Those settings are read when the first Avro value comes: JSON needs none. Decoding Avro blocks on the schema source, and
    raises SettingsError for settings that cannot be used, CheckFailed when no schema comes in time.
    """
    return _json_or_avro(
        _mapping(environ, env_file=env_file),
        lambda: configured_decoder(environ, env_file=env_file),
        is_bare=reads_bare_avro(environ, env_file=env_file),
    )


def _json_or_avro(
    mapping: MappedEvents, configure: Callable[[], Decode], *, is_bare: bool
) -> Decode:
    json_decoder = EventDecoder(event_format=EventFormat.JSON, mapping=mapping)
    configured = cache(configure)

    def decode(value: EventValue) -> Sequence[Decoded]:
        if value.value.lstrip().startswith(b"{") or not (is_bare or is_avro(value.value)):
            return _decoded(json_decoder, value)
        return configured()(value)

    return decode


def configured_decoder(environ: Mapping[str, str], *, env_file: Path | None = None) -> Decode:
    """Return what decodes as the service does, by the topic's format alone: there, JSON on an Avro topic is undecodable.

    Raises SettingsError for settings that cannot be used. Decoding Avro blocks as that of `value_decoder`.
    """
    audiences = _listed_audiences(environ, env_file=env_file)
    return _ConfiguredDecoder(
        load_part(EventSettings, environ, env_file=env_file), audiences=audiences
    ).decode


def reads_bare_avro(environ: Mapping[str, str], *, env_file: Path | None = None) -> bool:
    """Tell whether EVENT_FORMAT is the one whose values do not show that they are Avro."""
    variables, _ = read_variables(environ, env_file)
    return variables.get("EVENT_FORMAT") == EventFormat.AVRO_BARE


def _mapping(environ: Mapping[str, str], *, env_file: Path | None) -> MappedEvents:
    """The mapping for JSON, which needs no other settings of EventSettings."""
    variables, _ = read_variables(environ, env_file)
    name = variables.get("EVENT_MAPPING") or DEFAULT_PRESET
    return mapped_events([name], _listed_audiences(environ, env_file=env_file))[name]


def _listed_audiences(environ: Mapping[str, str], *, env_file: Path | None) -> frozenset[str]:
    return load_membership_settings(environ, env_file=env_file).listed_audiences


class _ConfiguredDecoder:
    def __init__(self, settings: EventSettings, *, audiences: frozenset[str]) -> None:
        self._schemas = _FetchedSchemas(settings)
        self._decoder = decoder_for(settings, self._schemas, None, audiences=audiences)

    def decode(self, value: EventValue) -> Sequence[Decoded]:
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


def _decoded(decoder: RecordDecoder, value: EventValue) -> Sequence[Decoded]:
    decoded = decoder.decode(_record(value))
    if isinstance(decoded, SchemaNeeded):  # pragma: no cover - it was fetched just before
        message = f"{describe(decoded.ref)} was fetched and is not there"
        raise RuntimeError(message)  # noqa: TRY004 - a state that cannot be, not a wrong type
    return decoded


def _record(value: EventValue) -> KafkaRecord:
    return KafkaRecord(
        value.topic, partition=0, offset=0, key=None, value=value.value, headers=value.headers
    )
