"""The books as metrics: where every record read has gone, in numbers that balance at every scrape."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from consumer.record import IgnoreReason, RejectReason
from consumer.telemetry.metrics import PREFIX


@dataclass(frozen=True, slots=True)
class BooksSnapshot:
    """The counts of one moment, in records. A reason without records may be missing."""

    consumed: int = 0
    delivered: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)
    dead_lettered: Mapping[str, int] = field(default_factory=dict)
    released: int = 0
    pending: int = 0

    @property
    def difference(self) -> int:
        """Records consumed that no other count accounts for; 0 when the books balance."""
        return (
            self.consumed
            - self.delivered
            - sum(self.ignored.values())
            - sum(self.dead_lettered.values())
            - self.released
            - self.pending
        )


class BooksCollector(Collector):
    """Reads one snapshot for each scrape, so that the counts of a scrape are of one moment."""

    def __init__(self, read: Callable[[], BooksSnapshot]) -> None:
        """`read` is called once in each scrape, on the thread that renders it, and must not block."""
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """The metrics without values: registering must not read the books."""
        return _metrics(None)

    def collect(self) -> Iterable[Metric]:
        """The metrics of one snapshot. Every reason is there from the start, so that a rate never misses the first."""
        return _metrics(self._read())


def _metrics(books: BooksSnapshot | None) -> list[Metric]:
    consumed = CounterMetricFamily(f"{PREFIX}_records_consumed", "Records read from Kafka.")
    delivered = CounterMetricFamily(
        f"{PREFIX}_records_delivered", "Records whose changes LiveIntent has."
    )
    ignored = CounterMetricFamily(
        f"{PREFIX}_records_ignored",
        "Records that asked for nothing, by reason.",
        labels=["reason"],
    )
    dead_lettered = CounterMetricFamily(
        f"{PREFIX}_records_dead_lettered",
        "Records written to the dead-letter topic, by reason.",
        labels=["reason"],
    )
    released = CounterMetricFamily(
        f"{PREFIX}_records_released",
        "Records given up unfinished when their partition was revoked; its next owner reads them again.",
    )
    pending = GaugeMetricFamily(f"{PREFIX}_records_pending", "Records read and not finished.")
    if books is not None:
        consumed.add_metric([], books.consumed)
        delivered.add_metric([], books.delivered)
        _add_by_reason(ignored, IgnoreReason, books.ignored)
        _add_by_reason(dead_lettered, RejectReason, books.dead_lettered)
        released.add_metric([], books.released)
        pending.add_metric([], books.pending)
    return [consumed, delivered, ignored, dead_lettered, released, pending]


def _add_by_reason(
    family: CounterMetricFamily, reasons: type[StrEnum], counts: Mapping[str, int]
) -> None:
    """A reason the enum lacks is shown as well: leaving it out would unbalance the books."""
    zeros = {reason.value: 0 for reason in reasons}
    for reason, count in (zeros | {str(name): count for name, count in counts.items()}).items():
        family.add_metric([reason], count)
