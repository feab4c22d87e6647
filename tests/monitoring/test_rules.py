"""The alerts as a whole: each is tested, explained, and asks for series the service has."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.promql import matchers, names, registered_metrics, selectors
from tests.monitoring.rules import JOB, RULES, Rendered, default_values, rendered

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
ALERT_TESTS = Path(__file__).parent / "alerts"
SEVERITIES = {"critical", "warning", "info"}
KINDS = {"cause", "finding", "symptom"}


@pytest.fixture(scope="module")
def rules() -> Rendered:
    return rendered(default_values())


def alert_checks() -> list[tuple[str, dict[str, Any]]]:
    """The promtool tests: the sentence each begins with, and what it checks."""
    return [
        (test["name"], check)
        for path in sorted(ALERT_TESTS.glob("*.yml"))
        for test in yaml.safe_load(path.read_text())["tests"]
        for check in test["alert_rule_test"]
    ]


def test_every_alert_is_shown_firing_and_not_firing_early(rules: Rendered) -> None:
    checks = alert_checks()
    fires = {check["alertname"] for _, check in checks if check["exp_alerts"]}
    waits = {
        check["alertname"]
        for sentence, check in checks
        if not check["exp_alerts"] and ": silent: " not in sentence
    }
    at_once = {name for name, rule in rules.alerts().items() if "for" not in rule}

    assert fires == set(rules.alerts())
    assert waits | at_once == set(rules.alerts())


def test_every_alert_has_a_case_in_which_it_must_stay_silent(rules: Rendered) -> None:
    guarded = {check["alertname"] for sentence, check in alert_checks() if ": silent: " in sentence}

    assert guarded == set(rules.alerts())


def test_every_alert_has_a_heading_in_the_runbook_and_every_heading_an_alert(
    rules: Rendered,
) -> None:
    headings = re.findall(r"^### (SegmentLiveIntent\w+)$", OPERATIONS.read_text(), re.MULTILINE)

    assert sorted(headings) == sorted(rules.alerts())


def test_rules_read_only_metrics_the_service_has(rules: Rendered) -> None:
    known = registered_metrics() | rules.records().keys()
    read = {name for rule in rules.rules() for name in names(rule["expr"])}

    assert read - known == set()


def test_every_recording_rule_is_used_by_an_alert(rules: Rendered) -> None:
    used = {name for rule in rules.rules() for name in names(rule["expr"])}

    assert rules.records().keys() - used == set()


def test_rules_see_only_the_targets_of_their_own_release(rules: Rendered) -> None:
    jobs = {
        matchers(selector).get("job")
        for rule in rules.rules()
        for selector in selectors(rule["expr"])
    }

    assert jobs == {JOB}


@pytest.mark.parametrize("name", sorted(rendered(default_values()).alerts()))
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(rules: Rendered, name: str) -> None:
    alert = rules.alerts()[name]
    annotations = alert["annotations"]

    assert alert["labels"]["severity"] in SEVERITIES
    assert alert["labels"]["kind"] in KINDS
    assert annotations["summary"].endswith(".")
    assert "$labels." in annotations["description"] or JOB in annotations["description"]
    assert annotations["runbook_url"] == f"docs/operations.md#{name.lower()}"
    assert annotations["dashboard"] == "/d/segment-liveintent-overview"


def test_every_threshold_is_used_and_every_marker_has_a_value() -> None:
    markers = set(re.findall(r"%%(\w+)%%", _without_comments(RULES.read_text()))) - {"job"}

    assert markers == set(default_values().thresholds)


def test_a_critical_lag_is_higher_than_one_worth_a_look() -> None:
    thresholds = default_values().thresholds

    assert thresholds["lagSecondsCritical"] > thresholds["lagSecondsWarning"]


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))
