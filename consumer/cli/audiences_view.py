"""LiveIntent's audiences as JSON lines, and as tables for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consumer.cli.audiences_serving import Serving
from consumer.cli.dead_letters_view import printable
from consumer.liveintent.shapes import AudienceCount, AudienceRow, UploadEntry
from consumer.telemetry.why_behind import duration

_STYLES = {
    "Active": "green",
    "Archived": "yellow",
    "Deleted": "dim",
    "Finished": "green",
    "Error": "bold red",
}


Shown = Table | Text | str


def show(as_json: bool, objects: Iterable[Mapping[str, object]], *tables: Shown) -> None:
    """Write the objects, one a line, when nobody watches or JSON is asked for; else the tables."""
    console = Console(highlight=False, markup=False)
    if as_json or not console.is_terminal:
        for each in objects:
            typer.echo(json.dumps(each))
        return
    for table in tables:
        console.print(table)


def audience_fields(row: AudienceRow, serving: Serving | None) -> dict[str, object]:
    """Return what is told of an audience in JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "created_at": time_text(row.created_at),
        "serves": serving.key if serving else None,
        "in_use": serving.in_use if serving else False,
    }


def audience_cells(row: AudienceRow, serving: Serving | None) -> list[str | Text]:
    """Return the same for a table: id, name, status, created, and whom it serves."""
    serves = "" if serving is None else printable(serving.key)
    if serving is not None and not serving.in_use:
        serves += " (not in use)"
    return [
        str(row.id), printable(row.name), status_text(row.status), short_time(row.created_at), serves,
    ]  # fmt: skip


AUDIENCE_HEADS = ("id", "name", "status", "created", "serves")


def upload_fields(audience: AudienceRow, entry: UploadEntry, *, now: datetime) -> dict[str, object]:
    """Return what is told of an upload in JSON. LiveIntent gives uploads no id."""
    return {
        "audience_id": audience.id,
        "audience": audience.name,
        "identifier_type": entry.upload_type,
        "action": entry.action,
        "status": entry.status,
        "uploaded": entry.uploaded,
        "invalid": entry.invalid,
        "duplicates": entry.duplicates,
        "scheduled_at": time_text(entry.schedule_at),
        "last_update": time_text(entry.last_update),
        "age_seconds": round((now - entry.schedule_at).total_seconds()),
    }


def uploads_table(uploads: Sequence[tuple[AudienceRow, UploadEntry]], *, now: datetime) -> Table:
    """Return one row per upload, in the order given."""
    numbers = {"id", "uploaded", "invalid", "duplicates"}
    heads = ("id", "audience", "type", "action", "status", "uploaded", "invalid", "duplicates",
             "scheduled", "age")  # fmt: skip
    table = a_table("Uploads, newest first", heads, numbers)
    for audience, entry in uploads:
        table.add_row(
            str(audience.id), printable(audience.name), printable(entry.upload_type), printable(entry.action),
            status_text(entry.status), f"{entry.uploaded:,}", f"{entry.invalid:,}", f"{entry.duplicates:,}",
            short_time(entry.schedule_at), duration((now - entry.schedule_at).total_seconds()),
        )  # fmt: skip
    return table


def count_fields(audience: AudienceRow, count: AudienceCount) -> dict[str, object]:
    """Return what is told of an audience's counts of one day in JSON."""
    return {
        "audience_id": audience.id,
        "audience": audience.name,
        "date": count.date,
        "total": count.total,
        "matched": count.matched,
    }


def a_table(title: str, heads: Sequence[str], numbers: frozenset[str] | set[str]) -> Table:
    """Return a table without rows; the columns of `numbers` stand right and do not break."""
    table = Table(title=title, title_justify="left")
    for head in heads:
        right = head in numbers
        table.add_column(head, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return table


def status_text(status: str) -> Text:
    """Return a status word of LiveIntent's with its colour."""
    return Text(printable(status), _STYLES.get(status, ""))


def time_text(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def short_time(moment: datetime) -> str:
    """Return a moment for a table, to the minute, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
