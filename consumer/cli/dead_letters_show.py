"""`segment-liveintent dead-letters show`: all there is to know of single dead letters."""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consumer.cli.dead_letters_detail import Detail, Outlook, as_text, detail_fields, outlook_on
from consumer.cli.dead_letters_source import opened
from consumer.cli.explanation import Decode
from consumer.cli.run import EnvFile
from consumer.cli.value_decoder import configured_decoder
from consumer.errors import CheckFailed, SettingsError
from consumer.kafka.dead_letter_reader import DeadLetterReader
from consumer.kafka.dead_letter_selection import dead_letter_from
from consumer.kafka.redrive_headers import Place, read_marker
from consumer.record import KafkaRecord
from consumer.segment.membership_rules import MembershipPolicy
from consumer.service.from_settings import policy_from
from consumer.settings import load_membership_settings

_ONLY_OWNER = 0o600


def place(text: str) -> Place:
    """Return the place a text names. Raises BadParameter."""
    found = Place.parse(text)
    if found is None:
        message = (
            f"{text!r} is no place on the dead-letter topic, such as 0:12 (partition 0, offset 12)."
        )
        raise typer.BadParameter(message)
    return found


def show_dead_letters(
    places: Annotated[
        list[Place],
        typer.Argument(metavar="PARTITION:OFFSET", parser=place, help="Where, as `list` says it."),
    ],
    value_to: Annotated[
        Path | None,
        typer.Option(
            "--value-to",
            help="Write the record's value as it came to this new file, readable by you alone. It holds personal data.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per dead letter, also on a terminal.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Tell all of single dead letters: every failure, headers by name, sizes, and what would become of it now.

    What would become of it is what `explain` says, by today's settings and
    in EVENT_FORMAT. Shows no key, no value and no identifier of a person;
    --value-to writes the value to a file, never to the terminal.

    Exits with 0, or 3 when a place holds no dead letter, 2 when settings or
    arguments cannot be used, 4 when Kafka does not answer.

    Example: segment-liveintent dead-letters show 0:12 --env-file production.env

    Example: segment-liveintent dead-letters show 0:12 --value-to event.json
    """
    if value_to is not None and len(places) != 1:
        raise typer.BadParameter("it takes one dead letter", param_hint="--value-to")
    with opened(env_file) as source:
        records, redriven = _read(source.reader, places)
        topic = source.settings.kafka_dead_letter_topic
    missing = [each for each in places if each not in records]
    if missing:
        message = f"Topic {topic} has no dead letter at {', '.join(map(str, missing))}."
        raise CheckFailed(message)
    if value_to is not None:
        _write(records[places[0]], value_to)
    outlook = _Outlooks(env_file)
    console = Console(highlight=False, soft_wrap=True)
    for each in places:
        record = records[each]
        detail = Detail.of(record, redriven=each in redriven, outlook=outlook.on(record))
        if as_json or not console.is_terminal:
            typer.echo(json.dumps(detail_fields(detail)))
        else:
            console.print(as_text(detail), end="\n\n")


def _read(
    reader: DeadLetterReader, places: Sequence[Place]
) -> tuple[dict[Place, KafkaRecord], Collection[Place]]:
    """The dead letters of these places, and which of them were put back: markers stand behind their dead letters."""
    starts = {each.partition: each.offset for each in sorted(places, reverse=True)}
    spans = {
        number: (max(start, starts[number]), end)
        for number, (start, end) in reader.spans().items()
        if number in starts
    }
    records: dict[Place, KafkaRecord] = {}
    redriven: set[Place] = set()
    for record in reader.read(spans):
        here, marked = Place(record.partition, record.offset), read_marker(record.headers)
        if marked is not None:
            redriven.add(marked)
        elif here in places and dead_letter_from(record) is not None:
            records[here] = record
    return records, redriven.intersection(places)


def _write(record: KafkaRecord, path: Path) -> None:
    if record.value is None:
        raise typer.BadParameter("the record has no value", param_hint="--value-to")
    try:
        # A file that is there may be readable by others, or be a terminal.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise typer.BadParameter(message, param_hint="--value-to") from None
    with os.fdopen(handle, "wb") as stream:
        stream.write(record.value)


class _Outlooks:
    """Says what would become of records now; without settings to say it by, says that."""

    def __init__(self, env_file: Path | None) -> None:
        self._problem = ""
        self._parts: tuple[MembershipPolicy, Decode] | None = None
        try:
            policy = policy_from(load_membership_settings(os.environ, env_file=env_file))
            self._parts = policy, configured_decoder(os.environ, env_file=env_file)
        except SettingsError as error:
            self._problem = str(error)

    def on(self, record: KafkaRecord) -> Outlook:
        """What `explain` says of the record."""
        if self._parts is None:
            return Outlook(problem=self._problem)
        try:
            return outlook_on(record, *self._parts)
        except CheckFailed as error:
            return Outlook(problem=str(error))
