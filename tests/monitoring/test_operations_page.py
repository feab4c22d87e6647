"""What docs/operations.md tells an operator to type and to look for exists."""

import re
from dataclasses import fields
from itertools import chain
from pathlib import Path

import yaml

from consumer import errors
from consumer.errors import SegmentLiveIntentError
from consumer.settings import Settings
from consumer.telemetry.status import DeadLetterStatus, Hold, LaneStatus, PartitionStatus, Status
from tests.monitoring.promql import registered_metrics
from tests.monitoring.rules import default_values, rendered

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def test_every_exit_code_of_the_program_has_a_heading() -> None:
    codes = {0} | {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, SegmentLiveIntentError)
    }
    headings = re.findall(r"^### Exit codes? (\d+)(?: to (\d+))?$", PAGE, re.MULTILINE)
    explained = {
        code for first, last in headings for code in range(int(first), int(last or first) + 1)
    }

    # 137 is Kubernetes' word for a kill.
    assert explained == codes | {137}


def test_every_alert_says_what_it_means_where_to_look_what_to_do_and_when_to_worry() -> None:
    alerts = PAGE.partition("## What every alert means")[2].partition("\n## ")[0]
    sections = alerts.split("\n### ")[1:]
    asked = ("Means", "See why", "Do", "Worry when")

    assert len(sections) == len(rendered(default_values()).alerts())
    assert [
        section.splitlines()[0]
        for section in sections
        if tuple(re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)) != asked
    ] == []


def test_every_metric_named_on_the_page_exists() -> None:
    named = set(re.findall(r"\bsegment_liveintent_\w+", PAGE))

    assert named - registered_metrics() == set()


def test_every_setting_named_on_the_page_exists() -> None:
    # The rest of the capitals are Kafka's, Kubernetes' and placeholders; a setting has one of our prefixes.
    ours = r"`((?:LIVEINTENT|KAFKA|UPLOAD|FLUSH|DEAD_LETTER|MEMORY|LATEST|STALLED|DELIVERY|EMAIL|EVENT)_[A-Z_]+)(?:=[^`]*)?`"
    known = {name.upper() for name in Settings.model_fields}

    assert set(re.findall(ours, PAGE)) - known == set()


def test_every_field_of_the_status_that_a_command_reads_exists() -> None:
    known = {
        field.name
        for each in (Status, PartitionStatus, LaneStatus, Hold, DeadLetterStatus)
        for field in fields(each)
    } | {"why_behind", "cause", "to_do", "runbook"}
    commands = re.findall(r"`status (?:'([^']*)'|(\.\w+))`", PAGE)
    read = set(re.findall(r"\.([a-z_]+)", " ".join(chain.from_iterable(commands))))

    assert read - known == set()


def test_every_threshold_named_on_the_page_is_a_value_of_the_chart() -> None:
    named = set(re.findall(r"`([a-z]+(?:[A-Z][a-z]+)+)`", PAGE))
    elsewhere = {"terminationGracePeriodSeconds", "userId"}

    assert named - elsewhere <= set(default_values().thresholds)


def test_only_critical_causes_and_worse_lag_keep_symptoms_back() -> None:
    blocks = re.findall(r"```yaml\n(inhibit_rules:.*?)```", PAGE, re.DOTALL)
    (rules,) = [yaml.safe_load(block)["inhibit_rules"] for block in blocks]
    alerts = rendered(default_values()).alerts()

    assert rules[0]["source_matchers"] == ['kind="cause"', 'severity="critical"']
    assert rules[0]["target_matchers"] == ['kind="symptom"']
    assert set(re.findall(r'alertname="(\w+)"', str(rules))) <= alerts.keys()
    assert {rule["labels"]["severity"] for rule in alerts.values()} == {
        "critical",
        "warning",
        "info",
    }
