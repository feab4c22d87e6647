"""The rows of the table, and what several runs of one come to. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from tests.benchmarks.measurement import Measurement


class Row(StrEnum):
    """One row; the value is how the command line and the result file name it."""

    CONSUME = "a"
    DECODE = "b"
    DECODE_MIXED = "b-mixed"
    AUDIENCES = "c"
    MIXED = "d"
    CONVERSIONS = "e"
    COLLECTOR = "e-collector"
    IDLE = "c-idle"
    HALF = "c-half"
    ONE = "c-one"
    TWO = "c-two"

    @property
    def label(self) -> str:
        return _LABELS[self]


FLOORS = frozenset({Row.CONSUME, Row.DECODE, Row.DECODE_MIXED})
"""Those without the service."""
PACED = frozenset({Row.IDLE, Row.HALF})
"""Those whose speed is that of the producer."""

_LABELS: Mapping[Row, str] = {
    Row.CONSUME: "(a) consume only",
    Row.DECODE: "(b) consume + decode",
    Row.DECODE_MIXED: "(b) the same, mixed",
    Row.AUDIENCES: "(c) service, audiences",
    Row.MIXED: "(d) service, mixed",
    Row.CONVERSIONS: "(e) calls, conversions",
    Row.COLLECTOR: "(e) calls, collector",
    Row.IDLE: "(c) at 50 events/s",
    Row.HALF: "(c) at half its speed",
    Row.ONE: "(c) one process, live",
    Row.TWO: "(c) two processes, live",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several runs, and how far from it the farthest was, as a share of it."""

    median: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """At least one value is needed."""
        middle = median(values)
        farthest = max(abs(value - middle) for value in values)
        return cls(middle, farthest / middle if middle else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the runs of one row come to. None where a row has no such thing."""

    row: Row
    runs: int
    events: int
    events_per_second: Figure
    cpu_seconds_per_million: Figure
    peak_bytes: int
    """The highest of all runs."""
    uploads_per_million: float | None
    requests_per_million: float | None
    first_stored_seconds: float | None
    p50_seconds: float | None
    p99_seconds: float | None
    beside: Mapping[str, float]
    """Processor seconds of the others in a second of the run: 1.0 is a whole core."""
    service_cores: float
    """The same of what is measured."""
    wrong: tuple[str, ...]


def summary_of(row: Row, runs: Sequence[Measurement]) -> Summary:
    """Summarise at least one run."""
    return Summary(
        row=row,
        runs=len(runs),
        events=runs[0].events,
        events_per_second=Figure.of([run.events_per_second for run in runs]),
        cpu_seconds_per_million=Figure.of([run.cpu_seconds_per_million for run in runs]),
        peak_bytes=max(run.peak_bytes for run in runs),
        uploads_per_million=_median_of(runs, lambda run: run.uploads_per_million),
        requests_per_million=_median_of(runs, lambda run: run.requests_per_million),
        first_stored_seconds=_median_of(runs, lambda run: run.first_stored_seconds),
        p50_seconds=_median_of(runs, lambda run: run.latencies and run.latencies[0]),
        p99_seconds=_median_of(runs, lambda run: run.latencies and run.latencies[1]),
        beside={
            who: median(run.beside[who] / run.seconds for run in runs) for who in runs[0].beside
        },
        service_cores=median(run.cpu_seconds / run.seconds for run in runs),
        wrong=tuple(sentence for run in runs for sentence in run.wrong),
    )


def base_of(row: Row, results: Mapping[Row, Summary]) -> Summary | None:
    """The row (b) that this one is held against: decoding the same events, where that was measured."""
    if row is Row.MIXED and Row.DECODE_MIXED in results:
        return results[Row.DECODE_MIXED]
    return results.get(Row.DECODE)


def share_of_speed(summary: Summary, base: Summary) -> float:
    """Its events a second as a share of those of `base`."""
    return summary.events_per_second.median / base.events_per_second.median


def share_of_cpu(summary: Summary, base: Summary) -> float:
    """What `base` needs of the processor for an event, as a share of what this needs: how fast it were, alone."""
    return base.cpu_seconds_per_million.median / summary.cpu_seconds_per_million.median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so large a share of them does not exceed."""
    if not values:
        raise ValueError("no values, no percentile")
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def _median_of(
    runs: Sequence[Measurement], value_of: Callable[[Measurement], float | None]
) -> float | None:
    values = [value for run in runs if (value := value_of(run)) is not None]
    return median(values) if values else None
