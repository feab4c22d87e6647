"""The whole service in this process, with a Kafka cluster, a LiveIntent and a schema registry around it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from consumer.record import KafkaRecord
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES, EmbeddedKafka
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.sandbox.segment_encoders import (
    as_avro_confluent,
    as_avro_single_object,
    as_json,
    segment_event_schema,
)
from consumer.sandbox.segment_intents import FeedItem
from consumer.settings import load_settings
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord, committed, consume_all, produce, unique_name
from tests.scenarios.running import HURRY, RunningService, eventually

__all__ = [
    "HURRY",
    "QUICK_SESSION",
    "RunningService",
    "World",
    "a_world",
    "eventually",
    "running_service",
]

Event = Mapping[str, Any]

# No rebalance unless a test asks for one, however slow the machine.
PATIENT_SESSION = "10000"
# The mock lets members rejoin until a second before the session ends, and a cooperative rebalance has two rounds.
QUICK_SESSION = "3000"

_SANDBOX = SandboxOptions(processing_seconds=0.05)


@dataclass
class World:
    """Everything the services of one test talk to, under names of its own."""

    cluster: KafkaCluster | EmbeddedKafka
    liveintent: LiveIntentSandbox
    registry: SchemaRegistrySandbox
    event_format: str
    client: aiohttp.ClientSession
    environ: dict[str, str]
    partitions: int
    schema_id: int
    services: list[RunningService] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return self.environ["KAFKA_TOPICS"]

    @property
    def dead_letter_topic(self) -> str:
        return self.environ["KAFKA_DEAD_LETTER_TOPIC"]

    async def start_service(self, *, hurry: float = HURRY, **settings: str) -> RunningService:
        """Start one more service of the group. Settings by name; an empty text unsets one."""
        environ = {**self.environ, **settings}
        loaded = await asyncio.to_thread(load_settings, environ)
        service = RunningService(loaded, self.client, hurry=hurry)
        await service.start()
        self.services.append(service)
        return service

    def encoded(self, event: Event | bytes) -> bytes:
        """The event as the bytes of a record; bytes stay as they are."""
        match self.event_format:
            case "avro-confluent":
                return as_avro_confluent(event, self.schema_id)
            case "avro-single-object":
                return as_avro_single_object(event)
            case _:
                return as_json(event)

    async def produce(
        self, values: Iterable[Event | bytes], *, partition: int | None = None
    ) -> None:
        """Write one record each, in this order, keyed by userId."""
        await self.produce_records(
            NewRecord(_key_of(value), self.encoded(value), partition=partition) for value in values
        )

    async def produce_records(self, records: Iterable[NewRecord]) -> None:
        """Write records as they are given."""
        await asyncio.to_thread(produce, self.cluster.bootstrap_servers, self.topic, list(records))

    async def produce_feed(self, items: Iterable[FeedItem]) -> None:
        """Write records of a generated feed."""
        await self.produce_records(NewRecord(item.key, self.encoded(item.value)) for item in items)

    def members(self) -> dict[str, dict[str, set[str]]]:
        """Who is in every audience LiveIntent has."""
        names = {audience.name for audience in self.liveintent.audiences()}
        return {name: self.liveintent.members(name) for name in names}

    async def committed(self) -> dict[int, int]:
        """What the group has committed, by partition."""
        return await asyncio.to_thread(
            committed,
            self.cluster.bootstrap_servers,
            self.environ["KAFKA_GROUP_ID"],
            self.topic,
            range(self.partitions),
        )

    async def committed_in_all(self) -> int:
        """The sum over the partitions: how many records are committed, on a topic without gaps."""
        return sum((await self.committed()).values())

    async def all_committed(self, records: int) -> None:
        """Wait until so many records are committed, and not one more."""

        async def enough() -> bool:
            return await self.committed_in_all() >= records

        await eventually(enough, why=f"{records} records are committed")
        assert await self.committed_in_all() == records

    async def dead_letters(self) -> list[KafkaRecord]:
        """Everything on the dead-letter topic as of now."""
        return await asyncio.to_thread(
            consume_all, self.cluster.bootstrap_servers, self.dead_letter_topic
        )


@asynccontextmanager
async def a_world(
    cluster: KafkaCluster | EmbeddedKafka,
    *,
    partitions: int = 1,
    event_format: str = "json",
    sandbox: SandboxOptions = _SANDBOX,
    session_ms: str = PATIENT_SESSION,
    **settings: str,
) -> AsyncIterator[World]:
    """Start what surrounds a service. When the block ends, services still running are stopped; an error passes."""
    topic, dead_letters = unique_name("events"), unique_name("dead-letters")
    await asyncio.to_thread(cluster.create_topic, topic, partitions=partitions)
    await asyncio.to_thread(cluster.create_topic, dead_letters, partitions=1)
    liveintent = LiveIntentSandbox(sandbox)
    async with (
        SchemaRegistrySandbox() as registry,
        liveintent as url,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client,
    ):
        properties = {**CONSUMER_PROPERTIES, "session.timeout.ms": session_ms}
        environ = {
            "LIVEINTENT_URL": url,
            "LIVEINTENT_API_KEY": sandbox.token,
            "LIVEINTENT_ACCOUNT_ID": str(sandbox.account_id),
            "LIVEINTENT_DATA_PROVIDER_ID": str(sandbox.data_provider_id),
            "LIVEINTENT_AUDIENCES": "*",
            "LIVEINTENT_REQUESTS_PER_SECOND": "100",
            "LIVEINTENT_CONCURRENCY": "4",
            "UPLOAD_POLL_SECONDS": str(0.04 * HURRY),
            "UPLOAD_POLL_MAX_SECONDS": str(0.2 * HURRY),
            "FLUSH_SECONDS": "0.1",
            "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
            "KAFKA_TOPICS": topic,
            "KAFKA_GROUP_ID": unique_name("group"),
            "KAFKA_DEAD_LETTER_TOPIC": dead_letters,
            "KAFKA_FIRST_START": "earliest",
            "KAFKA_COMMIT_SECONDS": "0.05",
            "KAFKA_PROPERTIES": json.dumps(properties),
            "EVENT_FORMAT": event_format,
            "SCHEMA_REGISTRY_URL": registry.url,
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": "0",
            **settings,
        }
        schema = await asyncio.to_thread(segment_event_schema)
        world = World(
            cluster, liveintent, registry, event_format, client, environ, partitions,
            registry.register(f"{topic}-value", schema),
        )  # fmt: skip
        try:
            yield world
        finally:
            await _stop_all(world.services)


@asynccontextmanager
async def running_service(
    cluster: KafkaCluster | EmbeddedKafka,
    *,
    partitions: int = 1,
    event_format: str = "json",
    sandbox: SandboxOptions = _SANDBOX,
    session_ms: str = PATIENT_SESSION,
    **settings: str,
) -> AsyncIterator[tuple[World, RunningService]]:
    """Start one service and what surrounds it; the arguments are those of `a_world`."""
    async with a_world(
        cluster,
        partitions=partitions,
        event_format=event_format,
        sandbox=sandbox,
        session_ms=session_ms,
        **settings,
    ) as world:
        yield world, await world.start_service()


def _key_of(value: Event | bytes) -> bytes | None:
    user = None if isinstance(value, bytes) else value.get("userId")
    return None if user is None else str(user).encode()


async def _stop_all(services: Iterable[RunningService]) -> None:
    await asyncio.gather(*(service.stop() for service in services if not service.over))
