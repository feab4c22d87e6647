"""What Kafka does to a service that has done nothing wrong: commits refused, offsets gone, polls missed, holes in the log."""

import asyncio
import json
import os
import threading
import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer

from consumer.errors import OffsetsUnknown
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES, ApiKey, EmbeddedKafka
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    RunningService,
    World,
    a_world,
    eventually,
    running_service,
)

REFUSALS = {
    "the generation is over": KafkaError.ILLEGAL_GENERATION,
    "the member is unknown": KafkaError.UNKNOWN_MEMBER_ID,
    "a rebalance is under way": KafkaError.REBALANCE_IN_PROGRESS,
}
SHORT_SESSION_MS = 1_500
WRONG = "a-token-nobody-issued"


@pytest.mark.parametrize("code", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_commit_that_kafka_refuses_costs_nothing(
    embedded_kafka: EmbeddedKafka, code: int
) -> None:
    people = emails(6)
    async with running_service(embedded_kafka, session_ms=QUICK_SESSION) as (world, service):
        await world.produce(map(enters, people[:3]))
        await world.all_committed(3)

        embedded_kafka.push_errors(ApiKey.OFFSET_COMMIT, code)
        await world.produce(map(enters, people[3:]))
        await world.all_committed(6)

        assert (await service.scrape()).value("offset_commits_total", result="failed") >= 1
        assert world.liveintent.members(VIP) == rows_of(people)
        books = service.books
        assert (books.difference, books.pending, books.dead_lettered) == (0, 0, {})


async def test_a_process_that_does_not_poll_loses_its_partitions_to_another_and_comes_back(
    embedded_kafka: EmbeddedKafka,
) -> None:
    people = emails(4)
    impatient = {
        **CONSUMER_PROPERTIES,
        "session.timeout.ms": str(SHORT_SESSION_MS),
        "max.poll.interval.ms": str(SHORT_SESSION_MS),
    }
    async with a_world(
        embedded_kafka, partitions=2, KAFKA_PROPERTIES=json.dumps(impatient)
    ) as world:
        first = await world.start_service()
        await eventually(lambda: first.partitions == 2, why="it has both partitions")
        second = await world.start_service()
        await eventually(lambda: first.partitions == second.partitions == 1, why="they share")
        release = threading.Event()
        _run_in_reader(first, release)

        await eventually(lambda: second.partitions == 2, why="the second has them all")
        await world.produce(map(enters, people[:2]), partition=0)
        await world.produce(map(enters, people[2:]), partition=1)
        await world.all_committed(4)
        release.set()
        await eventually(lambda: _has_lost(first), why="the first learns of it")
        await eventually(lambda: first.partitions == second.partitions == 1, why="they share again")

        scrape = await first.scrape()
        assert scrape.value("kafka_errors_total", code="_MAX_POLL_EXCEEDED") == 1
        assert second.books.delivered == 4
        assert first.books.difference == second.books.difference == 0
        assert world.liveintent.members(VIP) == rows_of(people)


async def test_records_that_were_deleted_before_they_were_read_end_the_service_with_a_way_out(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka, session_ms=QUICK_SESSION) as world:
        service = await world.start_service()
        await world.produce([enters("ana@example.com")])
        await world.all_committed(1)
        await service.stop()
        # The mock keeps the newest 5 MiB of a partition.
        await world.produce_records([NewRecord(None, os.urandom(900_000)) for _ in range(8)])

        again = await world.start_service()
        error = await again.end()

        assert isinstance(error, OffsetsUnknown)
        assert "has committed offset 1 for partition 0" in str(error)
        assert "segment-liveintent replay" in str(error)
        assert await world.committed() == {0: 1}
        assert await world.dead_letters() == []


async def test_holes_that_transactions_leave_in_the_log_do_not_hold_back_the_commit(
    kafka_cluster: KafkaCluster,
) -> None:
    people = emails(4)
    # The mock writes the ends of transactions without a checksum.
    properties = json.dumps({**CONSUMER_PROPERTIES, "check.crcs": "false"})
    async with running_service(kafka_cluster, KAFKA_PROPERTIES=properties) as (world, service):
        # Two records and the end of the transaction, twice: offsets 0, 1, 3 and 4.
        await asyncio.to_thread(_produce_in_transactions, world, [people[:2], people[2:]])
        await eventually(lambda: service.books.delivered == 4, why="all are delivered")

        async def past_the_last() -> bool:
            return await world.committed() == {0: 5}

        await eventually(past_the_last, why="the offset after the last record is committed")
        await service.stop()
        again = await world.start_service()
        await world.produce([enters("eva@example.com")])
        await again.has_finished(1)

        assert world.liveintent.members(VIP) == rows_of([*people, "eva@example.com"])
        assert again.books.consumed == 1


async def test_a_tombstone_is_ignored_counted_and_committed(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster) as (world, service):
        await world.produce_records([NewRecord(b"somebody", None)])
        await world.produce([enters("ana@example.com")])
        await world.all_committed(2)

        assert service.books.ignored == {"tombstone": 1}
        assert service.books.delivered == 1
        assert await world.dead_letters() == []


async def test_a_pause_longer_than_the_session_keeps_the_partitions_and_loses_nothing(
    kafka_cluster: KafkaCluster,
) -> None:
    # The first is refused; of the rest no more is taken, and more than may wait in memory is not read.
    first, *rest = people = emails(5_000)
    async with a_world(
        kafka_cluster, session_ms=str(SHORT_SESSION_MS), LIVEINTENT_API_KEY=WRONG
    ) as world:
        service = await world.start_service()
        await world.produce([enters(first)])
        await eventually(lambda: _is_refused(service), why="the key is refused")
        await world.produce(map(enters, rest))
        await eventually(lambda: _is_paused(service), why="its partitions are paused")
        paused_at = time.monotonic()
        await eventually(
            lambda: time.monotonic() > paused_at + 1.5 * SHORT_SESSION_MS / 1000,
            why="a session passes",
        )
        during = await service.scrape()

        world.liveintent.rotate_token(WRONG)
        await world.all_committed(5_000)

        assert during.value("partitions_paused") == 1
        assert during.value("rebalances_total", kind="lost") == 0
        assert (await service.scrape()).value("rebalances_total", kind="lost") == 0
        assert service.books.consumed == service.books.delivered == 5_000
        assert world.liveintent.members(VIP) == rows_of(people)


async def _has_lost(service: RunningService) -> bool:
    return (await service.scrape()).value("rebalances_total", kind="lost") == 1


async def _is_refused(service: RunningService) -> bool:
    status, why = await service.ready()
    return status == 503 and "API key" in why


async def _is_paused(service: RunningService) -> bool:
    return (await service.scrape()).value("partitions_paused") > 0


def _run_in_reader(service: RunningService, until: threading.Event) -> None:
    """Have the thread that polls hang."""
    parts = service.service._parts
    assert parts is not None

    def hang(_consumer: Consumer) -> None:
        until.wait(30)

    parts.reader._polling.commands.put(hang)


def _produce_in_transactions(world: World, groups: list[list[str]]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": world.cluster.bootstrap_servers,
            "transactional.id": world.topic,
        }
    )
    producer.init_transactions(20)
    for group in groups:
        producer.begin_transaction()
        for email in group:
            producer.produce(world.topic, world.encoded(enters(email)), partition=0)
        producer.commit_transaction(20)
