"""A scrape of /metrics, as Prometheus would see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from consumer.telemetry.books import BooksSnapshot
from consumer.telemetry.metrics import PREFIX

_Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Every sample of one answer. Names are given without the program's prefix."""

    samples: Mapping[tuple[str, _Labels], float]

    def value(self, name: str, **labels: str) -> float:
        """One sample; 0 where there is none, as for a series nobody has touched yet."""
        return self.samples.get((f"{PREFIX}_{name}", frozenset(labels.items())), 0.0)

    def by(self, label: str, name: str) -> dict[str, int]:
        """Every sample of a counter above 0, by the value of its one label."""
        return {
            dict(labels)[label]: int(value)
            for (sample, labels), value in self.samples.items()
            if sample == f"{PREFIX}_{name}" and value
        }


def scrape_of(text: str) -> Scrape:
    """Read the text format."""
    return Scrape(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )


def books_of(scrape: Scrape) -> BooksSnapshot:
    """Where every record has gone, by the metrics; `difference` is 0 when they balance."""
    return BooksSnapshot(
        consumed=int(scrape.value("records_consumed_total")),
        delivered=int(scrape.value("records_delivered_total")),
        ignored=scrape.by("reason", "records_ignored_total"),
        dead_lettered=scrape.by("reason", "records_dead_lettered_total"),
        released=int(scrape.value("records_released_total")),
        pending=int(scrape.value("records_pending")),
    )
