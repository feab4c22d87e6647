"""What every board has beside its panels: variables, marks, links."""

from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "segment-liveintent"
RUNBOOK = "docs/operations.md"
"""The chart puts `alerts.runbookUrl` in its place."""

Json = dict[str, Any]


def variables() -> list[Json]:
    """Where from, and which replicas: chosen at the top of the board."""
    source: Json = {
        "hide": 0,
        "includeAll": False,
        "label": "Data source",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
        "type": "datasource",
    }
    ready = "segment_liveintent_ready"
    return [
        source,
        _variable("namespace", f"label_values({ready}, namespace)", everything=".*"),
        _variable("job", f'label_values({ready}{{namespace=~"$namespace"}}, job)', everything=".+"),
        _variable(
            "instance",
            f'label_values({ready}{{namespace=~"$namespace", job=~"$job"}}, instance)',
            everything=".+",
        ),
    ]


def _variable(name: str, query: str, *, everything: str) -> Json:
    return {
        "allValue": everything,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "hide": 0,
        "includeAll": True,
        "label": name,
        "multi": True,
        "name": name,
        "options": [],
        "query": {"query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
        "type": "query",
    }


def annotations() -> list[Json]:
    """Marks on every graph: restarts, rebalances and replays."""
    where = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'
    marks = {
        "Restarts": ("red", f"changes(process_start_time_seconds{{{where}}}[$__interval]) > 0"),
        "Rebalances": (
            "blue",
            f'increase(segment_liveintent_rebalances_total{{{where}, kind="assigned"}}[$__rate_interval]) > 0',
        ),
        "Replays": ("purple", f"segment_liveintent_replay_active{{{where}}} == 1"),
    }

    return [
        {
            "datasource": DATASOURCE,
            "enable": True,
            "hide": False,
            "iconColor": color,
            "name": name,
            "target": {
                "expr": expression,
                "interval": "60s",
                "legendFormat": name,
                "refId": "Anno",
            },
        }
        for name, (color, expression) in marks.items()
    ]


def links() -> list[Json]:
    """Links at the top of the board: to the other boards, and to the runbook."""
    common = {
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
    }
    return [
        {**common, "asDropdown": False, "tags": [TAG], "title": "", "type": "dashboards", "url": ""},
        {**common, "asDropdown": False, "includeVars": False, "keepTime": False, "tags": [], "targetBlank": True,
         "title": "Runbook", "type": "link", "url": RUNBOOK},
    ]  # fmt: skip
