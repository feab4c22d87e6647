"""The table of docs/decisions/0014 names tests and metrics that are there."""

import ast
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.lag_seconds import LagSecondsCollector
from consumer.telemetry.metrics import PREFIX, Metrics

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "decisions" / "0014-no-silent-state.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ") and not line.startswith("| State")
]
NAMES = re.compile(r"`([^`]+)`")
# Not ours: Prometheus's own.
NOT_OURS = {"up"}


def metric_names() -> set[str]:
    registry = CollectorRegistry()
    Metrics(registry)
    registry.register(BooksCollector(BooksSnapshot))
    registry.register(LagSecondsCollector(dict))
    counted = {"counter": "_total"}
    return {
        (family.name + counted.get(family.type, "")).removeprefix(f"{PREFIX}_")
        for family in registry.collect()
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_state_has_a_test_that_is_there(row: list[str]) -> None:
    tests = NAMES.findall(row[3])

    assert tests
    for test in tests:
        path, name = test.split("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, test


def test_every_metric_of_the_table_is_there() -> None:
    named = {name for row in ROWS for name in NAMES.findall(row[2])} - NOT_OURS

    assert named <= metric_names()
    assert "partition_stalled" in named
