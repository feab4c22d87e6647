"""Kafka in a process of its own: librdkafka's mock cluster, or an Apache Kafka broker."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from tests.benchmarks.children import Child, answer_lines
from tests.kafka_cluster import ClusterKind, KafkaCluster
from tests.kafka_cluster.real_kafka import RealKafka


class Broker(KafkaCluster, Protocol):
    """A cluster whose use of the processor can be told apart."""

    @property
    def pid(self) -> int: ...


class EmbeddedBroker:
    """librdkafka's mock cluster. It keeps 5 MiB of each partition, compressed as it was sent."""

    kind = ClusterKind.EMBEDDED

    def __init__(self, child: Child) -> None:
        self._child = child
        self.pid = child.pid
        self.bootstrap_servers = str(child.said["bootstrap_servers"])

    def create_topic(self, topic: str, *, partitions: int) -> None:
        """Create a topic that does not exist yet."""
        self._child.ask(topic, str(partitions))


@contextmanager
def a_broker(kind: ClusterKind, directory: Path) -> Iterator[Broker]:
    """Start one; it is gone when the block ends. `directory` must be empty."""
    if kind is ClusterKind.EMBEDDED:
        with Child("tests.benchmarks.broker") as child:
            yield EmbeddedBroker(child)
    else:
        with RealKafka(directory) as real:
            yield real


async def _serve() -> None:
    with EmbeddedKafka() as kafka:

        async def create(line: str) -> object:
            topic, partitions = line.split()
            kafka.create_topic(topic, partitions=int(partitions))
            return {}

        await answer_lines({"bootstrap_servers": kafka.bootstrap_servers}, create)


if __name__ == "__main__":
    asyncio.run(_serve())
