"""The chart's dashboards as a test reads them: the files, their panels, and expressions with Grafana's variables put in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tests.monitoring.rules import CHART

BOARDS = CHART / "dashboards"
Board = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel."""

    panel: str
    expression: str
    legend: str


def boards() -> dict[str, Board]:
    """Every dashboard of the chart, by its file's name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(BOARDS.glob("*.json"))}


def panels(board: Board) -> list[Board]:
    """Its panels, without the headings of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets(board: Board) -> Iterator[Target]:
    """Every query of its panels."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield Target(panel["title"], target["expr"], target["legendFormat"])


def all_expressions(board: Board) -> Iterator[str]:
    """Every expression in it: of panels, and of marks."""
    yield from chain(
        (target.expression for target in targets(board)),
        (mark["target"]["expr"] for mark in board["annotations"]["list"]),
    )


def with_values(expression: str) -> str:
    """The expression as Grafana sends it when everything is chosen."""
    values = {
        "$__rate_interval": "5m",
        "$__interval": "1m",
        "$namespace": ".*",
        "$job": ".+",
        "$instance": ".+",
    }
    for variable, value in values.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression
