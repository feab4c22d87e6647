"""Where the dead-letter commands read, by the service's own settings."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumer.errors import KafkaFatal, SettingsError
from consumer.kafka.connection import KafkaConnection, property_problems
from consumer.kafka.dead_letter_reader import DeadLetterReader
from consumer.kafka.dead_letter_selection import Survey, Wanted
from consumer.kafka.inspection import KafkaInspection, NoTopic, TopicFound
from consumer.kafka.trouble import KafkaTrouble
from consumer.settings import KafkaSettings, LogFormat, LogLevel, load_part
from consumer.telemetry.logs import configure_logs

_ANSWER_SECONDS: Final = 10.0
_SHOWN_EVERY: Final = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """The dead-letter topic as of now. `partitions` counts those of each topic of KAFKA_TOPICS that exists."""

    settings: KafkaSettings
    connection: KafkaConnection
    reader: DeadLetterReader
    partitions: Mapping[str, int]


@contextmanager
def opened(env_file: Path | None) -> Iterator[Source]:
    """Yield the source. Raises SettingsError, and KafkaFatal when Kafka does not answer."""
    configure_logs(LogLevel.ERROR, LogFormat.AUTO, stream=sys.stderr)
    settings = load_part(
        KafkaSettings, os.environ, env_file=env_file, property_problems=property_problems
    )
    connection = KafkaConnection(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group_id,
        properties=settings.kafka_properties,
    )
    partitions = _partitions(settings, connection)
    with DeadLetterReader(connection, settings.kafka_dead_letter_topic) as reader:
        yield Source(settings, connection, reader, partitions)


def survey_of(reader: DeadLetterReader, wanted: Wanted) -> tuple[Survey, dict[int, int]]:
    """Read the whole topic; the survey, and the offset after the last one read, by partition. Shows how far it is."""
    spans = reader.spans()
    survey = Survey(wanted)
    total = sum(end - start for start, end in spans.values())
    for record in tracked(reader.read(spans), total=total, what="Reading"):
        survey.see(record)
    return survey, {number: end for number, (_, end) in spans.items()}


def tracked(items: Iterator[T], *, total: int, what: str) -> Iterator[T]:
    """Give the items, with a bar on standard error while it lasts, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        for number, item in enumerate(items, 1):
            if number % _SHOWN_EVERY == 0:
                progress.update(task, completed=number)
            yield item


def _partitions(settings: KafkaSettings, connection: KafkaConnection) -> dict[str, int]:
    inspection = KafkaInspection.open(connection, answer_seconds=_ANSWER_SECONDS)
    if isinstance(inspection, KafkaTrouble):
        raise _fatal(inspection)
    with inspection:
        dead_letter_topic = settings.kafka_dead_letter_topic
        reached = inspection.reach(dead_letter_topic)
        if isinstance(reached, KafkaTrouble):
            raise _fatal(reached)
        if _count(inspection.topic(dead_letter_topic)) is None:
            problem = (
                f"KAFKA_DEAD_LETTER_TOPIC {dead_letter_topic} does not exist, or we may not see it: this command needs "
                "READ on it."
            )
            raise SettingsError([problem])
        counts = {name: _count(inspection.topic(name)) for name in settings.kafka_topics}
    return {name: count for name, count in counts.items() if count is not None}


def _count(found: TopicFound | NoTopic | KafkaTrouble) -> int | None:
    """How many partitions a topic has; None when there is none. Raises KafkaFatal."""
    match found:
        case TopicFound(partitions):
            return partitions
        case NoTopic():
            return None
        case KafkaTrouble():
            raise _fatal(found)


def _fatal(trouble: KafkaTrouble) -> KafkaFatal:
    return KafkaFatal(
        f"Kafka does not answer: {trouble.reason}. `segment-liveintent check` says more."
    )
