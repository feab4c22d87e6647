"""How each topic's values are read: the settings of the feeds as decoders."""

from collections.abc import Collection
from pathlib import Path

from consumer.choices import EventFormat
from consumer.errors import SettingsError
from consumer.segment.event_decoder import EventDecoder, RecordDecoder
from consumer.segment.schemas import LoadedSchema, Schemas, load_schema
from consumer.segment.topic_decoder import TopicDecoder
from consumer.segment.value_limits import ValueLimits
from consumer.service.mappings import mapped_events
from consumer.settings import EventSettings
from consumer.settings.feed import Feed
from consumer.settings.segment import NEED_A_REGISTRY
from consumer.telemetry.metrics import Metrics

NEED_A_DIRECTORY = frozenset({EventFormat.AVRO_SINGLE_OBJECT, EventFormat.DETECT})
"""The formats whose values may name their schema by fingerprint."""
NEED_SCHEMAS = NEED_A_REGISTRY | NEED_A_DIRECTORY | {EventFormat.AVRO_BARE}
"""The formats whose schemas must be known before, from somewhere."""


def formats_of(settings: EventSettings) -> frozenset[EventFormat]:
    """Every format that some topic may have."""
    return frozenset({settings.event_format, *(feed.format for feed in settings.event_feeds_file)})


def schema_files_of(settings: EventSettings) -> tuple[Path, ...]:
    """The schemas of bare Avro, each once."""
    files = [settings.event_schema_file, *(feed.schema_file for feed in settings.event_feeds_file)]
    return tuple(dict.fromkeys(Path(file) for file in files if file is not None))


def decoder_for(
    settings: EventSettings,
    schemas: Schemas | None,
    metrics: Metrics | None,
    *,
    audiences: Collection[str] = (),
) -> RecordDecoder:
    """What decodes the records of every topic. Reads the mappings and the schemas of bare Avro: blocks, for start-up.

    `audiences` are the listed ones, for names that a converter has changed.
    Raises `SettingsError` with one sentence for each of them that cannot be used.
    """
    schema_of = bare_schemas(schema_files_of(settings))
    feeds = settings.event_feeds_file
    mappings = mapped_events(
        [settings.event_mapping, *(feed.mapping for feed in feeds if feed.mapping is not None)],
        audiences,
    )

    def decoder(
        event_format: EventFormat, schema_file: Path | str | None, mapping: str | None
    ) -> EventDecoder:
        return EventDecoder(
            event_format=event_format,
            schemas=schemas,
            bare_schema=None if schema_file is None else schema_of[Path(schema_file)],
            mapping=mappings[settings.event_mapping if mapping is None else mapping],
            limits=ValueLimits(settings.event_max_bytes, frozenset(settings.event_record_names)),
            metrics=metrics,
        )

    def of_feed(feed: Feed) -> EventDecoder:
        return decoder(feed.format, feed.schema_file, feed.mapping)

    otherwise = decoder(settings.event_format, settings.event_schema_file, None)
    by_topic = {
        topic: each
        for feed in settings.event_feeds_file
        for each in (of_feed(feed),)
        for topic in feed.topics
    }
    return TopicDecoder(by_topic, otherwise) if by_topic else otherwise


def bare_schemas(files: tuple[Path, ...]) -> dict[Path, LoadedSchema]:
    """The schemas of these files. Blocks. Raises `SettingsError` with one sentence for each that cannot be used."""
    loaded: dict[Path, LoadedSchema] = {}
    problems: list[str] = []
    for file in files:
        try:
            schema = load_schema(file.read_text("utf-8", "surrogateescape"))
        except OSError as error:
            why = error.strerror or type(error).__name__
            problems.append(f"the schema file {file} cannot be read: {why}")
            continue
        if isinstance(schema, LoadedSchema):
            loaded[file] = schema
        else:
            problems.append(f"the schema file {file} cannot be used: {schema.detail}")
    if problems:
        raise SettingsError(problems)
    return loaded
