"""The lag watch against librdkafka's mock cluster."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from consumer.kafka.connection import KafkaConnection, admin_properties
from consumer.kafka.lag import Lag, LagWatch
from consumer.kafka.offset_ledger import PartitionId
from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.telemetry.metrics import Metrics
from tests.contract.kafka_reader import GROUP, TOPIC, commit_as_member, produce, until

ZERO = PartitionId(TOPIC, 0)
ONE = PartitionId(TOPIC, 1)


class Watched:
    """A lag watch, and what the reader would tell it."""

    def __init__(self, kafka: EmbeddedKafka, *, interval_seconds: float = 0.01) -> None:
        self.assignment = [ZERO, ONE]
        self.positions: dict[PartitionId, int] = {}
        self.metrics = Metrics(CollectorRegistry())
        self.watch = LagWatch(
            properties=admin_properties(KafkaConnection(kafka.bootstrap_servers, GROUP)),
            group_id=GROUP,
            isolation_level="read_committed",
            assignment=lambda: self.assignment,
            positions=lambda: self.positions,
            metrics=self.metrics,
            interval_seconds=interval_seconds,
        )

    def metric(self, name: str, partition: int) -> float | None:
        return self.metrics.registry.get_sample_value(
            f"segment_liveintent_{name}", {"topic": TOPIC, "partition": str(partition)}
        )


@pytest.fixture
def kafka(embedded_kafka: EmbeddedKafka) -> EmbeddedKafka:
    embedded_kafka.create_topic(TOPIC, partitions=2)
    produce(embedded_kafka, 20, partitions=2)
    return embedded_kafka


async def test_lag_tells_what_is_not_read_from_what_is_read_and_not_finished(
    kafka: EmbeddedKafka,
) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    watched = Watched(kafka)
    watched.positions = {ZERO: 7}

    await watched.watch.ask()

    assert watched.watch.lags[ZERO] == Lag(committed=4, end=10, records=6, unread=3)
    assert watched.metric("consumer_lag_records", 0) == 6
    assert watched.metric("unread_records", 0) == 3


async def test_what_left_us_leaves_the_metrics(kafka: EmbeddedKafka) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 4, 1: 4})
    watched = Watched(kafka)
    await watched.watch.ask()
    assert watched.metric("consumer_lag_records", 1) == 6
    watched.assignment = [ZERO]

    watched.watch.refresh()

    assert watched.metric("consumer_lag_records", 1) is None
    assert watched.metric("unread_records", 1) is None
    assert set(watched.watch.lags) == {ZERO}


async def test_a_partition_without_any_offset_has_a_lag_that_is_not_a_number(
    kafka: EmbeddedKafka,
) -> None:
    watched = Watched(kafka)

    await watched.watch.ask()

    value = watched.metric("consumer_lag_records", 0)
    assert value is not None
    assert value != value  # noqa: PLR0124 - not a number
    assert watched.watch.lags[ZERO] == Lag(committed=None, end=10, records=None, unread=None)


async def test_when_kafka_does_not_answer_what_it_said_last_stands_and_is_counted(
    kafka: EmbeddedKafka,
) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    watched = Watched(kafka)
    await watched.watch.ask()
    kafka.push_errors(ApiKey.LIST_OFFSETS, *[29] * 5)
    watched.positions = {ZERO: 9}

    await watched.watch.ask()

    assert watched.watch.lags[ZERO] == Lag(committed=4, end=10, records=6, unread=1)
    errors = {
        sample.labels["code"]
        for family in watched.metrics.registry.collect()
        if family.name == "segment_liveintent_kafka_errors"
        for sample in family.samples
    }
    assert errors == {"TOPIC_AUTHORIZATION_FAILED"}


async def test_lag_grows_while_nothing_is_read(kafka: EmbeddedKafka) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 10, 1: 10})
    watched = Watched(kafka)
    running = asyncio.create_task(watched.watch.run())
    await until(lambda: watched.metric("unread_records", 0) == 0)

    await asyncio.to_thread(produce, kafka, 20, partitions=2)

    await until(lambda: watched.metric("unread_records", 0) == 10)
    running.cancel()


async def test_with_nothing_assigned_nothing_is_asked(kafka: EmbeddedKafka) -> None:
    watched = Watched(kafka)
    watched.assignment = []
    kafka.set_broker_down()

    await asyncio.wait_for(watched.watch.ask(), 1)

    assert watched.watch.lags == {}


async def test_lag_is_known_soon_after_partitions_were_assigned(kafka: EmbeddedKafka) -> None:
    watched = Watched(kafka, interval_seconds=3600)
    watched.assignment = []
    running = asyncio.create_task(watched.watch.run())
    await asyncio.sleep(0)
    watched.assignment = [ZERO]

    await until(lambda: ZERO in watched.watch.lags and watched.watch.lags[ZERO].end == 10)

    running.cancel()
