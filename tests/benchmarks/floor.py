"""What reading and decoding cost with nothing after them: rows (a) and (b), each a process of its own.

`python -m tests.benchmarks.floor consume|decode RECORDS`, with the service's settings in the environment: the same
client, asking for as many records at a time, the same decoder and the same schema from the registry.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from enum import StrEnum

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from prometheus_client import CollectorRegistry

from consumer.kafka.connection import KafkaConnection, consumer_properties
from consumer.kafka.incoming import record_from
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import SchemaNeeded
from consumer.service.assembly import schemas_for
from consumer.service.feeds import decoder_for
from consumer.settings import Settings, load_settings
from consumer.telemetry.metrics import Metrics
from tests.memory.resident import peak_resident_bytes

# As `consumer.kafka.poll_loop` has them.
_MESSAGES_MAX = 500
_POLL_SECONDS = 0.05
_STALL_SECONDS = 60

Take = Callable[[list[Message]], Awaitable[None]]


class Floor(StrEnum):
    """How much of the work is done."""

    CONSUME = "consume"
    DECODE = "decode"


async def _serve(floor: Floor, wanted: int) -> None:
    settings = load_settings(os.environ)
    async with _TAKES[floor](settings) as take:
        said = await _read(settings, wanted, take)
    sys.stdout.buffer.write(orjson.dumps(said))


async def _read(settings: Settings, wanted: int, take: Take) -> dict[str, float]:
    """Take so many records, and say what that took since the partitions were assigned. Holds the event loop."""
    connection = KafkaConnection(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group_id,
        properties=settings.kafka_properties,
    )
    properties = {**consumer_properties(connection), "auto.offset.reset": "earliest"}
    began: list[tuple[float, float]] = []

    def on_assign(*_: object) -> None:
        began.append((time.monotonic(), time.process_time()))

    taken, moved_at = 0, time.monotonic()
    with closing(Consumer(properties)) as consumer:
        consumer.subscribe(list(settings.kafka_topics), on_assign=on_assign)
        while taken < wanted:
            messages = _sound(consumer.consume(_MESSAGES_MAX, _POLL_SECONDS))
            await take(messages)
            taken += len(messages)
            if messages:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > _STALL_SECONDS:
                message = f"{taken} of {wanted} records came"
                raise TimeoutError(message)
        began_at, began_cpu = began[0]
        return {
            "seconds": time.monotonic() - began_at,
            "cpu_seconds": time.process_time() - began_cpu,
            "peak_bytes": peak_resident_bytes(),
        }


def _sound(messages: list[Message]) -> list[Message]:
    sound = []
    for message in messages:
        error = message.error()
        if error is None:
            sound.append(message)
        elif error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
    return sound


@asynccontextmanager
async def _looking(_settings: Settings) -> AsyncIterator[Take]:
    """Take the value of each record, and do nothing with it."""

    async def take(messages: list[Message]) -> None:
        for message in messages:
            message.value()

    yield take


@asynccontextmanager
async def _decoding(settings: Settings) -> AsyncIterator[Take]:
    """Make each the event it is, as the service does."""
    async with AsyncExitStack() as stack:
        metrics = Metrics(CollectorRegistry())
        schemas = await schemas_for(settings, stack, metrics)
        assert schemas is not None
        decoder = decoder_for(settings, schemas, metrics)

        async def take(messages: list[Message]) -> None:
            for message in messages:
                record = record_from(message, assignment=1)
                if isinstance(events := decoder.decode(record), SchemaNeeded):
                    await schemas.load(events.ref)
                    events = decoder.decode(record)
                assert isinstance(events, tuple)
                assert isinstance(events[0], SegmentEvent)

        yield take


_TAKES = {Floor.CONSUME: _looking, Floor.DECODE: _decoding}

if __name__ == "__main__":
    asyncio.run(_serve(Floor(sys.argv[1]), int(sys.argv[2])))
