"""The inhibit rules of docs/operations.md in a real Alertmanager: whoever was called for a cause is not called for what follows.

A replay needs no such rule: the alerts on lag and freshness do not fire while it runs (tests/monitoring/alerts).
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.monitoring.alertmanager import Alertmanager, alertmanager, configuration, program
from tests.monitoring.rules import default_values, rendered
from tests.monitoring.test_alerts_on_real_prometheus import NEXT_FEED, watched_service

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(240)]

CAUSE = "SegmentLiveIntentTokenRefused"
SYMPTOM = "SegmentLiveIntentPartitionStalled"
FINDING = "SegmentLiveIntentDeadLetters"
HIGH, CRITICAL = "SegmentLiveIntentLagHigh", "SegmentLiveIntentLagCritical"
HERE = {"namespace": "here", "job": "here/audiences"}


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path / "alertmanager") as running:
        yield running


def alert(name: str, **labels: str) -> dict[str, str]:
    """An alert with the labels our rules give it."""
    rule = rendered(default_values()).alerts()[name]
    return {"alertname": name, **rule["labels"], **HERE, **labels}


def test_alertmanager_takes_the_rules_and_routes_every_alert(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(configuration()))

    checked = _amtool("check-config", str(file))
    routed = _amtool("config", "routes", "test", f"--config.file={file}", f"alertname={CAUSE}")

    assert "- 2 inhibit rules" in checked
    assert routed.strip() == "on-call"


def test_a_critical_cause_keeps_its_symptoms_back_and_no_finding(told: Alertmanager) -> None:
    told.tell(alert(CAUSE), alert(SYMPTOM), alert(FINDING))

    told.wait_until(SYMPTOM, kept_back=True)
    told.wait_until(FINDING, kept_back=False)
    told.wait_until(CAUSE, kept_back=False)


def test_another_release_s_symptoms_are_told(told: Alertmanager) -> None:
    told.tell(alert(CAUSE), alert(HIGH), alert(SYMPTOM, job="here/other"))

    told.wait_until(HIGH, kept_back=True)
    told.wait_until(SYMPTOM, kept_back=False)


def test_the_worse_lag_keeps_the_lesser_back(told: Alertmanager) -> None:
    told.tell(alert(HIGH), alert(CRITICAL))

    told.wait_until(HIGH, kept_back=True)
    told.wait_until(CRITICAL, kept_back=False)


def test_a_refused_token_is_told_once_and_the_lag_it_causes_is_not(
    told: Alertmanager, tmp_path: Path
) -> None:
    with watched_service(tmp_path, alertmanager_url=told.url) as (around, _, _):
        around.add_fault(Fault(kind=FaultKind.UNAUTHORIZED_WRAPPED))
        around.produce_feed(NEXT_FEED)

        told.wait_until(CAUSE, kept_back=False)
        told.wait_until(HIGH, kept_back=True)
        told.wait_until(CRITICAL, kept_back=True)


def _amtool(*arguments: str) -> str:
    done = subprocess.run(
        [program("amtool"), *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
