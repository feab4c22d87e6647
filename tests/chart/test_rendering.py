"""What Helm makes of the chart's values, and which values it refuses."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.settings.process import MEMORY_BESIDE_BUDGET_MB
from tests.chart.paths import CHART, VARIANTS
from tests.chart.rendering import (
    NAMESPACE,
    Refused,
    containers,
    environment,
    objects,
    rendered,
    run_helm,
    the,
)
from tests.chart.values import minimal

pytestmark = pytest.mark.chart

STATIC = {"workload": {"kind": "StatefulSet", "staticMembership": True}}
SHA256 = "0123456789abcdef" * 4
REPLAY = {"enabled": True, "id": "again", "to": {"earliest": True}, "planSha256": SHA256}

# What is wrong, and where Helm must say it is. The words differ between the versions of Helm, the path does not.
MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt setting": ({"settings": {"FLUSH_SECOND": 1}}, "settings.*FLUSH_SECOND"),
    "a secret among the settings": ({"settings": {"LIVEINTENT_API_KEY": "x"}}, "settings.*LIVEINTENT_API_KEY"),
    "a setting of another type": ({"settings": {"FLUSH_ROWS": "many"}}, "settings.FLUSH_ROWS"),
    "a setting out of its bounds": ({"settings": {"MEMORY_BUDGET_MB": 1}}, "settings.MEMORY_BUDGET_MB"),
    "a word that is no choice": ({"settings": {"EVENT_FORMAT": "xml"}}, "settings.EVENT_FORMAT"),
    "a secret nobody knows": ({"secrets": {"API_KEY": {"value": "x"}}}, "secrets.*API_KEY"),
    "a misspelt key of a secret": ({"secrets": {"LIVEINTENT_API_KEY": {"secretName": "x"}}}, "secrets.LIVEINTENT_API_KEY.*secretName"),
    "a misspelt value": ({"replica": 2}, "replica"),
    "a misspelt value further down": ({"image": {"name": "x"}}, "image.*name"),
    "the tag latest": ({"image": {"tag": "latest"}}, "image.tag"),
    "a digest that is none": ({"image": {"digest": "sha256:abc"}}, "image.digest"),
    "a selector among the labels of pods": ({"podLabels": {"app.kubernetes.io/name": "x"}}, "podLabels"),
    "our own label as a common one": ({"commonLabels": {"app.kubernetes.io/version": "x"}}, "commonLabels"),
    "a threshold nobody knows": ({"alerts": {"thresholds": {"lag": 1}}}, "alerts.thresholds.*lag"),
    "a probe that gives a second": ({"probes": {"liveness": {"timeoutSeconds": 1}}}, "probes.liveness.timeoutSeconds"),
    "none as KEDA's fewest": ({"keda": {"minReplicas": 0}}, "keda.minReplicas"),
    "a replay without a plan": ({"replay": {**REPLAY, "planSha256": ""}}, "replay.planSha256"),
    "a replay without a target": ({"replay": {**REPLAY, "to": {}}}, "replay.to"),
    "a replay with two targets": ({"replay": {**REPLAY, "to": {"earliest": True, "offset": 1}}}, "replay.to"),
    "a replay without a name": ({"replay": {**REPLAY, "id": ""}}, "replay.id"),
    "a replay from a moment without a zone": ({"replay": {**REPLAY, "to": {"datetime": "2026-11-22T12:00:00"}}}, "replay.to.datetime"),
    "a replay beside with a plan": ({"replay": {**REPLAY, "mode": "beside"}}, "replay.planSha256"),
    "a replay beside by offset": ({"replay": {**REPLAY, "mode": "beside", "planSha256": "", "to": {"offset": 1}}}, "replay.to"),
    "a replay among the settings": ({"settings": {"REPLAY_ID": "x"}}, "settings.*REPLAY_ID"),
    "a file in a folder": ({"files": {"a/b.toml": "x"}}, "files.*a.b.toml"),
}  # fmt: skip

QUARRELS: dict[str, tuple[dict[str, Any], str]] = {
    "no audience service": ({"settings": {"LIVEINTENT_URL": None}}, "settings.LIVEINTENT_URL is required"),
    "an empty topic": ({"settings": {"KAFKA_TOPICS": ""}}, "settings.KAFKA_TOPICS is required"),
    "no API key": ({"secrets": {"LIVEINTENT_API_KEY": None}}, "secrets.LIVEINTENT_API_KEY is required"),
    "no registry for the format": ({"settings": {"SCHEMA_REGISTRY_URL": None}}, "settings.SCHEMA_REGISTRY_URL is required when settings.EVENT_FORMAT is avro-confluent"),
    "a secret from two places": ({"secrets": {"LIVEINTENT_API_KEY": {"value": "x"}}}, "secrets.LIVEINTENT_API_KEY: set existingSecret or value, not both"),
    "a secret from nowhere": ({"secrets": {"LIVEINTENT_API_KEY": {"existingSecret": ""}}}, "secrets.LIVEINTENT_API_KEY: set existingSecret"),
    "a secret's file named and mounted": ({"settings": {"LIVEINTENT_API_KEY_FILE": "/x"}}, "settings.LIVEINTENT_API_KEY_FILE and secrets.LIVEINTENT_API_KEY"),
    "a variable set twice": ({"extraEnv": [{"name": "KAFKA_TOPICS", "value": "x"}]}, "extraEnv: KAFKA_TOPICS is set already"),
    "static members of a Deployment": ({"workload": {"staticMembership": True}}, "workload.staticMembership needs workload.kind StatefulSet"),
    "static members that are scaled": ({**STATIC, "hpa": {"enabled": True}}, "workload.staticMembership with autoscaling"),
    "one name for all members": ({"settings": {"KAFKA_PROPERTIES": {"group.instance.id": "x"}}}, "group.instance.id"),
    "a static member's session shorter than a restart": ({**STATIC, "settings": {"KAFKA_PROPERTIES": {"session.timeout.ms": 30000}}}, "session.timeout.ms must be above the grace period of 30 s"),
    "a drain as long as the grace period": ({"terminationGracePeriodSeconds": 30, "settings": {"DRAIN_SECONDS": 20.5}}, "terminationGracePeriodSeconds 30 is below"),
    "two autoscalers": ({"keda": {"enabled": True}, "hpa": {"enabled": True}}, "keda.enabled and hpa.enabled"),
    "fewest above most": ({"hpa": {"enabled": True, "minReplicas": 5}}, "hpa.minReplicas is above hpa.maxReplicas"),
    "KEDA without a Prometheus": ({"keda": {"enabled": True, "trigger": "prometheus"}}, "keda.prometheus.serverAddress is required"),
    "KEDA without a way into Kafka": ({"keda": {"enabled": True}, "kafka": {"tls": {"enabled": True}}}, "keda.kafka.authentication is required"),
    "a budget that keeps every pod": ({"podDisruptionBudget": {"minAvailable": 1}}, "podDisruptionBudget.minAvailable is not below replicas"),
    "less memory than is needed": ({"resources": {"memory": "383Mi"}}, "resources.memory 383Mi is below the 384Mi"),
    "less memory than a larger budget needs": ({"resources": {"memory": "0.5Gi"}, "settings": {"MEMORY_BUDGET_MB": 512}}, "below the 768Mi"),
    "a port the probes cannot know": ({"settings": {"HTTP_PORT": 0}}, "settings.HTTP_PORT 0"),
    "an address the probes cannot reach": ({"settings": {"HTTP_HOST": "127.0.0.1"}}, "settings.HTTP_HOST is this machine only"),
    "TLS said twice": ({"kafka": {"tls": {"enabled": True}}, "settings": {"KAFKA_PROPERTIES": {"security.protocol": "ssl"}}}, "security.protocol"),
    "a certificate without its key": ({"kafka": {"tls": {"enabled": True, "existingSecret": "x", "certificateKey": "tls.crt"}}}, "kafka.tls.certificateKey needs kafka.tls.privateKeyKey"),
    "certificates that are not used": ({"kafka": {"tls": {"existingSecret": "x"}}}, "kafka.tls.existingSecret does nothing"),
    "a password that is nowhere": ({"kafka": {"sasl": {"mechanism": "PLAIN"}}}, "kafka.sasl.mechanism PLAIN needs secrets.KAFKA_SASL_PASSWORD"),
    "a user name for Kafka said twice": ({"kafka": {"sasl": {"mechanism": "PLAIN", "username": "us"}}, "settings": {"KAFKA_SASL_USERNAME": "us"}}, "kafka.sasl.username and settings.KAFKA_SASL_USERNAME"),
    "a password for Kafka and no SASL": ({"secrets": {"KAFKA_SASL_PASSWORD": {"existingSecret": "kafka"}}}, "secrets.KAFKA_SASL_PASSWORD does nothing without kafka.sasl.mechanism"),
    "registry certificates said twice": ({"schemaRegistry": {"tls": {"existingSecret": "x"}}, "settings": {"SCHEMA_REGISTRY_CA_FILE": "/x"}}, "settings.SCHEMA_REGISTRY_CA_FILE and schemaRegistry.tls"),
    "the sandbox and an account": ({"sandbox": {"enabled": True}}, "sandbox.enabled sets settings.LIVEINTENT_URL"),
    "the sandbox and a key": ({"sandbox": {"enabled": True}}, "sandbox.enabled sets the API key"),
    "several sandboxes": ({"sandbox": {"enabled": True}, "replicas": 2}, "replicas must be 1"),
    "the sandbox on the consumer's port": ({"sandbox": {"enabled": True, "port": 8080}}, "sandbox.port and settings.HTTP_PORT are the same"),
    "a replay of a sandbox": ({"sandbox": {"enabled": True}, "replay": REPLAY}, "replay.enabled with sandbox.enabled"),
    "a replay with too long a name": ({"replay": {**REPLAY, "id": "x" * 40}}, "replay.id is too long for a Job's name: at most 35"),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
def test_every_variant_passes_the_strict_lint(helm: Path, variant: Path) -> None:
    assert "0 chart(s) failed" in run_helm(helm, "lint", "--strict", str(CHART), "-f", str(variant))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
def test_every_variant_is_the_same_under_both_helms(helm: Path, helm4: Path, variant: Path) -> None:
    ours = {_name(each): each for each in objects(helm, variant)}

    assert ours == {_name(each): each for each in objects(helm4, variant)}
    assert len(ours) >= 5


@pytest.mark.parametrize("wrong", MISFITS)
def test_values_that_do_not_fit_the_schema_are_refused_with_their_path(
    helm: Path, wrong: str
) -> None:
    values, path = MISFITS[wrong]

    with pytest.raises(Refused) as refused:
        rendered(helm, minimal(**values))

    said = str(refused.value).replace("/", ".")
    assert re.search(path, said), said


@pytest.mark.parametrize("wrong", QUARRELS)
def test_values_that_do_not_fit_each_other_are_refused_with_the_reason(
    helm4: Path, wrong: str
) -> None:
    values, reason = QUARRELS[wrong]

    with pytest.raises(Refused) as refused:
        rendered(helm4, minimal(**values))

    assert reason in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once(helm: Path) -> None:
    with pytest.raises(Refused) as refused:
        rendered(helm, {})

    assert str(refused.value).count("is required") == 8


def test_the_grace_period_and_the_memory_limit_follow_the_settings(helm: Path) -> None:
    pod = the("Deployment", objects(helm, minimal()))["spec"]["template"]["spec"]
    larger = minimal(settings={"DRAIN_SECONDS": 45, "MEMORY_BUDGET_MB": 1024, "LATEST_STATE_MEMBERS": 1_100_000, "EVENT_MAX_BYTES": 2_000_000})  # fmt: skip
    larger_pod = the("Deployment", objects(helm, larger))["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] == 30
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "250m", "memory": f"{128 + MEMORY_BESIDE_BUDGET_MB}Mi"},
        "limits": {"memory": f"{128 + MEMORY_BESIDE_BUDGET_MB}Mi"},
    }
    assert larger_pod["terminationGracePeriodSeconds"] == 55
    # A million members more at 600 B, and 25 times a megabyte.
    needed = 1024 + MEMORY_BESIDE_BUDGET_MB + 573 + 24
    assert larger_pod["containers"][0]["resources"]["limits"]["memory"] == f"{needed}Mi"


def test_more_memory_and_a_longer_grace_period_may_be_given(helm4: Path) -> None:
    given = minimal(resources={"memory": "1Gi"}, terminationGracePeriodSeconds=300)
    pod = the("Deployment", objects(helm4, given))["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] == 300
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "1Gi"


def test_numbers_lists_and_objects_reach_the_program_as_it_reads_them(helm: Path) -> None:
    given = {
        "EVENT_MAX_BYTES": 12_000_000,
        "FLUSH_SECONDS": 0.5,
        "LIVEINTENT_AUTO_CREATE": False,
        "LIVEINTENT_AUDIENCES": [],
        "EMAIL_HASHES": ["md5", "sha256"],
        "KAFKA_PROPERTIES": {"client.rack": "a", "fetch.max.bytes": 52428800, "check.crcs": True},
        "UPLOAD_NAME_PREFIX": 'a "quoted" name\\',
    }
    pod = the("Deployment", objects(helm, minimal(settings=given)))["spec"]["template"]
    variables = environment(containers(pod)[0])

    assert variables["EVENT_MAX_BYTES"] == "12000000"
    assert variables["FLUSH_SECONDS"] == "0.5"
    assert variables["LIVEINTENT_AUTO_CREATE"] == "false"
    assert variables["LIVEINTENT_AUDIENCES"] == ""
    assert variables["EMAIL_HASHES"] == "md5,sha256"
    assert json.loads(variables["KAFKA_PROPERTIES"]) == given["KAFKA_PROPERTIES"]
    assert variables["UPLOAD_NAME_PREFIX"] == 'a "quoted" name\\'


def test_static_members_are_named_for_their_pods_with_a_session_above_a_restart(helm: Path) -> None:
    among = objects(helm, minimal(**STATIC, replicas=3))
    workload = the("StatefulSet", among)
    container = containers(workload["spec"]["template"])[0]
    properties = json.loads(environment(container)["KAFKA_PROPERTIES"])

    assert properties == {"group.instance.id": "$(POD_NAME)", "session.timeout.ms": 60_000}
    assert container["env"][0]["name"] == "POD_NAME"
    assert workload["spec"]["podManagementPolicy"] == "Parallel"
    assert workload["spec"]["serviceName"] == the("Service", among)["metadata"]["name"]


def test_under_the_consumer_protocol_the_brokers_decide_the_session(helm4: Path) -> None:
    given = minimal(**STATIC, settings={"KAFKA_PROPERTIES": {"group.protocol": "consumer"}})
    workload = the("StatefulSet", objects(helm4, given))
    properties = json.loads(
        environment(containers(workload["spec"]["template"])[0])["KAFKA_PROPERTIES"]
    )

    assert "session.timeout.ms" not in properties


def test_a_digest_wins_over_a_tag_and_a_global_registry_over_ours(helm4: Path) -> None:
    digest = f"sha256:{'0' * 64}"
    given = minimal(
        image={"registry": "a.example", "tag": "1", "digest": digest},
        **{"global": {"imageRegistry": "b.example/"}},
    )
    pod = the("Deployment", objects(helm4, given))["spec"]["template"]

    assert containers(pod)[0]["image"] == f"b.example/segment-liveintent@{digest}"


def test_a_changed_file_or_value_of_a_secret_replaces_the_pods(helm4: Path) -> None:
    def annotations(**values: Any) -> dict[str, str]:  # noqa: ANN401
        pod = the("Deployment", objects(helm4, minimal(**values)))["spec"]["template"]
        return dict(pod["metadata"]["annotations"])

    assert annotations(files={"a.toml": "1"}) != annotations(files={"a.toml": "2"})
    inline = {"LIVEINTENT_API_KEY": None, "KAFKA_PROPERTIES": {"value": "{}"}}
    file = {"LIVEINTENT_API_KEY_FILE": "/vault/key"}
    changed = {**inline, "KAFKA_PROPERTIES": {"value": '{"a": "b"}'}}
    assert annotations(secrets=inline, settings=file) != annotations(secrets=changed, settings=file)


def test_the_notes_tell_the_next_command(helm4: Path) -> None:
    def notes(values: dict[str, Any]) -> str:
        release = run_helm(
            helm4, "install", "r", str(CHART), "-n", NAMESPACE, "--dry-run=client", "-o", "json", "-f", "-", stdin=json.dumps(values),
        )  # fmt: skip
        return str(json.loads(release)["info"]["notes"])

    usual, replaying = notes(minimal()), notes(minimal(replay=REPLAY))

    assert "kubectl -n ns rollout status deployment/r-segment-liveintent" in usual
    assert "helm -n ns test r" in usual
    assert "port-forward deployment/r-segment-liveintent 8080" in usual
    assert "logs -f job/r-segment-liveintent-replay-again" in replaying
    assert "exit code 5" in notes(minimal(settings={"KAFKA_FIRST_START": None}))
    assert "is for development" in notes(
        minimal(secrets={"LIVEINTENT_API_KEY": {"existingSecret": None, "value": "x"}})
    )


def test_the_chart_can_be_packaged_without_what_is_only_for_its_tests(
    helm4: Path, tmp_path: Path
) -> None:
    run_helm(helm4, "package", str(CHART), "-d", str(tmp_path))
    (archive,) = tmp_path.glob("*.tgz")
    shutil.unpack_archive(archive, tmp_path / "unpacked")
    packed = tmp_path / "unpacked" / "segment-liveintent"

    assert not (packed / "ci").exists()
    assert (packed / "files" / "settings.json").is_file()
    assert yaml.safe_load((packed / "Chart.yaml").read_text("utf-8"))["kubeVersion"]


def test_an_older_kubernetes_is_refused(helm: Path) -> None:
    with pytest.raises(Refused, match="kubeVersion"):
        run_helm(helm, "template", "r", str(CHART), "--kube-version", "1.28.0", "-f", str(VARIANTS[0]))  # fmt: skip


def _name(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]
