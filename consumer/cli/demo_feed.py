"""Produces a generated feed to Kafka no faster than it is taken away, and tells the oracle what was produced."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.sandbox.embedded_kafka import PRODUCER_PROPERTIES
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_encoders import as_avro_confluent
from consumer.sandbox.segment_feed import FeedOptions, segment_feed
from consumer.sandbox.segment_intents import FeedItem

# The mock cluster keeps the newest 5 MiB of a partition: at half a kilobyte an event, what is produced and not yet
# finished stays far below, compressed or not.
MOST_UNFINISHED = 20_000

_CHUNK = 250
_LOOK_AGAIN_SECONDS = 0.05
_FLUSH_SECONDS = 10.0


class DemoFeed:
    """One feed on its way to the topic. Used by one task at a time."""

    def __init__(
        self,
        options: FeedOptions,
        *,
        bootstrap_servers: str,
        topic: str,
        schema_id: int,
        most_unfinished: int = MOST_UNFINISHED,
    ) -> None:
        self.oracle = Oracle(options.audiences)
        self.produced = 0
        self._topic = topic
        self._most_unfinished = most_unfinished
        self._schema_id = schema_id
        self._items: Iterator[FeedItem] = segment_feed(options)
        self._failure: KafkaError | None = None
        self._producer: Producer | None = Producer(
            {
                **PRODUCER_PROPERTIES,
                "bootstrap.servers": bootstrap_servers,
                # What goes wrong comes back with the records; the rest is noise on a demo's screen.
                "log_level": 2,
                "compression.type": "zstd",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
            }
        )

    async def produce(
        self, count: int, *, finished: Callable[[], int], leave: asyncio.Event
    ) -> None:
        """Produce the next `count` records, waiting while too many are unfinished; fewer once `leave` is set.

        Raises KafkaException. Cancelled, it may leave a last few hundred records for which the oracle is late.
        """
        until = self.produced + count
        while self.produced < until and not leave.is_set():
            if self.produced - finished() > self._most_unfinished:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            else:
                # On a thread, so that the service's loop goes on.
                await asyncio.to_thread(self._produce_chunk, min(_CHUNK, until - self.produced))

    def flush(self) -> None:
        """Wait, for a bounded time, until everything is on the topic. Raises KafkaException if it is not."""
        if self._producer is not None and self._producer.flush(_FLUSH_SECONDS):
            raise KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001
        self._raise_failure()

    def close(self) -> None:
        """Leave Kafka. What was not flushed is dropped."""
        self._producer = None

    def _produce_chunk(self, count: int) -> None:
        producer = self._producer
        if producer is None:
            return
        for item in islice(self._items, count):
            value = as_avro_confluent(item.value, self._schema_id)
            producer.produce(self._topic, value=value, key=item.key, on_delivery=self._delivered)
            self.oracle.see(item)
            self.produced += 1
        producer.poll(0)
        self._raise_failure()

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise KafkaException(self._failure)
