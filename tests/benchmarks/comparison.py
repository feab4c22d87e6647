"""Whether a row has become slower than it was, whatever machine either ran on. Pure.

Rows are compared by what they need of the processor for an event, as a multiple of what decoding alone needs in the same
run: other work on the machine, and a faster machine, change both alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.benchmarks.rows import Row, Summary, base_of
from tests.benchmarks.targets import Results

ALLOWED = 0.15
COMPARED = (Row.AUDIENCES, Row.MIXED, Row.CONVERSIONS, Row.COLLECTOR)

Ratios = Mapping[Row, float]


@dataclass(frozen=True, slots=True)
class Change:
    """How a row's ratio to (b) stands to what it was: 0.2 is a fifth more."""

    row: Row
    before: float
    now: float

    @property
    def growth(self) -> float:
        return self.now / self.before - 1

    @property
    def is_too_much(self) -> bool:
        return self.growth > ALLOWED

    def __str__(self) -> str:
        verdict = "TOO MUCH" if self.is_too_much else "ok"
        return (
            f"{verdict:8} {self.row.label}: {self.before:.2f} times the processor time of (b) before, "
            f"{self.now:.2f} now ({self.growth:+.0%}, at most {ALLOWED:+.0%})"
        )


def ratios_of(results: Results) -> dict[Row, float]:
    """What each row needs of the processor for an event, as a multiple of row (b). Empty without (b)."""
    return {
        row: _cost(results[row]) / _cost(base)
        for row in COMPARED
        if row in results and (base := base_of(row, results)) is not None
    }


def changes(before: Ratios, now: Ratios) -> Iterator[Change]:
    """The rows that both have, in the order of the table."""
    for row in COMPARED:
        if row in before and row in now:
            yield Change(row, before[row], now[row])


def _cost(summary: Summary) -> float:
    return summary.cpu_seconds_per_million.median
