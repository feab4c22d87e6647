"""A schema registry is away for five minutes while a new schema version is rolled in: nothing is lost or given up.

Here the five minutes pass in five seconds. With real seconds and a real registry it is in
tests/contract/test_real_registry.py.
"""

import asyncio
import time
from functools import partial

import pytest

from consumer.sandbox.segment_encoders import as_avro_confluent, segment_event_schema
from consumer.segment.patient_registry import PatientRegistry
from consumer.service import schemas
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import World, a_world, eventually
from tests.token_endpoint import TokenEndpoint

HURRY = 60
DOWN_SECONDS = 300
KNOWN, NEW, LATE = emails(30, "known"), emails(10, "new"), emails(10, "late")


@pytest.fixture(autouse=True)
def registry_time_is_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / HURRY)

    def now() -> float:
        return time.monotonic() * HURRY

    monkeypatch.setattr(schemas, "PatientRegistry", partial(PatientRegistry, now=now, sleep=sleep))


@pytest.mark.timeout(150)
async def test_five_minutes_without_a_registry_and_a_new_version_meanwhile_cost_nothing(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=2, event_format="avro-confluent") as world:
        service = await world.start_service()
        await world.produce(map(enters, KNOWN[:10]), partition=0)
        await world.all_committed(10)

        new = await a_version(world, "one more field's worth of words")
        world.registry.outage = 503
        down_at = time.monotonic()
        await produce(world, NEW, new, partition=1)
        await world.produce(map(enters, KNOWN[10:20]), partition=0)
        await world.all_committed(20)
        await asyncio.sleep(max(0.0, down_at + DOWN_SECONDS / HURRY - time.monotonic()))
        at_the_end = service.books
        world.registry.outage = None
        await world.all_committed(30)
        # The next version reaches the registry only after the first records that use it were read.
        await produce(world, LATE, new + 1, partition=1)
        await eventually(lambda: service.books.consumed == 40, why="they are read")
        await a_version(world, "and one more")
        await world.produce(map(enters, KNOWN[20:]), partition=0)
        await world.all_committed(50)

        assert (at_the_end.pending, at_the_end.dead_lettered) == (len(NEW), {})
        assert world.liveintent.members(VIP) == rows_of([*KNOWN, *NEW, *LATE])
        assert service.books.dead_lettered == {}
        assert await world.dead_letters() == []


async def test_tokens_that_are_withdrawn_and_a_token_endpoint_that_fails_cost_nothing(
    kafka_cluster: KafkaCluster,
) -> None:
    async with (
        TokenEndpoint() as tokens,
        a_world(
            kafka_cluster,
            event_format="avro-confluent",
            SCHEMA_REGISTRY_OAUTH_URL=tokens.url,
            SCHEMA_REGISTRY_OAUTH_CLIENT_ID=tokens.client_id,
            SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET=tokens.secret,
        ) as world,
    ):
        world.registry.accept_tokens("token-1")
        service = await world.start_service()
        await world.produce(map(enters, KNOWN))
        await world.all_committed(len(KNOWN))

        tokens.status = 503
        world.registry.accept_tokens("token-9")
        new = await a_version(world, "another")
        await produce(world, NEW, new, partition=0)
        await eventually(lambda: len(tokens.forms) > 3, why="tokens are asked for in vain")
        world.registry.accept_tokens(*(f"token-{i}" for i in range(4, 100)))
        tokens.status = 200
        await world.all_committed(len(KNOWN) + len(NEW))

        assert service.books.dead_lettered == {}
        assert world.liveintent.members(VIP) == rows_of([*KNOWN, *NEW])


async def a_version(world: World, doc: str) -> int:
    schema = await asyncio.to_thread(segment_event_schema)
    return world.registry.register(f"{world.topic}-value", {**schema, "doc": doc})


async def produce(world: World, people: list[str], number: int, *, partition: int) -> None:
    await world.produce_records(
        NewRecord(email.encode(), as_avro_confluent(enters(email), number), partition=partition)
        for email in people
    )
