"""The lag watch against librdkafka's mock cluster."""

import asyncio
import time
from collections.abc import Sequence

import pytest
import structlog
from confluent_kafka import KafkaError
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

    def __init__(
        self,
        kafka: EmbeddedKafka,
        *,
        interval_seconds: float = 0.01,
        topics: Sequence[str] = (TOPIC,),
    ) -> None:
        self.seconds = 0.0
        self.assignment = [ZERO, ONE]
        self.positions: dict[PartitionId, int] = {}
        self.committed: dict[PartitionId, int] = {}
        self.metrics = Metrics(CollectorRegistry())
        self.watch = LagWatch(
            properties=admin_properties(KafkaConnection(kafka.bootstrap_servers, GROUP)),
            group_id=GROUP,
            isolation_level="read_committed",
            topics=topics,
            assignment=lambda: self.assignment,
            positions=lambda: self.positions,
            committed=lambda each: self.committed.get(each),  # noqa: PLW0108 - replaced by tests
            metrics=self.metrics,
            interval_seconds=interval_seconds,
            now=lambda: self.seconds,
        )

    def metric(self, name: str, partition: int) -> float | None:
        return self.metrics.registry.get_sample_value(
            f"segment_liveintent_{name}", {"topic": TOPIC, "partition": str(partition)}
        )

    def topic_metric(self, topic: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "segment_liveintent_topic_partitions", {"topic": topic}
        )

    def answered_at(self) -> float:
        name = "segment_liveintent_kafka_answered_timestamp_seconds"
        return self.metrics.registry.get_sample_value(name) or 0.0


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


@pytest.mark.parametrize("code", [15, 16], ids=["no coordinator", "another coordinator"])
async def test_a_coordinator_that_moves_while_it_is_asked_costs_nothing(
    kafka: EmbeddedKafka, code: int
) -> None:
    # librdkafka's admin client dies of this answer, and the process with it.
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    watched = Watched(kafka)
    kafka.push_errors(ApiKey.OFFSET_FETCH, code)
    await watched.watch.ask()

    await watched.watch.ask()

    assert watched.watch.lags[ZERO].committed == 4
    assert watched.watch.lags[ZERO].end == 10
    assert watched.watch.last_error is None


async def test_lag_grows_while_nothing_is_read(kafka: EmbeddedKafka) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 10, 1: 10})
    watched = Watched(kafka)
    running = asyncio.create_task(watched.watch.run())
    await until(lambda: watched.metric("unread_records", 0) == 0)

    await asyncio.to_thread(produce, kafka, 20, partitions=2)

    await until(lambda: watched.metric("unread_records", 0) == 10)
    running.cancel()


async def test_with_nothing_assigned_topics_and_group_are_asked_for_and_no_log(
    kafka: EmbeddedKafka,
) -> None:
    watched = Watched(kafka)
    watched.assignment = []
    kafka.push_errors(ApiKey.LIST_OFFSETS, *[29] * 5)

    await watched.watch.ask()

    assert watched.watch.lags == {}
    assert watched.watch.last_error is None
    assert watched.watch.topic_partitions == {TOPIC: 2}
    kafka.push_errors(ApiKey.OFFSET_FETCH, KafkaError.GROUP_AUTHORIZATION_FAILED)
    await watched.watch.ask()
    assert watched.watch.last_error == "GROUP_AUTHORIZATION_FAILED"


async def test_lag_is_known_soon_after_partitions_were_assigned(kafka: EmbeddedKafka) -> None:
    watched = Watched(kafka, interval_seconds=3600)
    watched.assignment = []
    running = asyncio.create_task(watched.watch.run())
    await asyncio.sleep(0)
    watched.assignment = [ZERO]

    await until(lambda: ZERO in watched.watch.lags and watched.watch.lags[ZERO].end == 10)

    running.cancel()


async def test_a_topic_that_is_not_there_has_no_partitions_and_is_not_created(
    kafka: EmbeddedKafka,
) -> None:
    watched = Watched(kafka, topics=[TOPIC, "not_there"])

    await watched.watch.ask()
    await watched.watch.ask()

    assert watched.watch.topic_partitions == {TOPIC: 2, "not_there": 0}
    assert watched.topic_metric(TOPIC) == 2
    assert watched.topic_metric("not_there") == 0


async def test_a_partition_kafka_does_not_tell_of_hides_no_other(kafka: EmbeddedKafka) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    watched = Watched(kafka)
    watched.assignment = [ZERO, PartitionId("not_there", 0)]

    await watched.watch.ask()

    assert watched.watch.lags[ZERO].records == 6
    assert watched.watch.lags[PartitionId("not_there", 0)].end is None
    assert watched.watch.last_error == "UNKNOWN_TOPIC_OR_PART"


async def test_when_kafka_last_answered_everything_is_in_the_metrics(kafka: EmbeddedKafka) -> None:
    watched = Watched(kafka)
    await watched.watch.ask()
    answered = watched.answered_at()
    kafka.push_errors(ApiKey.LIST_OFFSETS, *[29] * 5)
    watched.seconds += 7

    await watched.watch.ask()

    assert answered > 0
    assert watched.answered_at() == answered
    assert watched.watch.answer_age_seconds(ZERO) == 7
    kafka.clear_errors(ApiKey.LIST_OFFSETS)
    await watched.watch.ask()
    assert watched.watch.answer_age_seconds(ZERO) == 0
    assert watched.answered_at() > answered


async def test_a_dead_cluster_is_given_up_after_the_first_question(kafka: EmbeddedKafka) -> None:
    watched = Watched(kafka)
    await watched.watch.ask()
    kafka.set_broker_down()
    began = time.monotonic()

    await watched.watch.ask()

    assert time.monotonic() - began < 9
    assert watched.watch.last_error is not None
    assert watched.watch.lags[ZERO].end == 10


async def test_records_below_the_committed_offset_are_what_retention_may_still_take(
    kafka: EmbeddedKafka,
) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 4, 1: 10})
    watched = Watched(kafka)

    await watched.watch.ask()

    assert watched.metric("retention_headroom_records", 0) == 4
    caught_up = watched.metric("retention_headroom_records", 1)
    assert caught_up != caught_up  # noqa: PLR0124 - not a number
    assert watched.metric("unstable_records", 0) == 0


async def test_an_offset_that_was_set_back_is_counted_and_told_once(kafka: EmbeddedKafka) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 8})
    watched = Watched(kafka)
    await watched.watch.ask()
    await asyncio.to_thread(commit_as_member, kafka, {0: 3})

    with structlog.testing.capture_logs() as lines:
        await watched.watch.ask()
        await watched.watch.ask()

    told = [line for line in lines if "set back" in line["event"]]
    assert [(line["offset_before"], line["offset"]) for line in told] == [(8, 3)]
    assert watched.watch.replays_to(ZERO) == 8
    name = "segment_liveintent_offset_rewinds_total"
    assert watched.metrics.registry.get_sample_value(name) == 1


async def test_what_we_have_committed_since_kafka_was_asked_counts_at_once(
    kafka: EmbeddedKafka,
) -> None:
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    watched = Watched(kafka)
    await watched.watch.ask()
    watched.committed = {ZERO: 9}

    watched.watch.refresh()

    assert watched.metric("consumer_lag_records", 0) == 1
