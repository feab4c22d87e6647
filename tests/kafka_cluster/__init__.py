"""The Kafka clusters tests run on: the embedded one by default, a real Apache Kafka with TEST_KAFKA=real."""

import os
from enum import StrEnum
from typing import Protocol

TEST_KAFKA = "TEST_KAFKA"


class ClusterKind(StrEnum):
    """Which Kafka the tests of one run use; the value of the environment variable TEST_KAFKA."""

    EMBEDDED = "embedded"
    REAL = "real"


class KafkaCluster(Protocol):
    """What a test that runs on either kind may ask for."""

    @property
    def kind(self) -> ClusterKind: ...
    @property
    def bootstrap_servers(self) -> str: ...
    def create_topic(self, topic: str, *, partitions: int) -> None: ...


def kind_under_test() -> ClusterKind:
    """Return the kind TEST_KAFKA asks for; raises ValueError naming the choices for anything else."""
    wanted = os.environ.get(TEST_KAFKA) or ClusterKind.EMBEDDED
    try:
        return ClusterKind(wanted)
    except ValueError:
        message = f"{TEST_KAFKA} is {wanted!r}; it may be {' or '.join(ClusterKind)}"
        raise ValueError(message) from None
