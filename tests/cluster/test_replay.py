"""A replay by the chart in a real cluster: planned in a pod, approved by its SHA-256, applied by the Job, and undone."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.chart.paths import CHART
from tests.cluster.node import ClusterKafka
from tests.cluster.operator_tools import Cluster
from tests.kafka_cluster.topics import committed, produce, unique_name
from tests.scenarios.process import eventually

pytestmark = pytest.mark.timeout(300)

RELEASE, NAME = "live", "live-segment-liveintent"
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "liveintent"},
    "stringData": {"api-key": "made-up"},
}
RECORDS = 7


def test_the_job_sets_the_group_back_as_planned_while_no_consumer_runs(
    node: Cluster, kafka: ClusterKafka, helm: Path
) -> None:
    topic = unique_name("events")
    kafka.create_topic(topic, partitions=1)
    produce(kafka.bootstrap_servers, topic, [(None, b"x")] * RECORDS)
    _commit(kafka, topic, RECORDS)
    node.apply(SECRET)
    values = json.dumps(_values(topic))
    # Not --wait: nobody answers as LiveIntent here, and readiness does not depend on that.
    _helm(node, helm, "install", values)
    node.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    said = node.kubectl(
        "exec", f"deployment/{NAME}", "--",
        "segment-liveintent", "replay", "plan", "--to-earliest", "--json",
    )  # fmt: skip
    plan = next(json.loads(line) for line in said.splitlines() if line.startswith("{"))
    replay = {
        "enabled": True,
        "id": "again",
        "to": {"earliest": True},
        "planSha256": plan["plan_sha256"],
        "reason": "a test",
    }
    _helm(node, helm, "upgrade", values, "--set-json", f"replay={json.dumps(replay)}")
    node.kubectl("wait", "--for=condition=Complete", f"job/{NAME}-replay-again", "--timeout=150s")

    log = node.kubectl("logs", f"job/{NAME}-replay-again")
    assert '"kind": "replay_applied"' in log or '"kind":"replay_applied"' in log
    assert committed(kafka.bootstrap_servers, NAME, topic, [0]) == {0: 0}
    assert node.get("deployment", NAME)["spec"]["replicas"] == 0

    _helm(node, helm, "upgrade", values)
    eventually("the consumer is back", lambda: node.get("deployment", NAME)["spec"]["replicas"])
    node.run(helm, "uninstall", RELEASE, "--wait")


def _values(topic: str) -> dict[str, object]:
    settings = {
        "LIVEINTENT_URL": "https://liveintent.invalid",
        "LIVEINTENT_ACCOUNT_ID": 7001,
        "LIVEINTENT_DATA_PROVIDER_ID": 84,
        "LIVEINTENT_AUDIENCES": "*",
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "KAFKA_TOPICS": topic,
        "EVENT_FORMAT": "json",
    }
    key = {"existingSecret": "liveintent", "key": "api-key"}
    return {
        "settings": settings,
        "secrets": {"LIVEINTENT_API_KEY": key},
        "workload": {"minReadySeconds": 0},
    }


def _helm(node: Cluster, helm: Path, act: str, values: str, *more: str) -> None:
    node.run(helm, act, RELEASE, str(CHART), "-f", "-", *more, stdin=values)


def _commit(kafka: ClusterKafka, topic: str, offset: int) -> None:
    """What an earlier life of the group has delivered."""
    with closing(Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": NAME})) as old:
        done = old.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    assert done is not None
    assert [each.error for each in done] == [None]
    assert committed(kafka.bootstrap_servers, NAME, topic, [0]) == {0: offset}
