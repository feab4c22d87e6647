"""As much of Grafana's dashboard format as our boards need: typed here, JSON at the end.

Panels are placed left to right in their row, so that none overlaps another and ids are the order on the page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from helm.dashboards.furniture import DATASOURCE, TAG, Json, annotations, links, variables

SCHEMA_VERSION = 41
COLUMNS = 24


class Unit(StrEnum):
    """Grafana's names of the units we use."""

    NUMBER = "short"
    SECONDS = "s"
    BYTES = "bytes"
    PER_SECOND = "ops"


class Kind(StrEnum):
    """Grafana's names of the panels we use."""

    STAT = "stat"
    TIMESERIES = "timeseries"
    STATES = "state-timeline"
    HEATMAP = "heatmap"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What 0, which is good, and 1, which is bad, are called."""

    zero: str
    one: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. Whoever reads it at night reads the description first."""

    kind: Kind
    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    bad_from: float | None = None
    """Red from this value on."""
    words: Words | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and panels under it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One board."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    def as_json(self) -> Json:
        """The dashboard as Grafana imports it."""
        return {
            "annotations": {"list": annotations()},
            "description": self.description,
            "editable": False,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": None,
            "links": links(),
            "panels": list(_placed(self.rows)),
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "tags": [TAG],
            "templating": {"list": variables()},
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
        }


def _placed(rows: Sequence[Row]) -> Iterable[Json]:
    number, y = 1, 0
    for row in rows:
        yield {
            "collapsed": False,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
            "id": number,
            "panels": [],
            "title": row.title,
            "type": "row",
        }
        number, y, x, tallest = number + 1, y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
            yield {"gridPos": place, "id": number, **_panel(panel)}
            number, x, tallest = number + 1, x + panel.width, max(tallest, panel.height)
        y += tallest


def _panel(panel: Panel) -> Json:
    return {
        "datasource": DATASOURCE,
        "description": panel.description,
        "fieldConfig": {"defaults": _field_defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [_target(query, panel.kind, i) for i, query in enumerate(panel.queries)],
        "title": panel.title,
        "type": panel.kind.value,
    }


def _target(query: Query, kind: Kind, i: int) -> Json:
    instant = kind is Kind.STAT
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "format": "heatmap" if kind is Kind.HEATMAP else "time_series",
        "instant": instant,
        "legendFormat": query.legend or "__auto",
        "range": not instant,
        "refId": chr(ord("A") + i),
    }


def _field_defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    defaults: Json = {
        "color": {"mode": "palette-classic" if panel.kind is Kind.TIMESERIES else "thresholds"},
        "custom": _CUSTOM[panel.kind],
        "mappings": [] if panel.words is None else [_mapping(panel.words)],
        "thresholds": {"mode": "absolute", "steps": steps},
        "unit": panel.unit.value,
    }
    if panel.kind is Kind.TIMESERIES:
        defaults["min"] = 0
    return defaults


def _mapping(words: Words) -> Json:
    return {
        "options": {
            "0": {"color": "green", "index": 0, "text": words.zero},
            "1": {"color": "red", "index": 1, "text": words.one},
        },
        "type": "value",
    }


_OPTIONS: dict[Kind, Json] = {
    Kind.STAT: {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    },
    Kind.TIMESERIES: {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Kind.STATES: {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    },
    Kind.HEATMAP: {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "scale": "exponential", "scheme": "Oranges", "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"},
    },
}  # fmt: skip
_CUSTOM: dict[Kind, Json] = {
    Kind.STAT: {},
    Kind.TIMESERIES: {
        "drawStyle": "line", "fillOpacity": 10, "lineInterpolation": "linear", "lineWidth": 1, "pointSize": 5,
        "showPoints": "never", "spanNulls": False, "stacking": {"group": "A", "mode": "none"},
    },
    Kind.STATES: {"fillOpacity": 70, "lineWidth": 0, "spanNulls": False},
    Kind.HEATMAP: {"scaleDistribution": {"type": "linear"}},
}  # fmt: skip
