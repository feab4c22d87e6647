"""The PromQL our panels share. Every selector keeps to the targets chosen at the top of the board."""

from helm.dashboards.grafana import Kind, Panel, Query, Unit

PREFIX = "segment_liveintent"
_TARGETS = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'


def series(name: str, *matchers: str) -> str:
    """One of our metrics, without the prefix; or one of the process, whose name is whole."""
    whole = name if name.startswith(("process_", "python_")) else f"{PREFIX}_{name}"
    return f"{whole}{{{', '.join((_TARGETS, *matchers))}}}"


def total(name: str, *by: str, aggregation: str = "sum") -> str:
    """A gauge over all replicas, by these labels."""
    return f"{aggregation}{_by(by)} ({series(name)})"


def rate(name: str, *by: str, only: tuple[str, ...] = ()) -> str:
    """What a counter gains per second over all replicas, by these labels."""
    return f"sum{_by(by)} (rate({series(name, *only)}[$__rate_interval]))"


def quantile(share: float, name: str, *by: str) -> str:
    """A quantile of a histogram over all replicas, by these labels."""
    return f"histogram_quantile({share}, {rate(f'{name}_bucket', 'le', *by)})"


def age(name: str) -> str:
    """How long ago the latest of a gauge of Unix times was, in seconds."""
    return f"time() - max by (instance) ({series(name)} > 0)"


def quantiles(name: str) -> tuple[Query, ...]:
    """The median, and what 5 and 1 in a hundred exceed."""
    return tuple(Query(quantile(share, name), f"{share:.0%}") for share in (0.5, 0.95, 0.99))


def graph(title: str, description: str, unit: Unit, *queries: Query, width: int = 8) -> Panel:
    """A time series."""
    return Panel(Kind.TIMESERIES, title, description, unit, queries, width=width)


def by_label(
    title: str, description: str, unit: Unit, expression: str, *labels: str, width: int = 8
) -> Panel:
    """A time series with a line per value of the labels."""
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    return graph(title, description, unit, Query(expression, legend), width=width)


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
