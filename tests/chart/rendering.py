"""The chart rendered by a real Helm, and what is in it."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.chart.paths import CHART

HELM_SECONDS = 60
RELEASE, NAMESPACE = "r", "ns"
OLDEST, NEWEST = "1.29", "1.37"
"""The Kubernetes versions the chart is held to: that of its kubeVersion, and the newest with a published schema."""

Object = dict[str, Any]
_POD_AT = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "Job": ("spec", "template"),
}


class Refused(Exception):
    """Helm does not render these values; the text is what it said."""


def run_helm(helm: Path, *arguments: str, stdin: str = "") -> str:
    """What Helm prints. Raises `Refused`."""
    done = subprocess.run(
        [str(helm), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=HELM_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def rendered(helm: Path, values: Path | Mapping[str, Any], release: str = RELEASE) -> str:
    """The manifests for a file of values, or for values themselves. Raises `Refused`."""
    given = str(values) if isinstance(values, Path) else "-"
    text = "" if isinstance(values, Path) else json.dumps(values)
    return run_helm(
        helm, "template", release, str(CHART), "-n", NAMESPACE, "--kube-version", f"{NEWEST}.0", "-f", given, stdin=text,
    )  # fmt: skip


def objects_in(manifests: str) -> list[Object]:
    """Every object of rendered manifests."""
    return [each for each in yaml.safe_load_all(manifests) if each]


def objects(helm: Path, values: Path | Mapping[str, Any], release: str = RELEASE) -> list[Object]:
    """Every object the chart makes of these values. Raises `Refused`."""
    return objects_in(rendered(helm, values, release))


def the(kind: str, among: list[Object]) -> Object:
    """The one object of a kind."""
    (found,) = (each for each in among if each["kind"] == kind)
    return found


def pods(among: list[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod, those that a workload would make included, with the name of what makes it."""
    for each in among:
        if each["kind"] in _POD_AT:
            pod = each
            for step in _POD_AT[each["kind"]]:
                pod = pod[step]
            yield f"{each['kind']}/{each['metadata']['name']}", pod


def containers(pod: Object) -> list[Object]:
    """Every container of a pod, sidecars included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def environment(container: Object) -> dict[str, str]:
    """A container's variables that have a value in the manifest."""
    return {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}
