"""How old the oldest unfinished record of each partition is: reckoned at each scrape, so it grows while all stands still."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from consumer.telemetry.metrics import PREFIX


class LagSecondsCollector(Collector):
    """Has a series for each partition that is assigned now, and none for those that left."""

    def __init__(self, read: Callable[[], Mapping[tuple[str, int], float]]) -> None:
        """`read` gives seconds by topic and partition; called once in each scrape, and must not block."""
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """The metric without values."""
        return [_family()]

    def collect(self) -> Iterable[Metric]:
        """The metric as of now."""
        family = _family()
        for (topic, partition), seconds in self._read().items():
            family.add_metric([topic, str(partition)], seconds)
        return [family]


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        f"{PREFIX}_consumer_lag_seconds",
        "Age of the oldest record that is read and not finished, by its Kafka timestamp; 0 when all are finished.",
        labels=["topic", "partition"],
    )
