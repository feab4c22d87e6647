"""Writing a topic: all at once before anything is timed, or at a pace."""

import time
from collections.abc import Iterable, Sequence

from confluent_kafka import Producer

from tests.benchmarks.feeds import Record
from tests.kafka_cluster.topics import end_offsets

_FLUSH_SECONDS = 60
_FULL_SECONDS = 0.05
_TICK_SECONDS = 0.01
# As a busy producer writes: big batches, compressed. The embedded cluster keeps 5 MiB of a partition.
_IN_BULK = {
    "linger.ms": 50,
    "batch.size": 500_000,
    "batch.num.messages": 5_000,
    "compression.type": "zstd",
    "queue.buffering.max.messages": 100_000,
}
_PROMPTLY = {"linger.ms": 5, "compression.type": "zstd"}


def fill(bootstrap_servers: str, topic: str, records: Iterable[Record]) -> int:
    """Write all of it to an empty topic, and return how many there are. Raises RuntimeError unless all are there."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, **_IN_BULK})
    count = 0
    for record in records:
        _produce(producer, topic, record)
        count += 1
    producer.flush(_FLUSH_SECONDS)
    written = sum(end_offsets(bootstrap_servers, topic).values())
    if written != count:
        message = f"{written} of {count} records were written to {topic}"
        raise RuntimeError(message)
    return count


def fill_at_pace(
    bootstrap_servers: str, topic: str, records: Sequence[Record], *, per_second: float
) -> list[float]:
    """Write so many a second, and return when each was appended, in epoch seconds, as its timestamp says."""
    producer = Producer({"bootstrap.servers": bootstrap_servers, **_PROMPTLY})
    began = time.monotonic()
    appended: list[float] = []
    while len(appended) < len(records):
        due = min(len(records), 1 + int((time.monotonic() - began) * per_second))
        for record in records[len(appended) : due]:
            now_ms = int(time.time() * 1000)
            _produce(producer, topic, record, timestamp_ms=now_ms)
            appended.append(now_ms / 1000)
        producer.poll(_TICK_SECONDS)
    left = producer.flush(_FLUSH_SECONDS)
    if left:
        message = f"Kafka did not take {left} records"
        raise RuntimeError(message)
    return appended


def _produce(producer: Producer, topic: str, record: Record, *, timestamp_ms: int = 0) -> None:
    while True:
        try:
            producer.produce(topic, record.value, record.key, timestamp=timestamp_ms)
        except BufferError:
            producer.poll(_FULL_SECONDS)
        else:
            producer.poll(0)
            return
