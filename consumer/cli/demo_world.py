"""The demo's surroundings: a Kafka cluster, a schema registry and a LiveIntent, all stand-ins in this process."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition

from consumer.sandbox.embedded_kafka import (
    CONSUMER_PROPERTIES,
    EmbeddedKafka,
)
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.sandbox.segment_encoders import segment_event_schema

TOPIC = "segment-events"
DEAD_LETTER_TOPIC = "segment-liveintent.dead-letters"
GROUP = "segment-liveintent-demo"
PARTITIONS = 6

_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Everything the service talks to. `environ` is what it has to be told; it holds a (made up) token."""

    kafka: EmbeddedKafka
    liveintent: LiveIntentSandbox
    registry: SchemaRegistrySandbox
    schema_id: int
    environ: dict[str, str] = field(repr=False)

    async def uncommitted(self) -> int:
        """Records of the topic that the service's group has not committed."""
        return await asyncio.to_thread(_uncommitted, self.kafka.bootstrap_servers)


@asynccontextmanager
async def demo_world(
    *, audiences: Sequence[str], consent_category: str, http_port: int
) -> AsyncIterator[DemoWorld]:
    """Start the stand-ins, and stop them when the block ends."""
    token = secrets.token_urlsafe(24)
    options = SandboxOptions(token=token, processing_seconds=0.2)
    liveintent = LiveIntentSandbox(options)
    with EmbeddedKafka(brokers=1) as kafka:
        kafka.create_topic(TOPIC, partitions=PARTITIONS)
        kafka.create_topic(DEAD_LETTER_TOPIC, partitions=1)
        async with SchemaRegistrySandbox() as registry, liveintent as liveintent_url:
            environ = {
                "LIVEINTENT_URL": liveintent_url,
                "LIVEINTENT_API_KEY": token,
                "LIVEINTENT_ACCOUNT_ID": str(options.account_id),
                "LIVEINTENT_DATA_PROVIDER_ID": str(options.data_provider_id),
                "LIVEINTENT_AUDIENCES": ",".join(audiences),
                # LiveIntent's own limits are unknown and the defaults low; the stand-in has none.
                "LIVEINTENT_REQUESTS_PER_SECOND": "500",
                "LIVEINTENT_CONCURRENCY": "8",
                # Nor does its search lag behind.
                "LIVEINTENT_CREATE_SETTLE_SECONDS": "0.5",
                "UPLOAD_POLL_SECONDS": "0.1",
                "UPLOAD_POLL_MAX_SECONDS": "1",
                "FLUSH_SECONDS": "0.5",
                "LATEST_STATE_MEMBERS": "2000000",
                "SEGMENT_CONSENT_CATEGORIES": consent_category,
                "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
                "KAFKA_TOPICS": TOPIC,
                "KAFKA_GROUP_ID": GROUP,
                "KAFKA_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
                "KAFKA_FIRST_START": "earliest",
                "KAFKA_PROPERTIES": json.dumps(dict(CONSUMER_PROPERTIES)),
                "SCHEMA_REGISTRY_URL": registry.url,
                "HTTP_HOST": "127.0.0.1",
                "HTTP_PORT": str(http_port),
            }
            schema = await asyncio.to_thread(segment_event_schema)
            schema_id = registry.register(f"{TOPIC}-value", schema)
            yield DemoWorld(kafka, liveintent, registry, schema_id, environ)


def _uncommitted(bootstrap_servers: str) -> int:
    properties = {"bootstrap.servers": bootstrap_servers, "group.id": GROUP, "log_level": 2}
    consumer = Consumer(properties)
    try:
        partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        left = 0
        for committed in consumer.committed(partitions, timeout=_ANSWER_SECONDS):
            low, high = consumer.get_watermark_offsets(committed, timeout=_ANSWER_SECONDS)
            left += high - max(committed.offset, low)
        return left
    finally:
        consumer.close()
