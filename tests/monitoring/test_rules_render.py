"""What promtool is shown is what helm renders."""

import subprocess
from typing import Any

import pytest
import yaml

from tests.chart.tools import HELM_3, HELM_4, ToolUnavailable
from tests.chart.tools import helm as fetch_helm
from tests.monitoring.rules import CHART, JOB, Rendered, default_values, hastened, rendered

HELM_SECONDS = 30
NAMESPACE, _, RELEASE = JOB.partition("/")
ALERTS_ON = ("--set", "alerts.enabled=true")


@pytest.fixture(scope="module", params=[HELM_3, HELM_4])
def helm(request: pytest.FixtureRequest) -> str:
    try:
        return str(fetch_helm(request.param))
    except ToolUnavailable as error:
        pytest.fail(str(error))


def render(helm: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            helm, "template", RELEASE, str(CHART), "--namespace", NAMESPACE,
            "--values", str(CHART / "ci" / "minimal-values.yaml"),
            "--show-only", "templates/prometheusrule.yaml", *ALERTS_ON, *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=HELM_SECONDS,
        check=False,
    )  # fmt: skip


def rules_of(helm: str, *arguments: str) -> Rendered:
    done = render(helm, *arguments)
    assert done.returncode == 0, done.stderr
    return Rendered(tuple(yaml.safe_load(done.stdout)["spec"]["groups"]))


@pytest.mark.chart
def test_helm_renders_the_rules_that_promtool_tests(helm: str) -> None:
    assert rules_of(helm) == rendered(default_values())


@pytest.mark.chart
def test_thresholds_labels_links_and_the_job_come_from_the_values(helm: str) -> None:
    rules = rules_of(
        helm,
        "--set", "alerts.thresholds.lagSecondsWarning=77",
        "--set", "alerts.ruleLabels.team=ads",
        "--set", "alerts.runbookUrl=https://wiki/ops",
        "--set", "alerts.grafanaUrl=https://grafana/",
        "--set", "alerts.job=our-job",
    )  # fmt: skip

    lag = rules.alerts()["SegmentLiveIntentLagHigh"]
    assert "> 77" in lag["expr"]
    assert 'job="our-job"' in lag["expr"]
    assert lag["labels"]["team"] == "ads"
    assert lag["annotations"]["runbook_url"] == "https://wiki/ops#segmentliveintentlaghigh"
    assert lag["annotations"]["dashboard"] == "https://grafana/d/segment-liveintent-overview"


@pytest.mark.chart
def test_an_alert_can_be_left_out_by_its_name(helm: str) -> None:
    name = "SegmentLiveIntentRecordsWithoutKey"

    rules = rules_of(helm, "--set", f"alerts.disabled[0]={name}")
    assert rendered(default_values()).alerts().keys() - rules.alerts().keys() == {name}


@pytest.mark.chart
def test_a_misspelt_alert_cannot_be_left_out(helm: str) -> None:
    done = render(helm, "--set", "alerts.disabled[0]=SegmentLiveIntentLagHihg")

    assert done.returncode != 0
    assert "alerts.disabled: there is no alert SegmentLiveIntentLagHihg" in done.stderr


@pytest.mark.chart
def test_nobody_is_woken_for_replicas_that_a_replay_has_scaled_away(helm: str) -> None:
    rules = rules_of(helm, "--values", str(CHART / "ci" / "replay-values.yaml"))

    assert "SegmentLiveIntentDown" not in rules.alerts()


def test_windows_get_shorter_and_thresholds_stay() -> None:
    rule: dict[str, Any] = {"alert": "A", "for": "10m", "expr": "rate(x[1h]) + rate(y[30s]) > 120"}
    rules = hastened(Rendered(({"name": "g", "rules": [rule]},)), times=60, least_window_seconds=5)

    assert [*rules.rules()] == [
        {"alert": "A", "for": "10s", "expr": "rate(x[60s]) + rate(y[5s]) > 120"}
    ]
