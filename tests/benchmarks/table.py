"""The table, for a terminal of 100 columns or as Markdown. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from tests.benchmarks.rows import PACED, Figure, Row, Summary, base_of, share_of_cpu, share_of_speed
from tests.benchmarks.targets import Results, Target
from tests.memory.resident import MEBIBYTE

HEADINGS = (
    "", "events/s", "CPU s/M", "of (b)", "by CPU", "MiB", "files/M", "calls/M", "p50/p99 s",
)  # fmt: skip
LEGEND = (
    "events/s: from the assignment of partitions until every record is finished, median of the runs.",
    "CPU s/M: processor seconds of the measured process for a million events, user and system.",
    "of (b), by CPU: its events/s as a share of those of (b); the same by CPU s/M, which other work disturbs less.",
    "MiB: highest resident memory. files/M, calls/M: uploads, and calls to LiveIntent in all, for a million changes.",
    "p50/p99: from a record's timestamp to the file that holds its change.",
)  # fmt: skip
_NONE = "-"


def cells(results: Results) -> list[list[str]]:
    """The rows as texts, in their order, without the headings."""
    return [_cells(results[row], base_of(row, results)) for row in Row if row in results]


def as_text(results: Results, found: Sequence[Target]) -> str:
    """The table and the targets, in lines of at most 100 characters as long as the numbers are usual ones."""
    lines = [list(HEADINGS), *cells(results)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
    return "\n".join([*table, "", *_beside(results), "", *_target_lines(found), *_wrong(results)])


def as_markdown(results: Results, found: Sequence[Target]) -> str:
    """The same for a page of the docs."""
    lines = [
        _markdown_line(HEADINGS),
        _markdown_line(["---", *["---:"] * (len(HEADINGS) - 1)]),
        *map(_markdown_line, cells(results)),
        "",
        *LEGEND,
        "",
        _markdown_line(("target", "measured", "")),
        _markdown_line(("---", "---", "---")),
        *(_markdown_line((each.sentence, each.measured, _verdict(each))) for each in found),
    ]
    return "\n".join([*lines, *_wrong(results)])


def _cells(summary: Summary, base: Summary | None) -> list[str]:
    is_compared = summary.row not in {*PACED, Row.DECODE, Row.DECODE_MIXED}
    return [
        summary.row.label,
        _figure(summary.events_per_second),
        _figure(summary.cpu_seconds_per_million, digits=1),
        f"{share_of_speed(summary, base):.0%}" if base and is_compared else _NONE,
        f"{share_of_cpu(summary, base):.0%}" if base and is_compared else _NONE,
        f"{summary.peak_bytes / MEBIBYTE:.0f}",
        _number(summary.uploads_per_million),
        _number(summary.requests_per_million),
        _latency(summary),
    ]


def _latency(summary: Summary) -> str:
    if summary.p50_seconds is None or summary.p99_seconds is None:
        return _NONE
    return f"{summary.p50_seconds:.2f}/{summary.p99_seconds:.2f}"


def _figure(figure: Figure, *, digits: int = 0) -> str:
    spread = f" ±{figure.spread:.0%}" if figure.spread else ""
    return f"{figure.median:,.{digits}f}{spread}"


def _number(value: float | None, *, digits: int = 0) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    yield line[0].ljust(widths[0])
    for cell, width in zip(line[1:], widths[1:], strict=True):
        yield cell.rjust(width)


def _beside(results: Results) -> Iterator[str]:
    for row in Row:
        if row in results and results[row].beside:
            yield f"{row.label}: {_cores(results[row].service_cores, results[row].beside)}"


def _cores(service: float, beside: Mapping[str, float]) -> str:
    others = "".join(f", {who} {cores:.2f}" for who, cores in beside.items())
    return f"cores in use: service {service:.2f}{others}"


def _target_lines(found: Sequence[Target]) -> Iterator[str]:
    for each in found:
        yield f"{_verdict(each):8} {each.sentence}: {each.measured}"


def _verdict(target: Target) -> str:
    return "met" if target.met else "NOT MET"


def _wrong(results: Results) -> Iterator[str]:
    for row, summary in results.items():
        for sentence in summary.wrong:
            yield f"WRONG    {row.label}: {sentence}"


def _markdown_line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
