"""A cluster for the whole run, and a Kafka that its pods reach as kafka:9092."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart import tools
from tests.chart.newcomer import DEAD_LETTERS
from tests.cluster.__main__ import IMAGE
from tests.cluster.fetch import programs
from tests.cluster.node import KAFKA_NAME, KAFKA_PORT, ClusterKafka, cluster
from tests.cluster.node_settings import ADDRESS
from tests.cluster.operator_tools import Cluster

# Only `python -m tests.cluster` sets it: anywhere else a node would change the machine it is on.
collect_ignore_glob = [] if IMAGE in os.environ else ["test_*.py"]
NAMESPACE = "liveintent"
_RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster, with a namespace that admits restricted pods only, in which everything is asked."""
    with cluster(
        tmp_path_factory.mktemp("cluster") / "node",
        programs=programs(),
        kubectl=tools.kubectl(),
        image=Path(os.environ[IMAGE]),
    ) as found:
        namespace = {"name": NAMESPACE, "labels": _RESTRICTED}
        found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        found.kubectl("config", "set-context", "--current", f"--namespace={NAMESPACE}")
        found.apply(*_kafka_of_the_namespace())
        yield found


@pytest.fixture(scope="session")
def kafka(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterKafka]:
    """The broker behind kafka:9092, with the topic for dead letters."""
    with ClusterKafka(tmp_path_factory.mktemp("kafka")) as broker:
        broker.create_topic(DEAD_LETTERS, partitions=1)
        yield broker


@pytest.fixture(scope="session")
def helm() -> Path:
    return tools.helm(tools.HELM_4)


def _kafka_of_the_namespace() -> list[dict[str, object]]:
    """A name for something outside the cluster: a Service without a selector, and where it leads."""
    ports = [{"name": "kafka", "port": KAFKA_PORT}]
    about = {"name": KAFKA_NAME, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": about,
            "spec": {"clusterIP": "None", "ports": ports},
        },
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": about,
            "subsets": [{"addresses": [{"ip": ADDRESS}], "ports": ports}],
        },
    ]
