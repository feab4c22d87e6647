"""Every way to use the chart, before a real API server with pod security, its defaults and its own validation."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart import tools
from tests.chart.paths import CHART, VARIANTS
from tests.cluster.operator_tools import Cluster
from tests.scenarios.process import eventually

pytestmark = pytest.mark.timeout(300)

# The operators' own kinds. What they may hold is checked elsewhere, against the operators' models.
_KINDS = {
    "monitoring.coreos.com": [("v1", "PodMonitor"), ("v1", "PrometheusRule")],
    "keda.sh": [("v1alpha1", "ScaledObject")],
}


@pytest.fixture(scope="module")
def operators(node: Cluster) -> Iterator[Cluster]:
    """The cluster with the kinds of the Prometheus operator and of KEDA."""
    kinds = [_kind(group, *each) for group, several in _KINDS.items() for each in several]
    node.apply(*kinds)
    for each in kinds:
        name = f"crd/{each['metadata']['name']}"
        node.kubectl("wait", "--for=condition=Established", name, "--timeout=30s")
    yield node
    node.kubectl("delete", "crd", *(each["metadata"]["name"] for each in kinds))


@pytest.mark.parametrize("version", [tools.HELM_4, tools.HELM_3])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
def test_the_api_server_takes_every_variant_without_a_warning(
    operators: Cluster, variant: Path, version: str
) -> None:
    helm = tools.helm(version)

    said = operators.run(helm, "install", "r", str(CHART), "-f", str(variant), "--dry-run=server")

    assert not re.search(r"^(Warning:|W\d{4} |level=WARN)|would violate", said, re.MULTILINE)


def test_an_upgrade_rolls_the_pods_and_a_rollback_undoes_it(operators: Cluster, helm: Path) -> None:
    minimal = str(CHART / "ci" / "minimal-values.yaml")
    operators.run(helm, "install", "up", str(CHART), "-f", minimal, "--set", "replicas=0")
    revision = _revision(operators, "up")
    operators.run(
        helm, "upgrade", "up", str(CHART), "--reuse-values", "--set", "settings.FLUSH_SECONDS=30"
    )
    upgraded = eventually("a new revision", lambda: _later(_revision(operators, "up"), revision))
    flush = {"name": "FLUSH_SECONDS", "value": "30"}
    with_setting = _environment(operators, "up")
    operators.run(helm, "rollback", "up", "1")

    assert flush in with_setting
    assert flush not in _environment(operators, "up")
    eventually("the old one again", lambda: _later(_revision(operators, "up"), upgraded))
    operators.run(helm, "uninstall", "up", "--wait")


def test_a_pod_that_is_not_restricted_would_not_have_been_admitted(node: Cluster) -> None:
    careless = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless"},
        "spec": {"containers": [{"name": "c", "image": "segment-liveintent:0.1.0"}]},
    }

    with pytest.raises(RuntimeError, match='violates PodSecurity "restricted'):
        node.apply(careless)


def _kind(group: str, version: str, kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": anything},
                }
            ],
        },
    }


def _deployment(node: Cluster, release: str) -> dict[str, Any]:
    return node.get("deployment", f"{release}-segment-liveintent")


def _revision(node: Cluster, release: str) -> int:
    annotations = _deployment(node, release)["metadata"].get("annotations", {})
    return int(annotations.get("deployment.kubernetes.io/revision", 0))


def _later(now: int, before: int) -> int:
    return now if now > before else 0


def _environment(node: Cluster, release: str) -> list[dict[str, str]]:
    pod = _deployment(node, release)["spec"]["template"]["spec"]
    found: list[dict[str, str]] = pod["containers"][0]["env"]
    return found
