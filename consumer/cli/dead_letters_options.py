"""The options the dead-letter commands share."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer

from consumer.kafka.dead_letter_selection import Wanted
from consumer.record import RejectReason


def moment(text: str) -> datetime:
    """Return the date and time a text names. Raises BadParameter when it lacks its zone: a guess could be hours off."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None:
        message = f"{text!r} is no date and time with its zone, such as 2026-01-31T08:00:00Z."
        raise typer.BadParameter(message)
    return given


Reasons = Annotated[
    list[RejectReason] | None,
    typer.Option("--reason", help="Only those refused for this reason. Can be given again."),
]
Audiences = Annotated[
    list[str] | None,
    typer.Option("--audience", help="Only those refused for this audience. Can be given again."),
]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only those read from this topic. Can be given again."),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        parser=moment,
        metavar="TIME",
        help="Only those that failed at this time or later; with its zone: 2026-01-31T08:00:00Z.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", parser=moment, metavar="TIME", help="Only those that failed before this time."
    ),
]


def wanted_from(
    reasons: Iterable[RejectReason] | None,
    audiences: Iterable[str] | None,
    topics: Iterable[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> Wanted:
    """Return what the options ask for."""
    return Wanted(
        reasons=frozenset(reason.value for reason in reasons or ()),
        audiences=frozenset(audiences or ()),
        topics=frozenset(topics or ()),
        since_ms=_milliseconds(since),
        until_ms=_milliseconds(until),
    )


def _milliseconds(given: datetime | None) -> int | None:
    return None if given is None else round(given.timestamp() * 1000)
