"""`segment-liveintent dead-letters list`: what could not be delivered, and why."""

import json
from typing import Annotated

import typer
from rich.console import Console

from consumer.cli.dead_letters_options import (
    Audiences,
    Reasons,
    Since,
    Topics,
    Until,
    wanted_from,
)
from consumer.cli.dead_letters_source import opened, survey_of
from consumer.cli.dead_letters_view import as_fields, newest_table, summary_line, summary_table
from consumer.cli.run import EnvFile
from consumer.kafka.dead_letter_selection import DeadLetter, Survey

_SHOWN = 10


def list_dead_letters(
    *,
    reasons: Reasons = None,
    audiences: Audiences = None,
    topics: Topics = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="At most so many single dead letters, the newest."),
    ] = None,
    all_states: Annotated[
        bool, typer.Option("--all-states", help="Also those that were put back already.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per dead letter, also on a terminal.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Say what could not be delivered: how many for each reason, and the newest.

    Reads the whole topic of KAFKA_DEAD_LETTER_TOPIC, with the service's
    KAFKA_ settings; needs READ on it. Changes nothing. Shows no record's key
    or value: those may name people.

    A dead letter has one audience at most: the first that was refused.

    Exits with 0 whatever it finds, 2 when settings or arguments cannot be
    used, 4 when Kafka does not answer.

    Example: segment-liveintent dead-letters list --env-file production.env

    Example: segment-liveintent dead-letters list --json --reason undecodable --since 2026-01-31T08:00:00Z
    """
    wanted = wanted_from(reasons, audiences, topics, since, until)
    with opened(env_file) as source:
        survey, _ = survey_of(source.reader, wanted)
    letters = survey.letters if all_states else survey.waiting
    console = Console(highlight=False)
    if as_json or not console.is_terminal:
        for letter in letters if limit is None else letters[max(0, len(letters) - limit) :]:
            typer.echo(json.dumps(as_fields(letter, redriven=survey.is_redriven(letter.place))))
    else:
        _show(console, survey, letters[::-1][: _SHOWN if limit is None else limit])


def _show(console: Console, survey: Survey, newest: list[DeadLetter]) -> None:
    if survey.letters:
        console.print(summary_table(survey))
    if newest:
        console.print(newest_table(newest, survey))
    console.print(summary_line(survey))
