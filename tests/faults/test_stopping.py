"""SIGTERM while something is under way: back within the time, nothing lost."""

import time

import pytest

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind, SandboxOptions
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, enters, rows_of
from tests.scenarios.harness import QUICK_SESSION, RunningService, World, a_world, eventually

DRAIN_SECONDS = 6
# Writing the last dead letters, committing and leaving the group have bounds of their own.
LAST_WRITES_SECONDS = 5


async def test_a_stop_waits_for_the_upload_under_way_and_commits_it(
    kafka_cluster: KafkaCluster,
) -> None:
    slow = SandboxOptions(processing_seconds=0.7)
    async with a_world(kafka_cluster, sandbox=slow) as world:
        service = await _with_an_upload_under_way(world, drain_seconds=20)

        await service.stop()

        assert service.books.delivered == 1
        assert await world.committed() == {0: 1}


async def test_a_stop_flushes_nothing_that_still_waits(kafka_cluster: KafkaCluster) -> None:
    async with a_world(kafka_cluster, session_ms=QUICK_SESSION) as world:
        service = await world.start_service(FLUSH_SECONDS="3600")
        await world.produce([enters("ana@example.com")])
        await eventually(lambda: service.books.consumed, why="the record is read")

        seconds = await _seconds_to_stop(service)
        left = world.liveintent.uploads()
        await world.start_service()
        await world.all_committed(1)

        assert seconds < LAST_WRITES_SECONDS
        assert left == []
        assert world.liveintent.members(VIP) == rows_of(["ana@example.com"])


@pytest.mark.parametrize("liveintent", ["hangs", "is gone"])
async def test_a_stop_during_an_upload_that_does_not_end_is_over_in_time_and_loses_nothing(
    kafka_cluster: KafkaCluster, liveintent: str
) -> None:
    async with a_world(kafka_cluster, session_ms=QUICK_SESSION) as world:
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, times=1))
        service = await _with_an_upload_under_way(world)
        if liveintent == "is gone":
            await world.liveintent.stop()

        seconds = await _seconds_to_stop(service)
        held_back = await world.committed()
        world.liveintent.faults.clear()
        if liveintent == "is gone":
            await world.liveintent.start(port=int(world.liveintent.url.rpartition(":")[2]))
        await world.start_service()
        await world.all_committed(1)

        assert seconds < DRAIN_SECONDS + LAST_WRITES_SECONDS
        assert held_back == {0: 0}
        assert world.liveintent.members(VIP) == rows_of(["ana@example.com"])


@pytest.mark.parametrize("liveintent", ["answers", "is gone"])
async def test_a_stop_without_a_broker_is_over_in_time(
    embedded_kafka: EmbeddedKafka, liveintent: str
) -> None:
    async with a_world(embedded_kafka, session_ms=QUICK_SESSION) as world:
        service = await _with_an_upload_under_way(world)
        embedded_kafka.set_broker_down()
        if liveintent == "is gone":
            await world.liveintent.stop()

        seconds = await _seconds_to_stop(service)

        # Before the cluster goes: librdkafka's threads end only once they have said goodbye.
        embedded_kafka.set_broker_up()
        assert seconds < DRAIN_SECONDS + LAST_WRITES_SECONDS
        assert service.books.difference == 0


async def test_a_stop_before_the_first_assignment_is_over_at_once(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka) as world:
        embedded_kafka.set_broker_down()
        service = await world.start_service()

        seconds = await _seconds_to_stop(service)

        embedded_kafka.set_broker_up()
        assert seconds < LAST_WRITES_SECONDS


async def _with_an_upload_under_way(
    world: World, *, drain_seconds: int = DRAIN_SECONDS
) -> RunningService:
    service = await world.start_service(DRAIN_SECONDS=str(drain_seconds))
    await world.produce([enters("ana@example.com")])
    await eventually(world.liveintent.uploads, why="the file is stored")
    return service


async def _seconds_to_stop(service: RunningService) -> float:
    started = time.monotonic()
    await service.stop()
    return time.monotonic() - started
