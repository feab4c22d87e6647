"""The chart's alerts and recording rules, as the chart renders them: markers replaced, links added.

promtool and Prometheus read what is rendered here, so that they need no helm; `test_rules_render.py` shows that helm renders the same.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "helm" / "segment-liveintent"
RULES = CHART / "files" / "rules.yml"
OVERVIEW_UID = "segment-liveintent-overview"
JOB = "segment/segment-liveintent"

Rule = dict[str, Any]

_DURATION = re.compile(r"\b(\d+)([smhd])\b")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The groups of a PrometheusRule's spec."""

    groups: tuple[Mapping[str, Any], ...]

    def rules(self) -> Iterator[Rule]:
        """Every rule, in order."""
        for group in self.groups:
            yield from group["rules"]

    def alerts(self) -> dict[str, Rule]:
        """The alerts by name. Two of one name fail."""
        found = [rule for rule in self.rules() if "alert" in rule]
        by_name = {rule["alert"]: rule for rule in found}
        assert len(by_name) == len(found)
        return by_name

    def records(self) -> dict[str, Rule]:
        """The recording rules by name."""
        return {rule["record"]: rule for rule in self.rules() if "record" in rule}

    def write(self, path: Path) -> Path:
        """Write a rule file for Prometheus; JSON is YAML too."""
        path.write_text(json.dumps({"groups": self.groups}, indent=1))
        return path


@dataclass(frozen=True, slots=True)
class AlertValues:
    """The chart's `alerts` values."""

    thresholds: Mapping[str, float]
    runbook_url: str
    grafana_url: str
    rule_labels: Mapping[str, str] = field(default_factory=dict)


def default_values() -> AlertValues:
    """What the chart's values.yaml says."""
    alerts = yaml.safe_load((CHART / "values.yaml").read_text())["alerts"]
    return AlertValues(
        thresholds=alerts["thresholds"],
        runbook_url=alerts["runbookUrl"],
        grafana_url=alerts["grafanaUrl"],
        rule_labels=alerts["ruleLabels"],
    )


def rendered(values: AlertValues, *, job: str = JOB) -> Rendered:
    """What the chart makes of these values. A marker without a value fails."""
    text = RULES.read_text().replace("%%job%%", job)
    for name, value in values.thresholds.items():
        text = text.replace(f"%%{name}%%", str(value))
    groups = yaml.safe_load(text)["groups"]
    assert "%%" not in json.dumps(groups)
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        rule["labels"] = {**values.rule_labels, **rule["labels"]}
        rule["annotations"] = {
            **rule["annotations"],
            "runbook_url": f"{values.runbook_url}#{rule['alert'].lower()}",
            "dashboard": f"{values.grafana_url.removesuffix('/')}/d/{OVERVIEW_UID}",
        }
    return Rendered(tuple(groups))


def hastened(rules: Rendered, *, times: int, least_window_seconds: int) -> Rendered:
    """The same rules for a test that cannot wait: every `for`, `keep_firing_for` and window so many times shorter.

    A window never gets shorter than `least_window_seconds`, which must hold a few scrapes. Thresholds stay; a number of
    seconds inside an expression (`> 120`) is a threshold.
    """

    def shorter(duration: str, *, least: int) -> str:
        return _DURATION.sub(
            lambda found: f"{max(least, int(found[1]) * _UNIT_SECONDS[found[2]] // times)}s",
            duration,
        )

    def hasten(rule: Rule) -> Rule:
        waits: Rule = {
            key: shorter(rule[key], least=1) for key in ("for", "keep_firing_for") if key in rule
        }
        expression = re.sub(
            r"\[(\w+)\]",
            lambda found: f"[{shorter(found[1], least=least_window_seconds)}]",
            rule["expr"],
        )
        return {**rule, **waits, "expr": expression}

    return Rendered(
        tuple(
            {**group, "interval": "1s", "rules": [hasten(rule) for rule in group["rules"]]}
            for group in rules.groups
        )
    )
