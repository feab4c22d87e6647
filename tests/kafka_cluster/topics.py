"""Reading and writing topics from a test, on any cluster.

Every function blocks (in librdkafka, which no blocking-call check can see): a coroutine calls them with
`asyncio.to_thread`. Every function has a deadline and raises rather than answer with less than was asked for.
"""

import itertools
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
)
from confluent_kafka import TopicPartition as Place

from consumer.record import KafkaRecord

CONSUME_RECORDS = 1000
NO_PARTITION = -1
NOW = 0
_REQUEST_SECONDS = 10
T = TypeVar("T")
_serial = itertools.count()


class NewRecord(NamedTuple):
    """A record to produce; a plain tuple of the first few of these will do. No partition: the client chooses by key."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None
    timestamp_ms: int | None = None


class Written(NamedTuple):
    """Where a record was stored."""

    partition: int
    offset: int


class NotDelivered(RuntimeError):
    """Some records were not stored; the message says how many of how many, and the first reason."""


def unique_name(stem: str) -> str:
    """Return a name for a topic or group that no other test uses: a real cluster outlives the test."""
    return f"{stem}-{os.getpid()}-{next(_serial)}"


def produce(
    bootstrap_servers: str,
    topic: str,
    records: Iterable[NewRecord | tuple[Any, ...]],
    *,
    timeout_seconds: float = 30,
) -> list[Written]:
    """Produce records in this order, and return where each was stored. Raises `NotDelivered`.

    Records are sent in batches of up to 5 ms: one by one they would cost the embedded cluster a batch each.
    """
    wanted = [NewRecord(*record) for record in records]
    written: list[Written | None] = [None] * len(wanted)
    failures: list[KafkaError] = []
    deadline = time.monotonic() + timeout_seconds
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.timeout.ms": int(timeout_seconds * 1000),
            "topic.metadata.propagation.max.ms": 1000,
        }
    )

    def report(i: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(error)
        else:
            written[i] = Written(_known(message.partition()), _known(message.offset()))

    for i, record in enumerate(wanted):
        while True:
            try:
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    NO_PARTITION if record.partition is None else record.partition,
                    on_delivery=partial(report, i),
                    timestamp=record.timestamp_ms or NOW,
                    headers=list(record.headers),
                )
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    producer.flush(max(0.0, deadline - time.monotonic()))
    stored = [place for place in written if place is not None]
    if len(stored) < len(wanted):
        first = failures[0].str() if failures else "no answer in time"
        message = (
            f"{len(wanted) - len(stored)} of {len(wanted)} records not stored in {topic}: {first}"
        )
        raise NotDelivered(message)
    return stored


def consume_all(
    bootstrap_servers: str, topic: str, *, timeout_seconds: float = 30
) -> list[KafkaRecord]:
    """Read a topic from its beginning to its end as of now, in offset order within each partition.

    Committed transactions only. Leaves no group behind. Raises LookupError for a topic that does not exist, and
    TimeoutError.
    """
    deadline = time.monotonic() + timeout_seconds
    records: list[KafkaRecord] = []
    with _reader(bootstrap_servers) as consumer:
        unread = set(_partitions(consumer, topic))
        consumer.assign([Place(topic, partition, OFFSET_BEGINNING) for partition in unread])
        while unread:
            if time.monotonic() > deadline:
                message = f"read {len(records)} records; partitions {sorted(unread)} of {topic} have not ended"
                raise TimeoutError(message)
            for found in consumer.consume(CONSUME_RECORDS, 0.05):
                error = found.error()
                if error is None:
                    records.append(_record(found))
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(_known(found.partition()))
                elif error.fatal() or not error.retriable():
                    raise KafkaException(error)
    return records


def committed(
    bootstrap_servers: str, group: str, topic: str, partitions: Iterable[int]
) -> dict[int, int]:
    """Return a group's committed offsets. Partitions without one are left out."""
    with _reader(bootstrap_servers, group=group) as consumer:
        places = consumer.committed(
            [Place(topic, partition) for partition in partitions], timeout=_REQUEST_SECONDS
        )
    for place in places:
        if place.error is not None:
            raise KafkaException(place.error)
    return {place.partition: place.offset for place in places if place.offset >= 0}


def end_offsets(bootstrap_servers: str, topic: str) -> dict[int, int]:
    """Return the offset the next record of each partition will get. Raises LookupError for an unknown topic."""
    with _reader(bootstrap_servers) as consumer:
        ends = {}
        for partition in _partitions(consumer, topic):
            _, ends[partition] = consumer.get_watermark_offsets(
                Place(topic, partition), timeout=_REQUEST_SECONDS
            )
        return ends


@contextmanager
def _reader(bootstrap_servers: str, *, group: str | None = None) -> Iterator[Consumer]:
    """Yield a consumer that joins no group and commits nothing."""
    settings = {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group or f"reader-{uuid.uuid4()}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 10,
    }
    with closing(Consumer(settings)) as consumer:
        yield consumer


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    found = consumer.list_topics(topic, timeout=_REQUEST_SECONDS).topics[topic]
    if found.error is not None:
        message = f"topic {topic}: {found.error}"
        raise LookupError(message)
    return sorted(found.partitions)


def _record(message: Message) -> KafkaRecord:
    kind, timestamp_ms = message.timestamp()
    return KafkaRecord(
        topic=_known(message.topic()),
        partition=_known(message.partition()),
        offset=_known(message.offset()),
        key=message.key(),
        value=message.value(),
        headers=_headers(message),
        timestamp_ms=timestamp_ms if kind else None,
        leader_epoch=message.leader_epoch(),
    )


def _known(value: T | None) -> T:
    assert value is not None
    return value


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    headers: Any = message.headers() or ()  # typed as it may be given to a producer, text and all
    return tuple(headers)
