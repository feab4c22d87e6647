"""README.md's tables of settings and metrics, made from the code, and where they stand."""

from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from consumer.segment.reasons import WHY_IGNORED, WHY_REJECTED
from consumer.settings import settings_table
from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.lag_seconds import LagSecondsCollector
from consumer.telemetry.metrics import Metrics

README = Path(__file__).parents[2] / "README.md"

# What prometheus_client puts behind a metric's name.
_SUFFIXES = {"counter": "_total", "info": "_info"}


def tables() -> dict[str, str]:
    """The text between the markers, by the markers' name."""
    return {"reasons": reasons_table(), "settings": settings_table(), "metrics": metrics_table()}


def reasons_table() -> str:
    """A Markdown table of every reason a record is ignored or dead-lettered for."""
    why: list[tuple[str, str, str]] = [
        *(("ignored", reason, text) for reason, text in WHY_IGNORED.items()),
        *(("dead-lettered", reason, text) for reason, text in WHY_REJECTED.items()),
    ]
    rows = [f"| {outcome} | `{reason}` | {text} |" for outcome, reason, text in why]
    return "\n".join(["| Outcome | Reason | What it means |", "|---|---|---|", *rows]) + "\n"


def metrics_table() -> str:
    """A Markdown table of every metric: name, type, labels, meaning."""
    wrappers = [
        m for m in vars(Metrics(CollectorRegistry())).values() if isinstance(m, MetricWrapperBase)
    ]
    rows = [
        *(
            _row(family, vars(family)["_labelnames"])
            for family in BooksCollector(BooksSnapshot).describe()
        ),
        *(
            _row(family, vars(family)["_labelnames"])
            for family in LagSecondsCollector(dict).describe()
        ),
        *(_row(family, metric._labelnames) for metric in wrappers for family in metric.describe()),
    ]
    return "\n".join(["| Metric | Type | Labels | Meaning |", "|---|---|---|---|", *rows]) + "\n"


def with_tables(readme: str) -> str:
    """The README with its tables as the code has them. Raises ValueError when a marker is missing."""
    for name, table in tables().items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        before, after = readme.index(begin) + len(begin), readme.index(end)
        readme = f"{readme[:before]}\n{table}\n{readme[after:]}"
    return readme


def _row(family: Metric, labels: Sequence[str]) -> str:
    name = f"`{family.name}{_SUFFIXES.get(family.type, '')}`"
    return f"| {name} | {family.type} | {', '.join(f'`{label}`' for label in labels)} | {family.documentation} |"
