"""Dead letters as JSON lines, and as text for people. Never a record's key or value."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from consumer.kafka.dead_letter_headers import Failure
from consumer.kafka.dead_letter_selection import DeadLetter, Survey
from consumer.telemetry.redaction import redacted

_NAMED_AUDIENCES = 3


def as_fields(letter: DeadLetter, *, redriven: bool) -> dict[str, object]:
    """Return what is told of a dead letter in JSON."""
    return {
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        **failure_fields(letter.failure),
        "failed_at": as_time(letter.failed_at_ms),
        "key_bytes": letter.key_bytes,
        "value_bytes": letter.value_bytes,
        "redriven": redriven,
    }


def failure_fields(failure: Failure) -> dict[str, object]:
    """Return what is told of one failure in JSON."""
    return {
        "reason": failure.reason,
        "stage": failure.stage,
        "detail": redacted(failure.detail),
        "audience": failure.audience,
        "attempt": failure.attempt,
        "version": failure.version,
        "origin_topic": failure.topic,
        "origin_partition": failure.partition,
        "origin_offset": failure.offset,
        "original_timestamp": as_time(failure.timestamp_ms),
    }


def as_time(milliseconds: int | None) -> str | None:
    """Return a Kafka timestamp as ISO 8601 in UTC; None when there is none, or none that a calendar has."""
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def short_time(milliseconds: int) -> str:
    """Return a Kafka timestamp for a table, to the second, in UTC."""
    time = as_time(milliseconds)
    return "" if time is None else f"{time[:19]}Z".replace("T", " ")


def summary_table(survey: Survey) -> Table:
    """Return one row per reason: how many, of which audiences, from when to when, and how many wait to be put back."""
    table = Table(title="Dead letters by reason", title_justify="left")
    for heading in ("reason", "count", "not put back", "audiences", "first", "last"):
        is_number = heading in {"count", "not put back"}
        table.add_column(
            heading,
            justify="right" if is_number else "left",
            no_wrap=heading in {"first", "last"},
            overflow="fold",
        )
    by_reason: dict[str, list[DeadLetter]] = {}
    for letter in survey.letters:
        by_reason.setdefault(letter.failure.reason, []).append(letter)
    for reason, letters in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        waiting = sum(not survey.is_redriven(letter.place) for letter in letters)
        table.add_row(
            printable(reason), f"{len(letters):,}", f"{waiting:,}", _audiences(letters),
            short_time(letters[0].failed_at_ms), short_time(letters[-1].failed_at_ms),
        )  # fmt: skip
    return table


def newest_table(letters: Iterable[DeadLetter], survey: Survey) -> Table:
    """Return one row per dead letter."""
    table = Table(title="The newest", title_justify="left")
    for heading in ("place", "failed at", "reason", "audience", "read from", "attempt", "detail"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"place", "failed at"})
    for letter in letters:
        failure = letter.failure
        style = "dim" if survey.is_redriven(letter.place) else ""
        table.add_row(
            str(letter.place), short_time(letter.failed_at_ms), printable(failure.reason), printable(failure.audience),
            printable(place_of(failure)), str(failure.attempt), printable(redacted(failure.detail)), style=style,
        )  # fmt: skip
    return table


def summary_line(survey: Survey) -> Text:
    """Return how many there are, in one sentence."""
    total, waiting = len(survey.letters), len(survey.waiting)
    text = Text(f"{counted(total, 'dead letter')}; {total - waiting:,} put back, {waiting:,} not.")
    if survey.others:
        text.append(f" {counted(survey.others, 'record')} of the topic are not ours.", style="dim")
    return text


def breakdown(letters: Sequence[DeadLetter]) -> str:
    """Return how many there are for each reason, in words."""
    counts = Counter(letter.failure.reason for letter in letters)
    return ", ".join(f"{count:,} {printable(reason)}" for reason, count in counts.most_common())


def place_of(failure: Failure) -> str:
    """Return where a record stood when it failed."""
    return f"{failure.topic} {failure.partition}:{failure.offset}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def printable(text: str) -> str:
    """Return the text without what could move a terminal's cursor or not be written to it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _audiences(letters: Iterable[DeadLetter]) -> str:
    counts: Mapping[str, int] = Counter(
        letter.failure.audience for letter in letters if letter.failure.audience
    )
    names = sorted(counts, key=lambda name: (-counts[name], name))
    more = len(names) - _NAMED_AUDIENCES
    shown = ", ".join(printable(name) for name in names[:_NAMED_AUDIENCES])
    return f"{shown} and {more} more" if more > 0 else shown
