"""The options the replay commands share."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from consumer.cli.dead_letters_options import moment
from consumer.kafka.replay_marker import is_replay_id

_RANGE: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_MOST_PARTITIONS: Final = 10_000


def partition_numbers(text: str) -> frozenset[int]:
    """Return the partitions that a text such as 0,2,5-7 names. Raises BadParameter."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + _MOST_PARTITIONS:
            message = f"{part!r} is no partition and no range of them, such as 0,2,5-7."
            raise typer.BadParameter(message)
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def replay_id(text: str) -> str:
    """Return the id. Raises BadParameter for one that cannot be part of a Job's name."""
    if not is_replay_id(text):
        message = f"{text!r} is not 1 to 40 lower-case letters, digits and inner hyphens."
        raise typer.BadParameter(message)
    return text


def sha256(text: str) -> str:
    """Return the SHA-256. Raises BadParameter for what is none."""
    if not re.fullmatch("[0-9a-f]{64}", text):
        message = "a plan's SHA-256 has 64 characters, 0 to 9 and a to f."
        raise typer.BadParameter(message)
    return text


Earliest = Annotated[
    bool, typer.Option("--to-earliest", help="From the first record the log still has.")
]
Moment = Annotated[
    datetime | None,
    typer.Option(
        "--to-datetime",
        parser=moment,
        metavar="TIME",
        help="From the first record of this time or later, by Kafka's times; with its zone: 2026-01-31T13:00:00+01:00.",
    ),
]
Offset = Annotated[
    int | None,
    typer.Option("--to-offset", min=0, help="From this offset on, on every partition chosen."),
]
Shift = Annotated[
    int | None,
    typer.Option(
        "--shift-by", help="By so many offsets from where the group is, back when negative."
    ),
]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only this topic of KAFKA_TOPICS. Can be given again."),
]
Partitions = Annotated[
    frozenset[int] | None,
    typer.Option(
        "--partitions",
        parser=partition_numbers,
        metavar="LIST",
        help="Only these partitions, such as 0,2,5-7; with --topic where there are several topics.",
    ),
]
AllowTruncated = Annotated[
    bool,
    typer.Option(
        "--allow-truncated",
        help="Begin at the log's start where what is asked for was deleted already.",
    ),
]
AllowSkip = Annotated[
    bool, typer.Option("--allow-skip", help="Let records go that would never be delivered then.")
]
AllowUnknownGroup = Annotated[
    bool,
    typer.Option(
        "--allow-unknown-group", help="Make the group: its offsets have expired, or it is new."
    ),
]
MaxRecords = Annotated[
    int | None,
    typer.Option("--max-records", min=0, help="Refuse to deliver more than so many again."),
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The plan that `replay plan --json` wrote, instead of the options that made it.",
    ),
]
WaitSeconds = Annotated[
    float | None,
    typer.Option(
        "--wait",
        min=0,
        metavar="SECONDS",
        help="How long to wait for the group to be empty. Unset, its session time-out and a minute.",
    ),
]
