"""Delivery, refusals and the ledger as they are, between an uploader and a dead-letter writer that tests control."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from prometheus_client import CollectorRegistry

from consumer.audience.batch import AudienceBatch
from consumer.audience.lanes import FlushPolicy, Lanes
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import AudienceKey, MembershipChange
from consumer.choices import DeliveryAck
from consumer.delivery import Delivery
from consumer.kafka.dead_letters import DeadLetterLimit
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.liveintent.uploader import Activity, SendResult, Uploader
from consumer.privacy_delivery import PrivacyDelivery
from consumer.record import KafkaRecord, Rejected
from consumer.refusals import Refusals
from consumer.telemetry.metrics import Metrics
from consumer.withdrawing import Withdrawing
from tests.builders import a_record

PARTITIONS = (PartitionId("events", 0), PartitionId("events", 1))


@dataclass
class Flight:
    """One batch on its way, until a test says how it ends."""

    batch: AudienceBatch[Entry]
    store: Callable[[], None]
    result: asyncio.Future[SendResult]

    def end(self, result: SendResult) -> None:
        self.result.set_result(result)


class ScriptedUploader:
    """Takes every batch, and leaves the rest to the test."""

    def __init__(self) -> None:
        self.flights: list[Flight] = []
        self.activity: dict[AudienceKey, Activity] = {}
        self.interrupted: list[AudienceKey] = []
        self.looks_again = 0

    def activity_of(self, audience: AudienceKey) -> Activity | None:
        return self.activity.get(audience)

    def interrupt(self, audience: AudienceKey) -> None:
        self.interrupted.append(audience)

    def look_again(self) -> None:
        self.looks_again += 1

    async def send(
        self, batch: AudienceBatch[Entry], *, on_stored: Callable[[], None]
    ) -> SendResult:
        flight = Flight(batch, on_stored, asyncio.get_running_loop().create_future())
        self.flights.append(flight)
        return await flight.result


@dataclass
class ScriptedWriter:
    """Keeps dead letters, writing only while it is `open`, as at first."""

    written: list[tuple[KafkaRecord, Rejected, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    sending: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    async def send(self, record: KafkaRecord, rejected: Rejected, *, stage: str) -> None:
        self.sending += 1
        await self.open.wait()
        self.written.append((record, rejected, stage))
        self.sending -= 1


@dataclass
class Parts:
    """What a test may touch."""

    delivery: Delivery
    ledger: OffsetLedger
    refusals: Refusals
    uploader: ScriptedUploader
    writer: ScriptedWriter
    metrics: Metrics

    def accept(self, *changes: MembershipChange, partition: int = 0, offset: int = 0) -> Entry:
        """One record with these changes, on its way."""
        entry = self.entry(partition=partition, offset=offset)
        entry.started = True
        self.ledger.split(entry, len(changes))
        for change in changes:
            self.delivery.accept(change, entry)
        return entry

    def entry(self, *, partition: int = 0, offset: int = 0) -> Entry:
        """One record just read."""
        entry = self.ledger.deliver(a_record(offset, partition=partition), now=0.0)
        assert entry is not None
        return entry

    def metric(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(f"segment_liveintent_{name}", labels)
        return 0.0 if value is None else value

    async def flight(self, number: int = 1) -> Flight:
        """The so-manieth batch, once it is under way."""
        await until(lambda: len(self.uploader.flights) >= number)
        return self.uploader.flights[number - 1]


def withdrawing(
    parts: Parts, *audiences: str, privacy: PrivacyDelivery | None = None
) -> Withdrawing:
    """What follows withdrawals, with these audiences listed."""
    listed = [AudienceKey(name) for name in audiences]
    return Withdrawing(
        audiences=listed, delivery=parts.delivery, privacy=privacy, metrics=parts.metrics
    )


async def until(condition: Callable[[], object], *, seconds: float = 5.0) -> None:
    """Wait until the condition holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0)


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def delivering(
    *,
    ack: DeliveryAck = DeliveryAck.FINISHED,
    flush_seconds: float = 0.0,
    flush_rows: int = 1_000,
    latest_state_members: int = 1_000,
    limit: DeadLetterLimit | None = None,
    room: Callable[[], int] = lambda: 1_000,
) -> AsyncIterator[Parts]:
    """Delivery at work on both partitions. Errors of its tasks come out in an exception group."""
    metrics = Metrics(CollectorRegistry())
    ledger, uploader, writer = OffsetLedger(), ScriptedUploader(), ScriptedWriter()
    ledger.assign(PARTITIONS, 1)
    async with asyncio.TaskGroup() as tasks:
        refusals = Refusals(
            dead_letters=writer, ledger=ledger, limit=limit, tasks=tasks, now=time.monotonic
        )
        delivery = Delivery(
            lanes=Lanes(FlushPolicy(flush_seconds, flush_rows), LatestState(latest_state_members)),
            uploader=cast("Uploader", uploader),
            ledger=ledger,
            refusals=refusals,
            ack=ack,
            metrics=metrics,
            tasks=tasks,
            now=time.monotonic,
            room=room,
        )
        running = tasks.create_task(delivery.run())
        try:
            yield Parts(delivery, ledger, refusals, uploader, writer, metrics)
        finally:
            running.cancel()
            for flight in uploader.flights:
                flight.result.cancel()
