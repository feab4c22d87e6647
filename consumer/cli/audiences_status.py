"""`segment-liveintent audiences status`: our audiences one by one, with their size and their last upload."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.text import Text

from consumer.cli.audiences_options import ANSWER_SECONDS, AsJson, Names, Seconds
from consumer.cli.audiences_serving import Serving, absent_keys, servings
from consumer.cli.audiences_source import AudienceSource, ask, no_such, served_rows
from consumer.cli.audiences_view import (
    AUDIENCE_HEADS,
    a_table,
    audience_cells,
    audience_fields,
    count_fields,
    show,
    status_text,
    upload_fields,
)
from consumer.cli.dead_letters_view import counted, printable
from consumer.cli.run import EnvFile
from consumer.errors import CheckFailed
from consumer.liveintent.shapes import AudienceCount, AudienceRow, UploadEntry
from consumer.telemetry.why_behind import duration

_ENDED = {"Finished", "Error"}


@dataclass(frozen=True, slots=True)
class Looked:
    """An audience with the newest of what LiveIntent tells of it."""

    row: AudienceRow
    serving: Serving | None
    count: AudienceCount | None
    uploads: Sequence[UploadEntry]
    """Newest first."""

    @property
    def unfinished(self) -> int:
        """Uploads that have not ended, in words we do not know too."""
        return sum(entry.status not in _ENDED for entry in self.uploads)


def audience_status(
    names: Names = None,
    *,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    seconds: Seconds = ANSWER_SECONDS,
) -> None:
    """Say of each audience whether it is in use, how large it is, and how its last upload fared.

    Reads every audience's list of uploads and counts: at
    LIVEINTENT_REQUESTS_PER_SECOND, which the running service does not share,
    many audiences take a while. Changes nothing.

    Exits with 0, 2 when settings or arguments cannot be used, 3 when
    LiveIntent lacks one of them, or does not answer or refuses.

    Example: segment-liveintent audiences status vip_customers lapsed_buyers_90d

    Example: segment-liveintent audiences status --json | jq 'select(.unfinished_uploads > 0)'
    """

    async def look(source: AudienceSource) -> tuple[list[Looked], list[str]]:
        if names:
            found = [(name, await source.of_name(name)) for name in names]
            rows = [row for _, each in found for row in each]
            absent = [name for name, each in found if not each]
        else:
            everything = await source.every()
            rows = served_rows(source.settings, everything)
            absent = absent_keys(everything, source.settings)
        serving = servings(rows, source.settings)
        return [await _looked(source, row, serving.get(row.id)) for row in rows], absent

    looked, absent = ask(env_file, look, seconds=seconds)
    now = datetime.now(UTC)
    more = ("total", "matched", "last upload", "under way")
    table = a_table("Our audiences", (*AUDIENCE_HEADS, *more), {"id", "total", "matched"})
    for each in looked:
        table.add_row(*audience_cells(each.row, each.serving), *_cells(each, now=now))
    show(
        as_json,
        (_fields(each, now=now) for each in looked),
        table,
        f"{counted(len(looked), 'audience')}.",
    )
    if absent:
        raise CheckFailed(" ".join(map(no_such, absent)))


async def _looked(source: AudienceSource, row: AudienceRow, serving: Serving | None) -> Looked:
    counts = await source.counts(row.id)
    return Looked(row, serving, counts[0] if counts else None, await source.uploads(row.id))


def _fields(looked: Looked, *, now: datetime) -> dict[str, object]:
    last = looked.uploads[0] if looked.uploads else None
    return {
        **audience_fields(looked.row, looked.serving),
        "counts": count_fields(looked.row, looked.count) if looked.count else None,
        "last_upload": upload_fields(looked.row, last, now=now) if last else None,
        "uploads": len(looked.uploads),
        "unfinished_uploads": looked.unfinished,
    }


def _cells(looked: Looked, *, now: datetime) -> list[str | Text]:
    numbers = ["", ""]
    if looked.count is not None:
        numbers = [f"{looked.count.total:,}", f"{looked.count.matched:,}"]
    if not looked.uploads:
        return [*numbers, "none", ""]
    last = looked.uploads[0]
    age = duration((now - last.schedule_at).total_seconds())
    what = f" {printable(last.action)} of {counted(last.uploaded, 'row')}, {age} ago"
    told = Text.assemble(status_text(last.status), what)
    return [*numbers, told, str(looked.unfinished or "")]
