"""What the lag watch must be told by a real Kafka: transactions, retention, topics that go; runs with TEST_KAFKA=real only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from consumer.kafka.connection import KafkaConnection, admin_properties
from consumer.kafka.lag import LagWatch
from consumer.kafka.offset_ledger import PartitionId
from consumer.telemetry.metrics import Metrics
from tests.contract.kafka_reader import Member, reading, until
from tests.kafka_cluster.real_kafka import RealKafka
from tests.kafka_cluster.topics import unique_name

pytestmark = pytest.mark.kafka

ADMIN_SECONDS = 20


@pytest.fixture
def topic(real_kafka: RealKafka) -> str:
    name = unique_name("topic")
    real_kafka.create_topic(name, partitions=1)
    return name


@asynccontextmanager
async def watched(
    kafka: RealKafka, topic: str, *, isolation_level: str = "read_committed"
) -> AsyncIterator[tuple[Member, LagWatch]]:
    """A reader of the topic's one partition, and the lag watch beside it."""
    group = unique_name("group")
    async with reading(kafka, topics=[topic], group=group) as member:
        await until(lambda: member.listener.owned)
        yield (
            member,
            LagWatch(
                properties=admin_properties(KafkaConnection(kafka.bootstrap_servers, group)),
                group_id=group,
                isolation_level=isolation_level,
                topics=[topic],
                assignment=lambda: member.reader.assignment,
                positions=lambda: member.reader.positions,
                committed=lambda _: None,
                metrics=Metrics(CollectorRegistry()),
            ),
        )


def a_transaction(kafka: RealKafka, topic: str, *, records: int) -> Producer:
    """A producer in the middle of a transaction, its records stored and not committed."""
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": unique_name("writer")}
    )
    producer.init_transactions(ADMIN_SECONDS)
    producer.begin_transaction()
    for number in range(records):
        producer.produce(topic, str(number).encode(), partition=0)
    assert producer.flush(ADMIN_SECONDS) == 0
    return producer


async def test_records_behind_a_transaction_that_does_not_end_are_counted_though_nothing_is_behind(
    real_kafka: RealKafka, topic: str
) -> None:
    zero = PartitionId(topic, 0)
    producer = await asyncio.to_thread(a_transaction, real_kafka, topic, records=5)
    async with watched(real_kafka, topic) as (member, watch):
        await until(lambda: member.reader.positions.get(zero) == 0)
        await watch.ask()

        assert watch.unstable_records(zero) == 5
        assert watch.lag(zero).unread == 0
        await asyncio.to_thread(producer.commit_transaction, ADMIN_SECONDS)
        await until(lambda: len(member.listener.records) == 5)
        await watch.ask()
        assert watch.unstable_records(zero) == 0


@pytest.mark.parametrize("ending", ["commit_transaction", "abort_transaction"])
async def test_a_log_that_ends_with_a_marker_is_read_to_its_end(
    real_kafka: RealKafka, topic: str, ending: str
) -> None:
    producer = await asyncio.to_thread(a_transaction, real_kafka, topic, records=5)
    await asyncio.to_thread(getattr(producer, ending), ADMIN_SECONDS)
    zero = PartitionId(topic, 0)
    async with watched(real_kafka, topic) as (member, watch):
        await until(lambda: member.reader.positions.get(zero) == 6)
        await watch.ask()

        assert watch.lag(zero).unread == 0
        assert len(member.listener.records) == (5 if ending == "commit_transaction" else 0)


async def test_retention_that_comes_close_to_the_committed_offset_shows(
    real_kafka: RealKafka, topic: str
) -> None:
    zero = PartitionId(topic, 0)
    producer = await asyncio.to_thread(a_transaction, real_kafka, topic, records=9)
    await asyncio.to_thread(producer.commit_transaction, ADMIN_SECONDS)
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    async with watched(real_kafka, topic) as (member, watch):
        await until(lambda: len(member.listener.records) == 9)
        await member.reader.stop(
            [each._replace(offset=6) for each in member.listener.finished()], commit_seconds=5
        )
        watch._assignment = lambda: [zero]
        headroom = []
        for delete_below in (0, 4, 6):
            (deleted,) = admin.delete_records([TopicPartition(topic, 0, delete_below)]).values()
            await asyncio.to_thread(deleted.result, ADMIN_SECONDS)
            await watch.ask()
            headroom.append(
                watch._metrics.registry.get_sample_value(
                    "segment_liveintent_retention_headroom_records",
                    {"topic": topic, "partition": "0"},
                )
            )

    assert headroom == [6, 2, 0]


async def test_a_topic_that_was_deleted_has_no_partitions_left(
    real_kafka: RealKafka, topic: str
) -> None:
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    async with watched(real_kafka, topic) as (member, watch):
        await watch.ask()
        before = dict(watch.topic_partitions)
        (deleted,) = admin.delete_topics([topic]).values()
        await asyncio.to_thread(deleted.result, ADMIN_SECONDS)
        await until(lambda: member.reader.assignment == (), why="its partition is gone")
        await watch.ask()

        assert (before, watch.topic_partitions) == ({topic: 1}, {topic: 0})
        assert member.listener.failures == []
