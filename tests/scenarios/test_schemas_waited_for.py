"""Records whose schema is not known yet: held, never lost, and no reason for other partitions to wait."""

import asyncio
import json
from functools import partial

import pytest

from consumer.record import RejectReason
from consumer.sandbox.segment_encoders import as_avro_confluent, segment_event_schema
from consumer.segment.patient_registry import PatientRegistry
from consumer.service import schemas
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import LAPSED, VIP, emails, enters, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    RunningService,
    World,
    a_world,
    eventually,
    running_service,
)

NOBODY_REGISTERED = 4711
FEW, MANY = emails(3, "few"), emails(40, "many")


async def test_a_registry_outage_holds_the_partition_that_needs_it_and_no_other(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, partitions=2, event_format="avro-confluent") as (
        world,
        service,
    ):
        new = await _warm_up(world)
        world.registry.outage = 503
        # Behind the record that waits stands one that could be decoded: it keeps its place.
        await _produce(world, FEW[:1], schema_id=new, partition=0)
        await _produce(world, FEW[1:], partition=0)
        await eventually(lambda: _waiting(service), why="a schema is waited for")
        await world.produce(map(partial(enters, audience=LAPSED), MANY), partition=1)
        await eventually(lambda: world.members().get(LAPSED) == rows_of(MANY), why="others go on")
        await service.has_committed_again()
        while_waiting = (await world.committed())[0], service.books.dead_lettered
        status = json.loads((await service.get("/status"))[1])
        waiting = await _waiting(service)

        world.registry.outage = None
        await world.all_committed(2 + len(FEW) + len(MANY))

        assert while_waiting == (1, {})
        assert waiting == 1
        assert "1 partition waits for a schema" in status["why_behind"]
        assert "503" in status["why_behind"]
        assert status["partitions"][0]["oldest_why"] == "a schema"
        assert service.books.dead_lettered == {}
        assert not await _waiting(service)


async def test_an_unknown_schema_id_is_retried_for_a_while_and_then_dead_lettered(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    _believe_not_found_after(monkeypatch, seconds=4.0)
    async with running_service(kafka_cluster, partitions=2, event_format="avro-confluent") as (
        world,
        service,
    ):
        await _warm_up(world)
        await _produce(world, FEW[:1], schema_id=NOBODY_REGISTERED, partition=0)
        await _produce(world, FEW[1:], partition=0)
        await eventually(
            lambda: _is_said(service, "the registry does not have it yet"),
            why="what is waited for is said",
        )
        dead_letters_at_first = service.books.dead_lettered
        await world.all_committed(2 + len(FEW))

        assert dead_letters_at_first == {}
        assert service.books.dead_lettered == {RejectReason.UNKNOWN_SCHEMA: 1}
        assert len(await world.dead_letters()) == 1
        assert world.registry.requests_by_path[f"/schemas/ids/{NOBODY_REGISTERED}"] >= 2


async def test_a_schema_that_reaches_the_registry_late_costs_nothing(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, partitions=1, event_format="avro-confluent") as (
        world,
        service,
    ):
        await _produce(world, FEW, schema_id=world.schema_id + 1)
        await eventually(lambda: _waiting(service), why="the schema is waited for")
        await _another_schema(world)
        await world.all_committed(len(FEW))

        assert service.books.dead_lettered == {}
        assert world.liveintent.members(VIP) == rows_of(FEW)


async def test_a_stop_does_not_wait_for_a_schema_and_the_next_process_delivers(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(
        kafka_cluster, event_format="avro-confluent", session_ms=QUICK_SESSION
    ) as world:
        first = await world.start_service(DRAIN_SECONDS="20")
        world.registry.outage = 503
        await world.produce(map(enters, FEW))
        await eventually(lambda: _waiting(first), why="the schema is waited for")
        async with asyncio.timeout(8):
            await first.stop()
        committed = await world.committed()

        world.registry.outage = None
        await world.start_service()
        await world.all_committed(len(FEW))

        assert sum(committed.values()) == 0
        assert world.liveintent.members(VIP) == rows_of(FEW)
        assert await world.dead_letters() == []


async def test_a_partition_that_moves_while_it_waits_for_a_schema_is_delivered_once(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(
        kafka_cluster, partitions=2, event_format="avro-confluent", session_ms=QUICK_SESSION
    ) as world:
        first = await world.start_service()
        world.registry.outage = 503
        await world.produce(map(enters, FEW), partition=0)
        await world.produce(map(enters, MANY), partition=1)
        await eventually(lambda: first.books.consumed == len(FEW) + len(MANY), why="all is read")
        second = await world.start_service()
        await eventually(
            lambda: first.partitions == second.partitions == 1, why="they share the partitions"
        )
        await eventually(lambda: second.books.consumed, why="the second has read its own")
        released = first.books.released
        world.registry.outage = None
        await world.all_committed(len(FEW) + len(MANY))

        assert released in {len(FEW), len(MANY)}
        assert first.books.delivered + second.books.delivered == len(FEW) + len(MANY)
        assert first.books.dead_lettered == second.books.dead_lettered == {}
        assert world.liveintent.members(VIP) == rows_of([*FEW, *MANY])


async def _warm_up(world: World) -> int:
    """Have the usual schema known and one record of each partition done; returns another schema's number."""
    for partition in range(2):
        await world.produce([enters(f"warm{partition}@example.com")], partition=partition)
    await world.all_committed(2)
    return await _another_schema(world)


async def _another_schema(world: World) -> int:
    schema = await asyncio.to_thread(segment_event_schema)
    return world.registry.register("another", {**schema, "doc": "The same, in other words."})


async def _produce(
    world: World, people: list[str], *, schema_id: int | None = None, partition: int = 0
) -> None:
    number = world.schema_id if schema_id is None else schema_id
    await world.produce_records(
        NewRecord(email.encode(), as_avro_confluent(enters(email), number), partition=partition)
        for email in people
    )


async def _is_said(service: RunningService, words: str) -> bool:
    return words in json.loads((await service.get("/status"))[1])["why_behind"]


async def _waiting(service: RunningService) -> float:
    return (await service.scrape()).value("partitions_waiting_for_schema")


def _believe_not_found_after(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    patience = partial(PatientRegistry, not_found_window_seconds=seconds)
    monkeypatch.setattr(schemas, "PatientRegistry", patience)
