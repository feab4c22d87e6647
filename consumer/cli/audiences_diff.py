"""`segment-liveintent audiences diff`: what was sent, against what LiveIntent counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from consumer.cli.audiences_comparison import (
    IN_WORDS,
    Kind,
    Rows,
    UploadSums,
    Verdict,
    rows_by_kind,
    sums_of,
    verdict_on,
)
from consumer.cli.audiences_options import ANSWER_SECONDS, AsJson, Names, Seconds
from consumer.cli.audiences_service import read_services
from consumer.cli.audiences_source import AudienceSource, ask, no_such, served_rows
from consumer.cli.audiences_view import Shown, a_table, show, time_text
from consumer.cli.dead_letters_view import printable
from consumer.cli.run import EnvFile
from consumer.errors import CheckFailed
from consumer.liveintent.audience_choice import DELETED
from consumer.liveintent.shapes import AudienceCount, AudienceRow, UploadEntry
from consumer.service.from_settings import spelling

# LiveIntent's clock and the service's need not agree.
_SKEW = timedelta(seconds=60)

COMPARED = (
    "The newest size LiveIntent counts for each audience, against the rows of its finished uploads: no more than were "
    "added, no fewer than were added less those removed, invalid or repeated within a file.",
)
COMPARED_WITH_A_SERVICE = (
    "For each action and identifier type, the rows the services at --url stored since the first of them started, "
    "against the rows LiveIntent counts in finished uploads since then, of the audiences those services know.",
)
NOT_KNOWN = (
    "Which rows: LiveIntent only counts. A row sent again in another file counts again, and a row removed may never have "
    "been in.",
    "People: it counts identifiers, and an email may be three.",
    "The past and the others: how long it lists an upload is not told, nor who made it; members added in its UI or by "
    "another program count as well.",
    "When it counts: sizes may be a day old.",
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One audience's size and uploads."""

    row: AudienceRow
    sums: UploadSums
    count: AudienceCount | None

    @property
    def verdict(self) -> Verdict:
        """How they go together."""
        return verdict_on(self.sums, None if self.count is None else self.count.total)


def audience_diff(
    names: Names = None,
    *,
    urls: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            help="A running service, such as http://10.0.0.7:8080 (its HTTP_PORT), to compare with what it says it "
            "stored. Can be given again, once for each replica.",
        ),
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    seconds: Seconds = ANSWER_SECONDS,
) -> None:
    """Hold what was sent against what LiveIntent counts, as far as that can be known.

    For each audience: what LiveIntent's own list of uploads adds up to,
    against the size it counts. With --url: what running services say they
    stored, against what LiveIntent says it finished. The output tells what is
    compared, and what nobody can know. Changes nothing.

    A verdict is fits, more_than_added, fewer_than_added or not_counted: a
    reason to look, never a proof of loss.

    Exits with 0 whatever it finds, 2 when settings or arguments cannot be
    used, 3 when an audience, LiveIntent or a service does not answer.

    Example: segment-liveintent audiences diff vip_customers

    Example: segment-liveintent audiences diff --url http://10.0.0.7:8080 --url http://10.0.0.8:8080 --json
    """

    async def compare(source: AudienceSource) -> tuple[list[Compared], Mapping[Kind, Rows]]:
        rows = await _rows(source, names or [])
        compared = [await _compared(source, row) for row in rows]
        return compared, await _rows_of_services(source, urls or [], seconds=seconds)

    compared, by_kind = ask(env_file, compare, seconds=seconds)
    tables: list[Shown] = [_table(compared)]
    if urls:
        tables.append(_service_table(by_kind))
    what = (*COMPARED, *COMPARED_WITH_A_SERVICE) if urls else COMPARED
    tables += [_told("What is compared", what), _told("What cannot be known", NOT_KNOWN)]
    show(as_json, _objects(compared, by_kind, what), *tables)


def _told(title: str, sentences: Sequence[str]) -> Text:
    return Text.assemble((title, "bold"), *(f"\n- {each}" for each in sentences))


async def _rows(source: AudienceSource, names: Sequence[str]) -> list[AudienceRow]:
    if not names:
        served = served_rows(source.settings, await source.every())
        return [row for row in served if row.status != DELETED]
    rows: list[AudienceRow] = []
    for name in names:
        found = await source.of_name(name)
        if not found:
            raise CheckFailed(no_such(name))
        rows += found
    return rows


async def _compared(source: AudienceSource, row: AudienceRow) -> Compared:
    counts = await source.counts(row.id)
    sums = sums_of(await source.uploads(row.id), spelling(source.settings))
    return Compared(row, sums, counts[0] if counts else None)


async def _rows_of_services(
    source: AudienceSource, urls: Sequence[str], *, seconds: float
) -> Mapping[Kind, Rows]:
    if not urls:
        return {}
    service = await read_services(urls, seconds=seconds)
    entries: list[UploadEntry] = []
    for audience in sorted(service.audiences):
        entries += await source.uploads(audience, since=service.since - _SKEW)
    return rows_by_kind(service.stored, entries, spelling(source.settings))


def _objects(
    compared: Sequence[Compared], by_kind: Mapping[Kind, Rows], what: Sequence[str]
) -> Iterator[dict[str, object]]:
    for each in compared:
        sums = asdict(each.sums)
        oldest = each.sums.oldest
        yield {
            "what": "audience",
            "id": each.row.id,
            "name": each.row.name,
            "status": each.row.status,
            "date": each.count.date if each.count else None,
            "total": each.count.total if each.count else None,
            **sums,
            "oldest": time_text(oldest) if oldest else None,
            "verdict": each.verdict,
        }
    for (action, identifier_type), rows in by_kind.items():
        yield {
            "what": "service",
            "action": action,
            "identifier_type": identifier_type,
            **asdict(rows),
            "difference": rows.finished - rows.stored,
        }
    yield {"what": "about", "compared": list(what), "not_known": list(NOT_KNOWN)}


def _table(compared: Sequence[Compared]) -> Table:
    numbers = {"id", "size", "added", "removed", "invalid", "repeated"}
    heads = ("id", "audience", "size", "added", "removed", "invalid", "repeated", "also", "verdict")
    table = a_table("LiveIntent's counts and its uploads", heads, numbers)
    for each in compared:
        sums = each.sums
        table.add_row(
            str(each.row.id), printable(each.row.name), f"{each.count.total:,}" if each.count else "",
            f"{sums.added:,}", f"{sums.removed:,}", f"{sums.invalid:,}", f"{sums.duplicates:,}",
            _also(sums), IN_WORDS[each.verdict],
        )  # fmt: skip
    return table


def _also(sums: UploadSums) -> str:
    parts = [
        (sums.unfinished, "under way"),
        (sums.failed, "failed"),
        (sums.other_rows, "rows of other actions"),
    ]
    return ", ".join(f"{number:,} {what}" for number, what in parts if number)


def _service_table(by_kind: Mapping[Kind, Rows]) -> Table:
    numbers = {"stored", "finished", "difference"}
    heads = ("action", "type", "stored", "finished", "difference", "what it means")
    table = a_table("The services and LiveIntent", heads, numbers)
    for (action, identifier_type), rows in by_kind.items():
        table.add_row(
            printable(action), printable(identifier_type), f"{rows.stored:,}", f"{rows.finished:,}",
            f"{rows.finished - rows.stored:+,}", rows.in_words,
        )  # fmt: skip
    return table
