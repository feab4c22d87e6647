"""What the record reader relies on and the mock cluster cannot show; runs with TEST_KAFKA=real only."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer.errors import OffsetsUnknown
from consumer.settings import FirstStart
from tests.contract.kafka_reader import Member, reading, until, until_committed
from tests.kafka_cluster.real_kafka import RealKafka
from tests.kafka_cluster.topics import unique_name

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


@pytest.fixture
def topic(real_kafka: RealKafka) -> str:
    name = unique_name("topic")
    real_kafka.create_topic(name, partitions=2)
    return name


@pytest.fixture
def group() -> str:
    return unique_name("group")


def produce_hourly(kafka: RealKafka, topic: str, count: int) -> None:
    """One record an hour to each partition, the first five hours before noon; each is worth its hour."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for hour in range(count):
        for partition in range(2):
            at = NOON_MS + (hour - 5) * HOUR_MS
            producer.produce(topic, str(hour).encode(), partition=partition, timestamp=at)
    assert producer.flush(20) == 0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_first_start_at_a_time_reads_from_that_time_on(
    real_kafka: RealKafka, topic: str, group: str, protocol: str
) -> None:
    produce_hourly(real_kafka, topic, 10)
    async with reading(
        real_kafka, topics=[topic], group=group, first_start=NOON, group_protocol=protocol
    ) as member:
        await until(lambda: len(member.listener.records) == 10)

    assert sorted(member.listener.values()) == sorted("56789" * 2)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_first_start_is_on_record_also_for_partitions_of_other_members(
    real_kafka: RealKafka, topic: str, group: str, protocol: str
) -> None:
    produce_hourly(real_kafka, topic, 10)

    def a_member() -> AbstractAsyncContextManager[Member]:
        return reading(
            real_kafka,
            topics=[topic],
            group=group,
            first_start=FirstStart.LATEST,
            group_protocol=protocol,
        )

    async with a_member() as first, a_member() as second:
        await until(lambda: len(first.listener.owned) == len(second.listener.owned) == 1)
        await until_committed(real_kafka, 10, 10, topic=topic, group=group)
        await asyncio.to_thread(produce_hourly, real_kafka, topic, 1)
        await until(lambda: len(first.listener.records) + len(second.listener.records) == 2)

    offsets = [r.offset for m in (first, second) for r in m.listener.records]
    assert offsets == [10, 10]


async def test_an_offset_whose_records_were_deleted_is_an_error(
    real_kafka: RealKafka, topic: str, group: str
) -> None:
    produce_hourly(real_kafka, topic, 10)
    async with reading(real_kafka, topics=[topic], group=group) as member:
        await until(lambda: len(member.listener.records) == 20)
        await member.reader.stop(
            [each._replace(offset=3) for each in member.listener.finished()], commit_seconds=5
        )
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    for each in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        await asyncio.to_thread(each.result, 20)

    async with reading(real_kafka, topics=[topic], group=group) as member:
        await until(lambda: member.listener.failures)
        await until(lambda: len(member.listener.records) == 7)

    assert isinstance(member.listener.failures[0], OffsetsUnknown)
    assert "offset 3" in str(member.listener.failures[0])
    assert "6 to 10" in str(member.listener.failures[0])


async def test_records_of_aborted_transactions_are_not_read(
    real_kafka: RealKafka, topic: str, group: str
) -> None:
    producer = Producer(
        {"bootstrap.servers": real_kafka.bootstrap_servers, "transactional.id": topic}
    )
    await asyncio.to_thread(producer.init_transactions, 20)
    for number, end in enumerate((producer.commit_transaction, producer.abort_transaction) * 2):
        producer.begin_transaction()
        producer.produce(topic, str(number).encode(), partition=0)
        # Stored before the transaction ends, also where it is aborted.
        assert await asyncio.to_thread(producer.flush, 20) == 0
        await asyncio.to_thread(end, 20)

    async with reading(real_kafka, topics=[topic], group=group) as member:
        await until(lambda: len(member.listener.records) == 2)
        await member.reader.stop(member.listener.finished(), commit_seconds=5)

    assert member.listener.values() == ["0", "2"]
    assert [record.offset for record in member.listener.records] == [0, 4]
