"""What a PromQL expression is made of, by a real parser."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import promql_parser
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.lag_seconds import LagSecondsCollector
from consumer.telemetry.metrics import Metrics

# What Prometheus itself adds for every target.
SCRAPE_METRICS = frozenset({"up", "scrape_duration_seconds"})
# What prometheus_client says of the process, on Linux.
PROCESS_METRICS = frozenset(
    {
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
        "python_gc_collections_total",
        "python_gc_objects_collected_total",
        "python_info",
    }
)
Node: TypeAlias = Any
"""A node of promql_parser, which has no common type."""

_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}


def registered_metrics() -> frozenset[str]:
    """The names of every series the service can have, as Prometheus stores them."""
    registry = CollectorRegistry()
    Metrics(registry)
    registry.register(BooksCollector(BooksSnapshot))
    registry.register(LagSecondsCollector(dict))
    ours = {name for family in registry.collect() for name in _series(family)}
    return frozenset(ours) | PROCESS_METRICS | SCRAPE_METRICS


def selectors(expression: str) -> Iterator[Node]:
    """Every vector selector in it. An expression that is no PromQL raises ValueError."""
    for node, _ in nodes(promql_parser.parse(expression)):
        if isinstance(node, promql_parser.VectorSelector):
            yield node


def names(expression: str) -> set[str]:
    """The metrics it reads."""
    return {selector.name for selector in selectors(expression)}


def matchers(selector: Node) -> dict[str, str]:
    """A selector's matchers: label and value."""
    return {each.name: each.value for each in selector.matchers.matchers}


def nodes(node: Node, above: tuple[Node, ...] = ()) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Every node of a parsed expression, with the nodes above it, nearest first."""
    yield node, above
    for child in _children(node):
        yield from nodes(child, (node, *above))


_Children = Callable[[Node], list[Node]]
_CHILDREN: dict[type, _Children] = {
    promql_parser.AggregateExpr: lambda node: [node.expr, *([node.param] if node.param else [])],
    promql_parser.BinaryExpr: lambda node: [node.lhs, node.rhs],
    promql_parser.Call: lambda node: list(node.args),
    promql_parser.MatrixSelector: lambda node: [node.vector_selector],
    promql_parser.NumberLiteral: lambda node: [],
    promql_parser.ParenExpr: lambda node: [node.expr],
    promql_parser.StringLiteral: lambda node: [],
    promql_parser.SubqueryExpr: lambda node: [node.expr],
    promql_parser.UnaryExpr: lambda node: [node.expr],
    promql_parser.VectorSelector: lambda node: [],
}


def _children(node: Node) -> list[Node]:
    return _CHILDREN[type(node)](node)


def _series(family: Metric) -> Iterator[str]:
    yield from (f"{family.name}{suffix}" for suffix in _SUFFIXES.get(family.type, ("",)))
