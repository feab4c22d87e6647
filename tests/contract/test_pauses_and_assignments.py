"""A pause of librdkafka's, and partitions that leave and come back."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import Consumer, TopicPartition
from prometheus_client import CollectorRegistry

from consumer.kafka.assignment import Assignment
from consumer.kafka.offset_ledger import PartitionId
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES
from consumer.telemetry.metrics import Metrics
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord, produce, unique_name

READ_SECONDS = 20.0
QUIET_SECONDS = 0.5
WHY = "back_pressure"


class Reader:
    """A consumer of a topic with two records, and its assignment as the poll loop keeps it."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self.topic = unique_name("events")
        self.here, self.gone = (PartitionId(self.topic, number) for number in range(2))
        cluster.create_topic(self.topic, partitions=2)
        records = [NewRecord(None, b"event", partition=number) for number in range(2)]
        produce(cluster.bootstrap_servers, self.topic, records)
        self.consumer = Consumer(
            {
                **CONSUMER_PROPERTIES,
                "bootstrap.servers": cluster.bootstrap_servers,
                "group.id": unique_name("group"),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
            }
        )
        self.assignment = Assignment(Metrics(CollectorRegistry()))

    def take_away(self, partition: PartitionId) -> None:
        """As a rebalance does."""
        self.consumer.incremental_unassign([TopicPartition(*partition)])
        self.assignment.remove([partition])

    def partitions_read(self, *, within_seconds: float, wanted: int) -> set[int | None]:
        read: set[int | None] = set()
        deadline = time.monotonic() + within_seconds
        while len(read) < wanted and time.monotonic() < deadline:
            for message in self.consumer.consume(10, 0.05):
                if message.error() is None:
                    read.add(message.partition())
        return read


@pytest.fixture
def reader(kafka_cluster: KafkaCluster) -> Iterator[Reader]:
    reader = Reader(kafka_cluster)
    with closing(reader.consumer):
        yield reader


def test_a_partition_that_left_while_paused_and_came_back_after_is_read(reader: Reader) -> None:
    consumer, assignment = reader.consumer, reader.assignment
    assignment.add(consumer, [reader.here, reader.gone])
    assignment.pause(consumer, WHY)
    reader.take_away(reader.gone)
    assignment.resume(consumer, WHY)
    assignment.add(consumer, [reader.gone])

    assert reader.partitions_read(within_seconds=READ_SECONDS, wanted=2) == {0, 1}


def test_a_partition_that_comes_while_others_are_paused_is_paused_too(reader: Reader) -> None:
    consumer, assignment = reader.consumer, reader.assignment
    assignment.add(consumer, [reader.here])
    assignment.pause(consumer, WHY)
    assignment.add(consumer, [reader.gone])
    while_paused = reader.partitions_read(within_seconds=QUIET_SECONDS, wanted=1)
    assignment.resume(consumer, WHY)

    assert while_paused == set()
    assert reader.partitions_read(within_seconds=READ_SECONDS, wanted=2) == {0, 1}
