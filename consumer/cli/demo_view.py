"""How a demo looks: live on a terminal, as plain lines elsewhere, and a summary at the end."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from consumer.cli.demo_verdict import Verdict
from consumer.record import IgnoreReason, RejectReason
from consumer.telemetry.books import BooksSnapshot

MEANINGS: Mapping[str, str] = {
    IgnoreReason.UNSUPPORTED_TYPE: "alias and the like",
    IgnoreReason.GROUP_LEVEL: "an account, no person",
    IgnoreReason.NOT_AN_AUDIENCE: "views, orders, traits",
    IgnoreReason.AUDIENCE_NOT_CONFIGURED: "not in our list",
    IgnoreReason.NO_MEMBERSHIP: "neither in nor out",
    IgnoreReason.BAD_MEMBERSHIP: 'the text "true"',
    IgnoreReason.NOT_ADDRESSED: "for another destination",
    IgnoreReason.OPTED_OUT: "switched off by name",
    IgnoreReason.NO_CONSENT: "advertising refused",
    IgnoreReason.NO_IDENTIFIER: "no email, no device id",
    IgnoreReason.DUPLICATE: "the same message again",
    IgnoreReason.STALE: "a newer change is known",
    IgnoreReason.DELETION: "a user deletion",
    IgnoreReason.TOMBSTONE: "an empty record",
    IgnoreReason.DIRECT_CALL_OFF: "a call not forwarded",
    IgnoreReason.DIRECT_CALL_UNMAPPED: "a call without a row",
    IgnoreReason.TOO_OLD: "a call of long ago",
    IgnoreReason.NOT_REPLAYED: "no news for a replay",
    IgnoreReason.NOBODY_TO_REMOVE: "nobody to remove",
    IgnoreReason.ROW_DELETED: "a deleted row",
    RejectReason.UNDECODABLE: "bytes that are no event",
}
"""What a person is told of a reason. Short: on 80 columns each stays on one line."""

_WIDTH = 108


@dataclass(frozen=True, slots=True)
class AudienceView:
    """One audience: what waits for it here, and what LiveIntent has. Counts identifiers; files by action."""

    name: str
    waiting: int = 0
    in_flight: int = 0
    members: int = 0
    added: int = 0
    removed: int = 0
    uploads: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """What a demo shows of one moment. `planned` is None while it goes on until stopped."""

    produced: int
    planned: int | None
    elapsed_seconds: float
    books: BooksSnapshot = field(default_factory=BooksSnapshot)
    audiences: Sequence[AudienceView] = ()
    page_url: str = ""

    @property
    def finished(self) -> int:
        """Records that have come to their end."""
        return self.books.consumed - self.books.released - self.books.pending

    @property
    def records_per_second(self) -> float:
        """Finished records by the time since the first was produced."""
        return self.finished / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0


def render_live(moment: Moment) -> RenderableType:
    """The whole screen at one moment."""
    return _fitted(
        _headline(),
        _flow(moment),
        _outcomes_in_short(moment.books),
        _audiences(moment.audiences),
        _footer(moment),
    )


def addresses_line(moment: Moment) -> str:
    """Where to look while it runs, as a line of text."""
    return f"Status page {moment.page_url}/   metrics {moment.page_url}/metrics"


def progress_line(moment: Moment) -> str:
    """The same in one line, for a log."""
    books = moment.books
    return (
        f"{moment.elapsed_seconds:6.1f} s  produced {moment.produced:,}{_of(moment.planned)}"
        f"  read {books.consumed:,}  delivered {books.delivered:,}  ignored {sum(books.ignored.values()):,}"
        f"  dead letters {sum(books.dead_lettered.values()):,}  pending {books.pending:,}"
    )


def render_summary(moment: Moment, verdict: Verdict) -> RenderableType:
    """What came of it: outcomes, audiences, and whether everything is as it should be."""
    return _fitted(
        _headline(),
        _outcomes(moment.books),
        _audiences(moment.audiences, at_rest=True),
        _findings(verdict),
        _last_line(moment, verdict),
    )


def save_summary_svg(moment: Moment, verdict: Verdict, path: Path) -> None:
    """Write the summary as a picture of a terminal."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(render_summary(moment, verdict))
    console.save_svg(str(path), title="segment-liveintent demo")


def _headline() -> RenderableType:
    text = Text.assemble(
        ("segment-liveintent", "bold"),
        "  Segment's audiences ",
        ("→", "cyan"),
        " custom audiences at LiveIntent\n",
        ("In one process: Kafka and LiveIntent are stand-ins, the people are invented.", "dim"),
    )  # fmt: skip
    return Panel(text, box=box.ROUNDED, border_style="cyan")


def _flow(moment: Moment) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(style="bold", min_width=10)
    table.add_column(justify="right", min_width=9)
    table.add_column(ratio=1)
    table.add_column(style="dim", no_wrap=True)
    total = moment.planned if moment.planned is not None else max(moment.produced, 1)
    for name, count, what in (
        ("Produced", moment.produced, "Segment events in Avro, keyed by user"),
        ("Read", moment.books.consumed, "by the service"),
        ("Finished", moment.finished, "delivered, ignored or dead-lettered"),
    ):
        bar = ProgressBar(total=max(total, 1), completed=count)
        table.add_row(name, f"{count:,}", bar, what)
    return Panel(table, box=box.ROUNDED, border_style="dim")


def _outcomes_in_short(books: BooksSnapshot) -> RenderableType:
    table = _table(show_header=False)
    table.add_column(min_width=14)
    table.add_column(justify="right", min_width=9)
    table.add_column(style="dim", ratio=1, no_wrap=True)
    for name, style, count, reasons in (
        ("delivered", "green", books.delivered, {}),
        ("ignored", "yellow", sum(books.ignored.values()), books.ignored),
        ("dead-lettered", "red", sum(books.dead_lettered.values()), books.dead_lettered),
        ("pending", "", books.pending, {}),
    ):
        said = "  ".join(f"{reason} {n:,}" for reason, n in _largest_first(reasons))
        table.add_row(Text(name, style=style), Text(f"{count:,}", style=style), said)
    return table


def _outcomes(books: BooksSnapshot) -> RenderableType:
    table = _table()
    table.add_column("Records")
    table.add_column("Reason")
    table.add_column("", justify="right", min_width=8)
    table.add_column("", style="dim", ratio=1)
    delivered = Text(f"{books.delivered:,}", style="green")
    table.add_row(Text("delivered", style="green"), "", delivered, "now at LiveIntent")
    for name, style, counts in (
        ("ignored", "yellow", books.ignored),
        ("dead-lettered", "red", books.dead_lettered),
    ):
        for label, (reason, count) in zip(_once(name), _largest_first(counts), strict=False):
            number = Text(f"{count:,}", style=style)
            table.add_row(
                Text(label, style=style), str(reason), number, MEANINGS.get(str(reason), "")
            )
    if books.pending:
        table.add_row("pending", "", f"{books.pending:,}", "waits, or on its way")
    return table


def _audiences(audiences: Sequence[AudienceView], *, at_rest: bool = False) -> RenderableType:
    table = _table()
    table.add_column("Audience", ratio=1, min_width=20, no_wrap=True)
    if not at_rest:
        table.add_column("waiting", justify="right")
        table.add_column("in flight", justify="right")
    for title in ("added", "removed", "uploads", "members"):
        table.add_column(title, justify="right")
    for each in audiences:
        here = [] if at_rest else [_dim_zero(each.waiting), _dim_zero(each.in_flight)]
        there = (f"{each.added:,}", f"{each.removed:,}", f"{each.uploads:,}")
        members = Text(f"{each.members:,}", style="bold green" if each.members else "dim")
        table.add_row(Text(each.name, style="cyan"), *here, *there, members)
    table.caption = "Counted in identifiers: an email address is three hashes." if at_rest else None
    return table


def _findings(verdict: Verdict) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(ratio=1)
    for finding in verdict.findings:
        mark = Text("✓", style="bold green") if finding.ok else Text("✗", style="bold red")
        said = Text(finding.sentence, style="" if finding.ok else "red")
        if finding.detail:
            said.append(f"\n{finding.detail}", style="dim" if finding.ok else "yellow")
        table.add_row(mark, said)
    style = "green" if verdict.ok else "red"
    return Panel(table, box=box.ROUNDED, border_style=style)


def _last_line(moment: Moment, verdict: Verdict) -> RenderableType:
    said = "Everything arrived." if verdict.ok else "This did not come out right."
    return Text.assemble(
        (said, "bold green" if verdict.ok else "bold red"),
        f"  {moment.finished:,} records in {moment.elapsed_seconds:.1f} s,"
        f" {moment.records_per_second:,.0f} records/s.",
    )


def _footer(moment: Moment) -> RenderableType:
    line = Text.assemble(
        f"{moment.elapsed_seconds:.1f} s   {moment.records_per_second:,.0f} records/s   ",
        f"{moment.page_url}/", (" and ", "dim"), "/metrics",
    )  # fmt: skip
    if moment.planned is None:
        line.append("   Ctrl-C ends it", style="dim")
    return Align.left(line)


def _table(*, show_header: bool = True) -> Table:
    return Table(
        box=box.ROUNDED,
        expand=True,
        show_header=show_header,
        header_style="dim",
        border_style="dim",
    )


def _fitted(*parts: RenderableType) -> RenderableType:
    """One under the other, as wide as the terminal but no wider than reads well."""
    return Constrain(Group(*parts), _WIDTH)


def _once(name: str) -> Iterator[str]:
    """The name, and then blanks: one label for many rows."""
    yield name
    while True:
        yield ""


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(
        ((reason, count) for reason, count in counts.items() if count),
        key=lambda each: (-each[1], each[0]),
    )


def _dim_zero(count: int) -> Text:
    return Text(f"{count:,}", style="" if count else "dim")


def _of(planned: int | None) -> str:
    return "" if planned is None else f" of {planned:,}"
