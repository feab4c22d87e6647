"""What cost is measured against, and the tables of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from tests.benchmarks.measurement import Measurement
from tests.memory.resident import MEBIBYTE

HEADINGS = (
    "events",
    "events/s",
    "CPU s/M",
    "MiB",
    "files/M",
    "calls/M",
    "first s",
    "service cores",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One load. What differs from these is what is measured against."""

    events: int = 80_000
    people: int = 80_000
    audiences: int = 6
    partitions: int = 12
    padding_bytes: int = 0


class Dimension(StrEnum):
    """What grows from one measurement to the next."""

    AUDIENCES = "audiences"
    PEOPLE = "people"
    PARTITIONS = "partitions"
    EVENT_BYTES = "event-bytes"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement of a dimension."""

    value: float
    measured: Measurement


_USUAL = Size()
SIZES: Mapping[Dimension, Sequence[Size]] = MappingProxyType(
    {
        Dimension.AUDIENCES: [
            *(replace(_USUAL, audiences=n) for n in (1, 10, 100, 1_000)),
            # Files of two changes each: a quarter of the events are work enough.
            replace(_USUAL, audiences=10_000, events=20_000, people=20_000),
        ],
        Dimension.PEOPLE: [replace(_USUAL, people=n) for n in (800, 8_000, 80_000)],
        Dimension.PARTITIONS: [replace(_USUAL, partitions=n) for n in (1, 10, 100, 1_000)],
        Dimension.EVENT_BYTES: [
            replace(_USUAL, events=events, people=events, padding_bytes=padding)
            for events, padding in ((80_000, 0), (60_000, 600), (25_000, 2_600), (10_000, 9_600), (4_000, 29_600))
        ],
        Dimension.EVENTS: [
            replace(_USUAL, events=n, people=n) for n in (20_000, 80_000, 320_000)
        ],
    }
)  # fmt: skip


def smaller(size: Size, share: float) -> Size:
    """The same with fewer events and people, for a look."""
    events = max(1, round(size.events * share))
    return replace(size, events=events, people=min(size.people, events))


def table(dimension: Dimension, points: Sequence[Point]) -> list[list[str]]:
    """Headings, then a row of texts for each point."""
    return [
        [dimension, *HEADINGS],
        *([f"{point.value:,.0f}", *_cells(point.measured)] for point in points),
    ]


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same for a page of the docs."""
    lines = [rows[0], ["---:"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(measured: Measurement) -> Iterator[str]:
    yield f"{measured.events:,}"
    yield f"{measured.events_per_second:,.0f}"
    yield f"{measured.cpu_seconds_per_million:,.1f}"
    yield f"{measured.peak_bytes / MEBIBYTE:.0f}"
    for number in (measured.uploads_per_million, measured.requests_per_million):
        yield "-" if number is None else f"{number:,.0f}"
    first = measured.first_stored_seconds
    yield "-" if first is None else f"{first:.1f}"
    yield f"{measured.cpu_seconds / measured.seconds:.2f}"
