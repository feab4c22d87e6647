"""What is true of every object the chart makes, whatever the values."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.paths import CHART, VARIANTS
from tests.chart.rendering import (
    NEWEST,
    OLDEST,
    Object,
    objects,
    objects_in,
    pods,
    rendered,
)

VALIDATE = Path(__file__).with_name("validate_manifests.py")
# CI's machine is slow, and all variants are rendered first.
VALIDATE_SECONDS = 240
TEST_SECONDS = 480
pytestmark = [pytest.mark.chart, pytest.mark.timeout(TEST_SECONDS)]
# Where Kubernetes takes a list for a mapping, and by which key: an element twice is an error under server-side apply.
KEYED = {"env": "name", "ports": "name", "volumeMounts": "mountPath", "volumes": "name", "containers": "name"}  # fmt: skip


@pytest.fixture(scope="module")
def folder(helm4: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifests of every variant, a file each."""
    manifests = tmp_path_factory.mktemp("manifests")
    for variant in VARIANTS:
        (manifests / f"{variant.stem}.yaml").write_text(rendered(helm4, variant))
    return manifests


def validated(validators: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(validators / "python"), str(VALIDATE), str(folder), OLDEST, NEWEST],
        capture_output=True,
        text=True,
        timeout=VALIDATE_SECONDS,
        check=False,
    )


def test_every_object_fits_the_strict_schemas_of_kubernetes_and_of_the_operators(
    validators: Path, folder: Path
) -> None:
    done = validated(validators, folder)

    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert {
        "Deployment", "StatefulSet", "Job", "Pod", "Secret", "ConfigMap", "Service", "ServiceAccount", "NetworkPolicy",
        "PodDisruptionBudget", "HorizontalPodAutoscaler", "ScaledObject", "PodMonitor", "PrometheusRule",
    } == set(seen)  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "right", "wrong"),
    [
        ("minimal-values", "runAsNonRoot:", "runAsNonroot:"),
        ("minimal-values", "replicas: 1", "replicas: one"),
        ("monitoring-values", "scrapeTimeout:", "scrapeTimeOut:"),
        ("monitoring-values", "alert:", "alerting:"),
        ("keda-kafka-values", "pollingInterval:", "pollInterval:"),
        ("hpa-values", "kind: HorizontalPodAutoscaler", "kind: HorizontalPodScaler"),
    ],
)
def test_the_validators_see_a_slip(
    validators: Path, folder: Path, tmp_path: Path, variant: str, right: str, wrong: str
) -> None:
    text = (folder / f"{variant}.yaml").read_text("utf-8")
    (tmp_path / "broken.yaml").write_text(text.replace(right, wrong))

    assert right in text
    assert validated(validators, tmp_path).returncode == 1


def test_the_oldest_kubernetes_is_the_one_the_chart_names() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


def test_nothing_is_there_twice_where_kubernetes_takes_a_list_for_a_mapping(
    among: list[Object],
) -> None:
    doubled = [
        (name, each)
        for manifest in among
        for name, elements in _keyed_lists(manifest)
        for each, count in Counter(elements).items()
        if count > 1
    ]

    assert doubled == []


def test_no_key_is_written_twice(helm4: Path) -> None:
    class Once(yaml.SafeLoader):
        """Raises where a mapping has a key twice, which YAML forbids and PyYAML lets pass."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{node.start_mark}: {keys}"
            return super().construct_mapping(node, deep)

    for variant in VARIANTS:
        assert list(yaml.load_all(rendered(helm4, variant), Loader=Once))


def test_names_and_labels_fit_into_63_characters_even_of_a_long_release(
    helm4: Path, among: list[Object]
) -> None:
    long = [each for variant in VARIANTS[:3] for each in objects(helm4, variant, release="r" * 53)]

    for each in [*among, *long]:
        assert len(each["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in each["metadata"].get("labels", {}).values())


def test_selectors_hold_only_labels_that_never_change_and_select_the_right_pods(
    among: list[Object],
) -> None:
    by_component = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for _, pod in pods(among)
    }
    for manifest in among:
        if (selector := _selector(manifest)) is None:
            continue
        allowed = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}
        component = selector.get("app.kubernetes.io/component", "consumer")
        pod = by_component[component]

        assert set(selector) <= allowed, manifest["kind"]
        assert selector.items() <= pod["metadata"]["labels"].items(), manifest["kind"]


def test_during_a_replay_of_the_group_no_consumer_runs_and_beside_it_all_do(helm4: Path) -> None:
    def by_kind(variant: str) -> dict[str, Object]:
        return {
            each["kind"]: each for each in objects(helm4, CHART / "ci" / f"{variant}-values.yaml")
        }

    plain, keda, hpa, beside = map(
        by_kind, ("replay", "replay-keda", "replay-hpa", "replay-beside")
    )

    assert plain["Deployment"]["spec"]["replicas"] == hpa["Deployment"]["spec"]["replicas"] == 0
    assert "HorizontalPodAutoscaler" not in hpa
    assert "replicas" not in keda["Deployment"]["spec"]
    paused = keda["ScaledObject"]["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"]
    assert paused == "0"
    assert beside["StatefulSet"]["spec"]["replicas"] == 3
    job = plain["Job"]["spec"]
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert job["ttlSecondsAfterFinished"] == 7 * 24 * 3600
    assert "group.instance.id" not in json.dumps(beside["Job"])


def test_what_is_scaled_by_others_has_no_number_of_replicas_of_its_own(helm4: Path) -> None:
    for variant in ("keda-kafka", "keda-prometheus", "hpa"):
        among = objects(helm4, CHART / "ci" / f"{variant}-values.yaml")

        assert "replicas" not in next(e for e in among if e["kind"] == "Deployment")["spec"]


def test_kedas_triggers_begin_where_the_consumer_does(helm4: Path) -> None:
    among = objects(helm4, CHART / "ci" / "keda-kafka-values.yaml")
    scaled = next(each for each in among if each["kind"] == "ScaledObject")["spec"]

    assert [each["metadata"]["topic"] for each in scaled["triggers"]] == [
        "segment-events",
        "shop.events",
    ]
    assert {each["metadata"]["offsetResetPolicy"] for each in scaled["triggers"]} == {"earliest"}
    assert {each["metadata"]["sasl"] for each in scaled["triggers"]} == {"plaintext"}
    assert scaled["minReplicaCount"] >= 1


def test_dashboards_and_rules_reach_the_cluster_as_they_are_in_the_chart(helm4: Path) -> None:
    manifests = rendered(helm4, CHART / "ci" / "monitoring-values.yaml")
    maps = [each for each in objects_in(manifests) if each["kind"] == "ConfigMap"]
    carried = {name: text for each in maps for name, text in each["data"].items()}

    assert {name: json.loads(text) for name, text in carried.items()} == {
        path.name: json.loads(path.read_text("utf-8"))
        for path in (CHART / "dashboards").glob("*.json")
    }
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in maps)
    assert "{{ $labels." in manifests


def _keyed_lists(at: Any) -> Iterator[tuple[str, list[Any]]]:  # noqa: ANN401 - any part of a manifest
    if isinstance(at, Mapping):
        for name, value in at.items():
            if name in KEYED and isinstance(value, list):
                elements = [each.get(KEYED[name]) for each in value if isinstance(each, Mapping)]
                yield name, [each for each in elements if each is not None]
            yield from _keyed_lists(value)
    elif isinstance(at, list):
        for each in at:
            yield from _keyed_lists(each)


def _selector(manifest: Object) -> dict[str, str] | None:
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Service":
        return dict(spec["selector"])
    found = spec.get("podSelector") or spec.get("selector")
    return dict(found["matchLabels"]) if found else None
