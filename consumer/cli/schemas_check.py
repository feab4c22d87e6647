"""`segment-liveintent schemas check`: whether every version of a schema reads what every other one wrote."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consumer.errors import CheckFailed
from consumer.segment.schema_versions import Comparison, compare_versions
from consumer.segment.schemas import default_schemas_directory


def check_schemas(
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="Directory of <name>.v<number>.avsc files, with examples/<name>.v<number>/*.json. None: the schemas "
            "shipped with the program.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object per pair of versions, also on a terminal."),
    ] = False,
) -> None:
    """Prove that every version of a schema reads what every other version wrote.

    Each version is held against all others, both ways, by Avro's rules, and
    every example of it is read with each of them: it must stay the same
    event. What breaks is said in words.

    Exits with 0 when nothing breaks, 3 when something does, 2 when a file
    cannot be used.

    Example: segment-liveintent schemas check schemas
    """
    comparisons = compare_versions(directory or default_schemas_directory())
    console = Console(highlight=False, soft_wrap=True)
    as_lines = not as_json and console.is_terminal
    for comparison in comparisons:
        typer.echo(as_text(comparison) if as_lines else as_json_line(comparison))
    verdict = _verdict(comparisons)
    if any(comparison.problems for comparison in comparisons):
        raise CheckFailed(verdict)
    if as_lines:
        typer.echo(verdict)


def as_json_line(comparison: Comparison) -> str:
    """Return the comparison as one line of JSON, in ASCII."""
    return json.dumps(
        {
            "writer": comparison.writer,
            "reader": comparison.reader,
            "result": "failed" if comparison.problems else "ok",
            "examples": comparison.examples,
            "problems": comparison.problems,
        }
    )


def as_text(comparison: Comparison) -> str:
    """Return the comparison for a terminal: a line, and one under it for each thing that breaks."""
    result = "failed" if comparison.problems else "ok    "
    noun = "example" if comparison.examples == 1 else "examples"
    line = f"{result}  {comparison.reader} reads {comparison.writer} ({comparison.examples} {noun})"
    return "\n".join((line, *(f"        {problem}" for problem in comparison.problems)))


def _verdict(comparisons: Sequence[Comparison]) -> str:
    failed = sum(bool(comparison.problems) for comparison in comparisons)
    if failed:
        return f"{failed} of {len(comparisons)} pairs of versions do not fit."
    versions = len({comparison.writer for comparison in comparisons})
    noun = "version reads" if versions == 1 else "versions read"
    return f"{versions} {noun} what {'it' if versions == 1 else 'each'} wrote."
