"""The service's registry client, and the whole service, with a real schema registry (Apicurio's Confluent API)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from consumer.cli.checks.findings import Check, Finding, Result
from consumer.cli.checks.schemas import schema_findings
from consumer.sandbox.segment_encoders import as_avro_confluent, segment_event_schema
from consumer.segment.framing import RegistryId
from consumer.segment.patient_registry import PatientRegistry
from consumer.segment.registry_answers import NotFound, Trouble, Unavailable
from consumer.segment.schema_registry import RegistrySchemas
from consumer.segment.schemas import LoadedSchema, UnknownSchema
from consumer.service.registry import registry_client
from consumer.settings import EventSettings, load_part
from consumer.telemetry.metrics import Metrics
from tests.certificates import AUTHORITY, OTHER_AUTHORITY, certificate, key
from tests.kafka_cluster.real_kafka import RealKafka
from tests.kafka_cluster.real_registry import RealRegistry
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import World, a_world, eventually

pytestmark = pytest.mark.kafka

OUTAGE_SECONDS = float(os.environ.get("REGISTRY_OUTAGE_SECONDS", "20"))
NOBODY_REGISTERED = 2_000_000_000
ID = {"type": "fixed", "name": "Id", "namespace": "tests", "size": 4}
VISIT = {
    "type": "record",
    "name": "Visit",
    "namespace": "tests",
    "fields": [{"name": "id", "type": "tests.Id"}],
}


@pytest.fixture(scope="module")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry for the tests of this file; a test that stops it starts it again."""
    directory = tmp_path_factory.mktemp("registry")
    with RealRegistry(directory, certificate=certificate("server"), key=key("server")) as registry:
        yield registry


async def test_a_schema_is_fetched_by_its_id(real_registry: RealRegistry) -> None:
    number = await registered(real_registry, "events-value")

    async with the_schemas(real_registry) as schemas:
        loaded = await schemas.load(RegistryId(number))

    assert isinstance(loaded, LoadedSchema)
    assert loaded.name.endswith("SegmentEvent")


async def test_what_a_schema_refers_to_is_fetched_too(real_registry: RealRegistry) -> None:
    await asyncio.to_thread(real_registry.register, "ids", ID)
    number = await asyncio.to_thread(
        real_registry.register,
        "visits",
        VISIT,
        [{"name": "tests.Id", "subject": "ids", "version": 1}],
    )

    async with the_schemas(real_registry) as schemas:
        loaded = await schemas.load(RegistryId(number))

    assert isinstance(loaded, LoadedSchema)
    assert loaded.name == "tests.Visit"


async def test_an_id_nobody_registered_is_unknown(real_registry: RealRegistry) -> None:
    async with the_schemas(real_registry) as schemas:
        unknown = await schemas.load(RegistryId(NOBODY_REGISTERED))

    assert isinstance(unknown, UnknownSchema)


@pytest.mark.parametrize("path", ["/subjects/nobody/versions/1", "/subjects/ids2/versions/9"])
async def test_a_subject_or_version_nobody_registered_is_not_found(
    real_registry: RealRegistry, path: str
) -> None:
    await asyncio.to_thread(real_registry.register, "ids2", ID)

    async with AsyncExitStack() as stack:
        client = await registry_client(await settings_for(real_registry.url), stack)
        assert await client.get(path) == NotFound()


async def test_this_version_of_the_api_has_no_guids_and_that_costs_no_record(
    real_registry: RealRegistry,
) -> None:
    async with AsyncExitStack() as stack:
        client = await registry_client(await settings_for(real_registry.url), stack)
        answer = await client.get("/schemas/guids/3f2504e0-4f89-11d3-9a0c-0305e82c3301")

    assert isinstance(answer, Unavailable)
    assert answer.trouble is Trouble.NO_GUIDS


async def test_over_tls_our_authority_is_trusted_and_another_is_not(
    real_registry: RealRegistry,
) -> None:
    good = await finding(real_registry.tls_url, SCHEMA_REGISTRY_CA_FILE=str(AUTHORITY))
    bad = await finding(real_registry.tls_url, SCHEMA_REGISTRY_CA_FILE=str(OTHER_AUTHORITY))

    assert good.result is Result.OK
    assert real_registry.tls_url.removeprefix("https://") in good.detail
    assert bad.result is Result.FAILED
    assert "unable to get local issuer certificate" in bad.detail


async def test_an_address_without_the_path_of_the_api_is_called_no_registry(
    real_registry: RealRegistry,
) -> None:
    found = await finding(real_registry.url.removesuffix("/apis/ccompat/v7"))

    assert found.result is Result.FAILED
    assert "/apis/ccompat/v7" in (found.advice or "")


@pytest.mark.timeout(280 + int(OUTAGE_SECONDS))
async def test_a_registry_that_restarts_under_a_running_service_costs_nothing(
    real_registry: RealRegistry, real_kafka: RealKafka
) -> None:
    """REGISTRY_OUTAGE_SECONDS is how long it is away: 20 unless told otherwise, 300 for the whole five minutes."""
    first, later, last = emails(5, "first"), emails(5, "later"), emails(5, "last")
    async with a_world(
        real_kafka,
        partitions=2,
        event_format="avro-confluent",
        SCHEMA_REGISTRY_URL=real_registry.url,
    ) as world:
        known = await registered(real_registry, "v1")
        new = await registered(real_registry, "v2", doc="A new version, nobody has read yet.")
        service = await world.start_service()
        await produce(world, first, known, partition=0)
        await world.all_committed(len(first))

        await asyncio.to_thread(real_registry.stop)
        down_at = time.monotonic()
        await produce(world, later, new, partition=1)
        await produce(world, last, known, partition=0)
        # What is known already flows on; what is new waits.
        await world.all_committed(len(first) + len(last))
        waiting = (await service.scrape()).value("partitions_waiting_for_schema")
        await asyncio.sleep(max(0.0, down_at + OUTAGE_SECONDS - time.monotonic()))
        dead_letters_meanwhile = service.books.dead_lettered
        await asyncio.to_thread(real_registry.start)
        await eventually(
            lambda: world.liveintent.members(VIP) == rows_of([*first, *last, *later]),
            why="what waited is delivered",
            seconds=60,
        )
        await world.all_committed(15)

        assert waiting == 1
        assert dead_letters_meanwhile == service.books.dead_lettered == {}
        assert await world.dead_letters() == []


async def produce(world: World, people: list[str], number: int, *, partition: int) -> None:
    records = [
        NewRecord(email.encode(), as_avro_confluent(enters(email), number), partition=partition)
        for email in people
    ]
    await world.produce_records(records)


async def registered(registry: RealRegistry, subject: str, *, doc: str = "") -> int:
    schema = await asyncio.to_thread(segment_event_schema)
    return await asyncio.to_thread(
        registry.register, subject, {**schema, "doc": doc or schema.get("doc", "")}
    )


async def settings_for(url: str, **more: str) -> EventSettings:
    return await asyncio.to_thread(load_part, EventSettings, {"SCHEMA_REGISTRY_URL": url, **more})


async def finding(url: str, **more: str) -> Finding:
    found = [each async for each in schema_findings(await settings_for(url, **more), seconds=10)]
    (registry,) = [each for each in found if each.check is Check.SCHEMA_REGISTRY]
    return registry


@asynccontextmanager
async def the_schemas(registry: RealRegistry) -> AsyncIterator[RegistrySchemas]:
    async with AsyncExitStack() as stack:
        metrics = Metrics(CollectorRegistry())
        client = await registry_client(await settings_for(registry.url), stack, metrics)
        yield RegistrySchemas(
            PatientRegistry(client, not_found_window_seconds=0.5), metrics=metrics
        )
