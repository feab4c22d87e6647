"""A record reader on the embedded cluster, a listener that remembers, and waiting without luck."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client import CollectorRegistry

from consumer.errors import SegmentLiveIntentError
from consumer.kafka.connection import KafkaConnection, consumer_properties
from consumer.kafka.first_start import FirstStartPoint
from consumer.kafka.group_lease import GroupLease
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.record_reader import IntakeLimits, RecordBatch, RecordReader
from consumer.record import KafkaRecord
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES
from consumer.settings import FirstStart
from consumer.telemetry.metrics import Metrics


class Cluster(Protocol):
    """The embedded cluster, or a real one."""

    @property
    def bootstrap_servers(self) -> str: ...


TOPIC = "events"
GROUP = "segment-liveintent"


def produce(kafka: Cluster, count: int, *, topic: str = TOPIC, partitions: int = 1) -> None:
    """Write records round-robin, each naming itself: value b"0", b"1", ..."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 5})
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=number % partitions)
    assert producer.flush(10) == 0


def committed(
    kafka: Cluster,
    partitions: Iterable[int] = (0,),
    *,
    topic: str = TOPIC,
    group: str = GROUP,
) -> list[int]:
    """What the group has committed; -1001 for nothing."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": group})
    try:
        asked = [TopicPartition(topic, partition) for partition in partitions]
        return [each.offset for each in consumer.committed(asked, timeout=5)]
    finally:
        consumer.close()


def commit_as_member(kafka: Cluster, offsets: Mapping[int, int], *, topic: str = TOPIC) -> None:
    """Commit offsets in the group's name, before it has members."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": GROUP})
    try:
        consumer.commit(
            offsets=[TopicPartition(topic, each, offset) for each, offset in offsets.items()],
            asynchronous=False,
        )
    finally:
        consumer.close()


async def until(condition: Callable[[], object], *, seconds: float = 45.0, why: str = "") -> None:
    """Wait for the condition; fails by name when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why or "the condition did not come true"
        await asyncio.sleep(0.005)


async def until_committed(
    kafka: Cluster, *offsets: int, topic: str = TOPIC, group: str = GROUP
) -> None:
    """Wait until the group has committed these offsets for partitions 0, 1, ..."""
    deadline = time.monotonic() + 15
    found: list[int] = []
    while found != list(offsets):
        assert time.monotonic() < deadline, f"committed is {found}, not {offsets}"
        found = await asyncio.to_thread(
            committed, kafka, range(len(offsets)), topic=topic, group=group
        )


@dataclass
class Listener:
    """Remembers what it was told. Takes every batch at once unless told to hold them."""

    log: list[tuple[str, object]] = field(default_factory=list)
    records: list[KafkaRecord] = field(default_factory=list)
    held: list[RecordBatch] = field(default_factory=list)
    failures: list[SegmentLiveIntentError] = field(default_factory=list)
    owned: dict[PartitionId, int] = field(default_factory=dict)
    holds: bool = False
    drain_seconds: float = 0.0
    fails_to_drain: bool = False
    taken: Callable[[RecordBatch], None] = lambda _: None
    cancelled: int = 0

    def on_assigned(self, partitions: Sequence[PartitionId], assignment: int) -> None:
        self.log.append(("assigned", list(partitions)))
        self.owned.update(dict.fromkeys(partitions, assignment))

    def on_records(self, batch: RecordBatch) -> None:
        for record in batch.records:
            partition = PartitionId(record.topic, record.partition)
            assert self.owned.get(partition) == record.assignment, (
                "a record of no assignment of ours"
            )
        self.records += batch.records
        if self.holds:
            self.held.append(batch)
        else:
            self.taken(batch)

    async def on_revoked(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        self.log.append(("revoked", list(partitions)))
        if self.fails_to_drain:
            raise ZeroDivisionError
        try:
            await asyncio.sleep(self.drain_seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        for each in partitions:
            del self.owned[each]
        return [each for each in self.finished() if PartitionId(*each[:2]) in set(partitions)]

    def on_lost(self, partitions: Sequence[PartitionId]) -> None:
        self.log.append(("lost", list(partitions)))
        for each in partitions:
            self.owned.pop(each, None)

    def on_failed(self, error: SegmentLiveIntentError) -> None:
        self.failures.append(error)

    def finished(self) -> list[CommitOffset]:
        """The offsets after the newest record of each partition."""
        newest = {(r.topic, r.partition): r for r in self.records}
        return [
            CommitOffset(r.topic, r.partition, r.next_offset, r.leader_epoch)
            for r in newest.values()
        ]

    def values(self) -> list[str]:
        return [(record.value or b"").decode() for record in self.records]

    def heard(self, what: str) -> int:
        return sum(kind == what for kind, _ in self.log)


@dataclass
class Member:
    """One reader with its listener and metrics."""

    reader: RecordReader
    listener: Listener
    metrics: Metrics

    def metric(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(f"segment_liveintent_{name}", labels)
        return 0.0 if value is None else value


@asynccontextmanager
async def reading(
    kafka: Cluster,
    *,
    topics: Sequence[str] = (TOPIC,),
    group: str = GROUP,
    first_start: FirstStartPoint | None = FirstStart.EARLIEST,
    listener: Listener | None = None,
    drain_seconds: float = 1.0,
    limits: IntakeLimits | None = None,
    **properties: str,
) -> AsyncIterator[Member]:
    """A started reader, stopped at the end. Properties are given with _ for the dots."""
    own = {name.replace("_", "."): value for name, value in properties.items()}
    # The mock lets members of a group rejoin until a second before the session ends.
    quick = {**CONSUMER_PROPERTIES, "session.timeout.ms": "1500"}
    connection = KafkaConnection(kafka.bootstrap_servers, group, properties={**quick, **own})
    listener = listener or Listener()
    metrics = Metrics(CollectorRegistry())
    reader = RecordReader(
        lease=GroupLease(seconds=10.0),
        properties=consumer_properties(connection),
        topics=topics,
        first_start=first_start,
        listener=listener,
        loop=asyncio.get_running_loop(),
        metrics=metrics,
        drain_seconds=drain_seconds,
        limits=limits or IntakeLimits(),
    )
    listener.taken = reader.taken
    reader.start()
    try:
        yield Member(reader, listener, metrics)
    finally:
        await reader.stop([], commit_seconds=1.0)
