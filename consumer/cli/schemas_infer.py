"""`segment-liveintent schemas infer`: a first mapping for somebody else's records."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumer.cli.event_values import values_in
from consumer.errors import SettingsError
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.mapping.drafting import UNSURE, draft_mapping
from consumer.segment.mapping.found_fields import fields_of, schema_of_samples
from consumer.segment.mapping.reading import parse_mapping


def infer_mapping(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="An Avro schema (.avsc), or files of samples: JSON values or JSON lines.",
            exists=True,
            dir_okay=False,
        ),
    ],
) -> None:
    """Draft a mapping from a writer's schema, or from samples in JSON, onto standard output.

    What is only guessed is marked UNSURE, and fields that have no place are
    listed. Look at both, then try it with `explain --schema --mapping`.

    Exits with 0 when there is a draft, however unsure; 2 when a file cannot
    be used.

    Example: segment-liveintent schemas infer orders.avsc > orders.toml
    """
    schema, name = _schema_in(files)
    draft = draft_mapping(fields_of(schema), name)
    parse_mapping(draft, "that was drafted")
    typer.echo(draft, nl=False)
    if unsure := draft.count(UNSURE):
        typer.echo(f"{unsure} of it is marked UNSURE: look at each.", err=True)


def _schema_in(files: Sequence[Path]) -> tuple[object, str]:
    """The schema, and the record's name without its namespace."""
    samples: list[object] = []
    for file in files:
        with file.open("rb") as stream:
            for value in values_in(stream, file.name):
                try:
                    samples.append(parse_json(value.value))
                except BadJson as error:
                    raise SettingsError([f"{value.place} is not JSON: {error.problem}."]) from None
    first = samples[0] if samples else None
    if len(samples) == 1 and isinstance(first, dict) and isinstance(first.get("fields"), list):
        return first, str(first.get("name", files[0].stem)).rpartition(".")[2]
    if not any(isinstance(sample, dict) for sample in samples):
        raise SettingsError([f"{files[0].name} holds neither the schema of a record nor an event."])
    return schema_of_samples(samples), files[0].stem
