"""What is true of every pod the chart makes: rights, memory, secrets, and settings the program takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from consumer.settings import load_settings
from consumer.settings.process import MEMORY_BESIDE_BUDGET_MB
from tests.chart.paths import CHART
from tests.chart.rendering import Object, containers, environment, pods

pytestmark = pytest.mark.chart

CERTIFICATES = Path(__file__).parents[1] / "certificates"
ALLOWED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def test_every_pod_meets_the_restricted_pod_security_standard(among: list[Object]) -> None:
    found = dict(pods(among))

    assert {
        name: breaches for name, pod in found.items() if (breaches := list(_breaches(pod)))
    } == {}
    assert any("test-ready" in name for name in found)


def test_no_pod_has_a_token_for_the_api_or_a_right_to_anything(among: list[Object]) -> None:
    for _, pod in pods(among):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["enableServiceLinks"] is False
    for each in among:
        assert each["kind"] not in {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
        if each["kind"] == "ServiceAccount":
            assert each["automountServiceAccountToken"] is False


def test_every_container_has_a_read_only_root_and_the_memory_it_asks_for(
    among: list[Object],
) -> None:
    for name, pod in pods(among):
        for container in containers(pod):
            resources = container["resources"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert resources["limits"]["memory"] == resources["requests"]["memory"], name
            assert "cpu" in resources["requests"], name
            assert "cpu" not in resources["limits"], name


def test_secrets_are_files_and_never_variables_or_arguments_or_configuration(
    among: list[Object],
) -> None:
    for _, pod in pods(among):
        for container in containers(pod):
            # The sandbox's key opens nothing.
            variables = {n for n, v in environment(container).items() if v != "sandbox-token"}
            assert not variables & {
                "LIVEINTENT_API_KEY", "KAFKA_SASL_PASSWORD", "SCHEMA_REGISTRY_PASSWORD", "SCHEMA_REGISTRY_TOKEN", "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET",
            }  # fmt: skip
            assert not any("secretKeyRef" in json.dumps(each) for each in container.get("env", []))
        for volume in pod["spec"].get("volumes", []):
            if "projected" in volume:
                assert volume["projected"]["defaultMode"] == 0o440
    others = json.dumps([each for each in among if each["kind"] != "Secret"])
    assert "not-a-real" not in others


def test_the_program_takes_the_settings_it_is_given(among: list[Object], tmp_path: Path) -> None:
    _lay_out(tmp_path)
    seen = 0
    for name, pod in pods(among):
        for container in containers(pod):
            if container["name"] not in {"consumer", "replay", "check"}:
                continue
            variables = {
                each: value.replace("/etc/segment-liveintent", str(tmp_path))
                for each, value in environment(container).items()
            }
            settings = load_settings(variables)
            grace = pod["spec"].get("terminationGracePeriodSeconds")
            limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
            seen += 1

            assert grace is None or settings.drain_seconds + 10 <= grace, name
            assert settings.memory_budget_mb + MEMORY_BESIDE_BUDGET_MB <= limit, name
            assert set(
                re.findall(r"/etc/segment-liveintent/[\w./-]+", json.dumps(container["env"]))
            ) <= _mounted(pod)
    assert seen >= 1


def _breaches(pod: Object) -> Iterator[str]:
    """What the restricted standard forbids."""
    spec = pod["spec"]
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
    for volume in spec.get("volumes", []):
        yield from (f"volume {kind}" for kind in set(volume) - {"name"} - ALLOWED_VOLUMES)
    if spec["securityContext"]["seccompProfile"]["type"] not in {"RuntimeDefault", "Localhost"}:
        yield "seccomp"
    if _may_be_root(spec["securityContext"]):
        yield "root"
    for container in containers(pod):
        yield from (f"{container['name']}: {each}" for each in _container_breaches(container))


def _container_breaches(container: Object) -> Iterator[str]:
    own = container["securityContext"]
    if own["allowPrivilegeEscalation"] is not False or own.get("privileged"):
        yield "privileges"
    if own["capabilities"] != {"drop": ["ALL"]}:
        yield "capabilities"
    if _may_be_root(own):
        yield "root"


def _may_be_root(context: Object) -> bool:
    return context.get("runAsUser", 1) == 0 or context["runAsNonRoot"] is not True


def _lay_out(folder: Path) -> None:
    """What the mounted volumes would hold."""
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in (
        "LIVEINTENT_API_KEY",
        "KAFKA_SASL_PASSWORD",
        "SCHEMA_REGISTRY_PASSWORD",
        "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET",
    ):
        (secrets / name).write_text("a-secret")
    (secrets / "KAFKA_PROPERTIES").write_text('{"sasl.password": "a-secret"}')
    for tls in ("kafka-tls", "registry-tls"):
        (folder / tls).mkdir()
        for name, source in (
            ("ca.crt", "authority.pem"),
            ("tls.crt", "client.pem"),
            ("tls.key", "client.key"),
        ):
            (folder / tls / name).write_bytes((CERTIFICATES / source).read_bytes())
    (folder / "files").mkdir()
    values = yaml.safe_load((CHART / "ci" / "files-values.yaml").read_text("utf-8"))
    for name, text in values["files"].items():
        (folder / "files" / name).write_text(text)


def _mounted(pod: Object) -> set[str]:
    """The files that a pod's volumes put where its settings look for them."""
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    found: set[str] = set()
    for mount in containers(pod)[-1]["volumeMounts"]:
        volume = volumes[mount["name"]]
        items = list(volume.get("secret", {}).get("items", []))
        for source in volume.get("projected", {}).get("sources", []):
            items += source["secret"]["items"]
        found |= {f"{mount['mountPath']}/{item['path']}" for item in items}
        if "configMap" in volume:
            found |= {f"{mount['mountPath']}/feeds.toml"}
    return found
