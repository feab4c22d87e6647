"""Partitions that leave while their records are on the way to LiveIntent."""

from functools import partial

import pytest
from confluent_kafka import KafkaError

from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.service import assembly
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, enters, leaves, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    RunningService,
    World,
    a_world,
    eventually,
)

ANA, BEN = "ana@example.com", "ben@example.com"


async def test_an_upload_that_finishes_while_its_partition_is_revoked_is_committed_and_not_sent_again(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, times=1))
        first = await _with_an_upload_under_way(world)
        second = await world.start_service()
        await eventually(partial(_is_being_revoked, first), why="the first must give one up")

        # Well inside the session: a member that drains for longer is thrown out of the group.
        world.liveintent.faults.clear()
        await _share(first, second)
        await world.all_committed(2)

        # The mock refuses a revoke's commit when its next rebalance has begun; a real broker takes it (make test-kafka).
        refused = (await first.scrape()).value("offset_commits_total", result="failed")
        assert (first.books.delivered, first.books.released) == (2, 0)
        assert second.books.consumed == 0 or refused
        assert len(world.liveintent.uploads()) == 1 + second.books.delivered
        assert world.liveintent.members(VIP) == rows_of([ANA, BEN])


async def test_an_upload_that_outlasts_the_revoke_is_sent_again_by_the_next_owner(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "REVOKE_DRAIN_SECONDS", 0.2)
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, times=1))
        first = await _with_an_upload_under_way(world)
        second = await world.start_service()
        await _share(first, second)
        await eventually(lambda: second.books.consumed == 1, why="the record is read again")
        await second.has_committed_again()
        held_back = await world.committed_in_all()

        world.liveintent.faults.clear()
        await world.all_committed(2)

        assert held_back == 0
        assert (first.books.delivered, first.books.released) == (1, 1)
        assert second.books.delivered == 1
        assert world.liveintent.members(VIP) == rows_of([ANA, BEN])


async def test_a_file_that_is_sent_after_a_revoke_leaves_out_whom_the_next_owner_speaks_for(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "REVOKE_DRAIN_SECONDS", 0.2)
    people = {0: ANA, 1: BEN}
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        world.liveintent.faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=429))
        first = await _with_a_flush_under_way(world)
        second = await world.start_service()
        await _share(first, second)
        (moved,) = people.keys() - set(_partitions_of(first))
        await world.produce([leaves(people[moved])], partition=moved)
        await eventually(lambda: second.books.consumed == 2, why="the second knows better")

        world.liveintent.faults.clear()
        await world.all_committed(3)

        sent = {(upload.action, upload.rows) for upload in world.liveintent.uploads()}
        assert sent == {("ADD", 3), ("REMOVE", 3)}
        assert world.liveintent.members(VIP) == rows_of([people[1 - moved]])


async def test_a_result_that_comes_after_partitions_were_lost_counts_for_nothing(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka, session_ms=QUICK_SESSION) as world:
        service = await world.start_service()
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, times=1))
        await world.produce([enters(ANA)])
        await eventually(world.liveintent.uploads, why="the upload is under way")

        embedded_kafka.push_errors(ApiKey.HEARTBEAT, KafkaError.UNKNOWN_MEMBER_ID)
        await eventually(lambda: service.books.released, why="the partition is lost")
        await eventually(lambda: service.books.consumed == 2, why="the record is read again")
        before = await world.committed()
        world.liveintent.faults.clear()
        await world.all_committed(1)

        scrape = await service.scrape()
        assert scrape.value("rebalances_total", kind="lost") == 1
        assert before == {0: 0}
        assert (service.books.consumed, service.books.released) == (2, 1)
        assert (service.books.delivered, service.books.difference) == (1, 0)
        assert world.liveintent.members(VIP) == rows_of([ANA])
        assert world.liveintent.breaches == []


async def _with_an_upload_under_way(world: World) -> RunningService:
    """A service that owns both partitions, with one record of each in one file that is stored."""
    service = await _with_a_flush_under_way(world)
    await eventually(world.liveintent.uploads, why="the file is stored")
    assert service.books.pending == 2
    return service


async def _with_a_flush_under_way(world: World) -> RunningService:
    service = await world.start_service(FLUSH_SECONDS="0.5")
    await eventually(lambda: service.partitions == 2, why="it has both partitions")
    await world.produce([enters(ANA)], partition=0)
    await world.produce([enters(BEN)], partition=1)
    await eventually(partial(_in_flight, service, 6), why="both are in one flush")
    return service


async def _in_flight(service: RunningService, rows: int) -> bool:
    return (await service.scrape()).value("in_flight_changes") == rows


def _partitions_of(service: RunningService) -> list[int]:
    status = service.service.status()
    return [] if status is None else [each.partition for each in status.partitions]


async def _share(first: RunningService, second: RunningService) -> None:
    await eventually(lambda: first.partitions == second.partitions == 1, why="they share")


async def _is_being_revoked(service: RunningService) -> bool:
    return (await service.scrape()).value("rebalances_total", kind="revoked") > 0
