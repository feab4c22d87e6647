"""Decision 1, watched: every other test that runs a service has the same watch (`one_thread_owns_the_consumer`)."""

import asyncio

import pytest

from consumer.kafka import poll_loop
from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.contract.kafka_reader import TOPIC, produce, reading, until
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.owned_consumer import OwnedConsumer, WrongThread
from tests.scenarios.events import emails, enters
from tests.scenarios.harness import QUICK_SESSION, a_world, eventually


async def test_a_service_that_pauses_commits_shares_and_stops_uses_the_consumer_from_one_thread(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        first = await world.start_service()
        world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=500, times=3))
        await world.produce(map(enters, emails(10)))
        await world.all_committed(10)
        for path in ("/metrics", "/status", "/readyz", "/"):
            await first.get(path)
        second = await world.start_service()
        await eventually(lambda: first.partitions == second.partitions == 1, why="they share")
        await first.stop()

    assert vars(poll_loop)["Consumer"] is OwnedConsumer
    assert OwnedConsumer.misuses == []


async def test_a_call_from_another_thread_is_noticed_even_when_its_error_is_swallowed(
    embedded_kafka: EmbeddedKafka,
) -> None:
    embedded_kafka.create_topic(TOPIC, partitions=2)
    produce(embedded_kafka, 10)
    async with reading(embedded_kafka) as member:
        await until(lambda: len(member.listener.records) == 10)
        consumer = member.reader._polling._consumer

        with pytest.raises(WrongThread, match="assignment"):
            consumer.assignment()
        with pytest.raises(WrongThread, match="pause"):
            await asyncio.to_thread(lambda: consumer.pause([]))

    assert len(OwnedConsumer.misuses) == 2
    OwnedConsumer.misuses.clear()
