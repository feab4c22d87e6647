"""The chart's README followed to the letter in a real cluster: five values, and the first audience stands in the sandbox."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.chart import tools
from tests.chart.newcomer import Steps, install_command, newcomers_events, values_of
from tests.chart.paths import ROOT
from tests.cluster.node import ClusterKafka
from tests.cluster.operator_tools import Cluster
from tests.kafka_cluster.topics import produce
from tests.scenarios.process import eventually

pytestmark = pytest.mark.timeout(300)

NAME = "try-segment-liveintent"


def test_five_values_lead_to_an_audience_and_nothing_is_left_after_uninstalling(
    node: Cluster, kafka: ClusterKafka, helm: Path
) -> None:
    _, install, release, chart, *options = install_command()
    topic = values_of(options)["settings.KAFKA_TOPICS"]
    kafka.create_topic(topic, partitions=1)
    before = _names(node)
    steps = Steps(print)

    with steps.step("helm install, with five values"):
        notes = node.run(helm, install, release, str(ROOT / chart), *options)
    with steps.step("the pod is ready"):
        node.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    with steps.step("helm test"):
        tested = node.run(helm, "test", release, "--logs")
    tested_by_helm_3 = node.run(tools.helm(tools.HELM_3), "test", release)
    with steps.step("events are on the topic"):
        produce(kafka.bootstrap_servers, topic, newcomers_events())
    with (
        steps.step("the first audience stands in the sandbox, with members"),
        node.forwarded(f"deployment/{NAME}", 8081) as port,
    ):
        members = eventually("an audience with members", lambda: _members(port), seconds=120)

    assert f"rollout status deployment/{NAME}" in notes
    assert "Ready:" in tested
    assert "Succeeded" in tested_by_helm_3
    assert members > 0
    assert "Warning" not in notes

    pod = node.get("pods", "-l", "app.kubernetes.io/component=consumer")["items"][0]
    assert {each["name"]: each["restartCount"] for each in _containers(pod)} == {
        "consumer": 0,
        "sandbox": 0,
    }
    said = node.kubectl("exec", f"deployment/{NAME}", "-c", "consumer", "--", "sh", "-c", _CONFINED)
    assert said.split() == ["10001:10001", "0000000000000000", "1", "2", "read-only"]

    node.run(helm, "uninstall", release, "--wait")
    eventually("nothing is left", lambda: _names(node) <= before, seconds=60)


# Who it is, which rights it has, whether it can gain others, whether system calls are filtered, whether it can write.
_CONFINED = (
    "echo $(id -u):$(id -g); awk '/CapEff|NoNewPrivs|^Seccomp:/ {print $2}' /proc/self/status; "
    "touch /here 2>/dev/null || echo read-only"
)


def _members(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/state", timeout=5) as answer:
        state: dict[str, Any] = json.load(answer)
    return max((each["member_count"] for each in state["audiences"]), default=0)


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod["status"]
    return [*status["initContainerStatuses"], *status["containerStatuses"]]


def _names(node: Cluster) -> set[str]:
    kinds = "deployments,pods,services,serviceaccounts,configmaps,secrets,poddisruptionbudgets,jobs"
    return set(node.kubectl("get", kinds, "-o", "name").split())
