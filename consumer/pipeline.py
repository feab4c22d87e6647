"""The whole flow on one screen.

    Kafka record -> decoded event -> membership changes -> lane (one per audience) -> batch -> hash files -> uploads
         |               |                  |                                                        |
         |            rejected           ignored                                            finished | refused
         +--------------- offset ledger <--- every outcome, per record part <-----------------------+--> dead letters
                              |
                           commit lowest unfinished

Records come in from the reader's thread in batches. Each opens an entry in the ledger at once, so that the books know of
it, and then waits here for its turn. The turn waits while memory is used up or LiveIntent cannot be called; the
reader notices that its batches are not taken, pauses, and keeps polling.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from consumer.delivery import Delivery
from consumer.errors import SegmentLiveIntentError
from consumer.kafka.offset_ledger import CommitOffset, Entry, OffsetLedger, PartitionId
from consumer.kafka.record_reader import RecordBatch
from consumer.record import Ignored, KafkaRecord, Rejected, RejectReason
from consumer.refusals import Refusals
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.membership_rules import MembershipPolicy, Origin, Reading, read_changes
from consumer.segment.schemas import Schemas
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LOOK_AGAIN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """What unfinished records may weigh. Intake stops above `high_bytes` and goes on below `low_bytes`."""

    high_bytes: int
    low_bytes: int


class Pipeline:
    """Listens to the record reader and walks every record to an outcome. Lives on the event loop."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        decoder: EventDecoder,
        schemas: Schemas | None,
        policy: MembershipPolicy,
        ledger: OffsetLedger,
        delivery: Delivery,
        refusals: Refusals,
        budget: MemoryBudget,
        liveintent_blocked: Callable[[], str | None],
        drain_seconds: float,
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._decoder = decoder
        self._schemas = schemas
        self._policy = policy
        self._ledger = ledger
        self._delivery = delivery
        self._refusals = refusals
        self._budget = budget
        self._liveintent_blocked = liveintent_blocked
        self._drain_seconds = drain_seconds
        self._metrics = metrics
        self._now = now
        self._arrived: deque[tuple[RecordBatch, list[Entry]]] = deque()
        self._arrival = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.taken: Callable[[RecordBatch], None] = lambda _: None
        self.ever_assigned = False
        self.blocked: str | None = None

    # The reader's side

    def on_assigned(self, partitions: Sequence[PartitionId], assignment: int) -> None:
        """Open the partitions' books."""
        self.ever_assigned = True
        self._ledger.assign(partitions, assignment)

    def on_records(self, batch: RecordBatch) -> None:
        """Enter every record into the ledger, and queue the batch for its turn."""
        now = self._now()
        entries = [
            entry
            for record in batch.records
            if (entry := self._ledger.deliver(record, now=now)) is not None
        ]
        self._arrived.append((batch, entries))
        self._arrival.set()

    async def on_revoked(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        """Let in-flight work of the partitions finish for a bounded time; gives what is to be committed last."""
        owned = set(partitions)
        self._ledger.stop_taking(owned)
        await self._delivery.release(owned, drain_seconds=self._drain_seconds)
        return self._ledger.revoke(owned)

    def on_lost(self, partitions: Sequence[PartitionId]) -> None:
        """Fence the partitions, which somebody else may own by now: nothing is committed."""
        self._ledger.revoke(partitions)
        self._delivery.let_go(set(partitions))

    def on_failed(self, error: SegmentLiveIntentError) -> None:
        """End `run` with this error, and so the process."""
        if not self._failure.done():
            self._failure.set_exception(error)

    # The way of a record

    async def run(self) -> None:
        """Take batches in their order of arrival, until cancelled. Raises what `on_failed` was told."""
        intake = asyncio.ensure_future(self._take_batches())
        try:
            await asyncio.wait({intake, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            for task in (self._failure, intake):
                if task.done():
                    task.result()
        finally:
            intake.cancel()

    async def _take_batches(self) -> None:
        while True:
            self._arrival.clear()
            while self._arrived:
                await self._room()
                batch, entries = self._arrived.popleft()
                for entry in entries:
                    if entry.record is not None and entry.wanted:
                        await self._walk(entry, entry.record)
                self.taken(batch)
                # Decoding holds the loop for some milliseconds a batch; let everyone else have a turn.
                await asyncio.sleep(0)
            await self._arrival.wait()

    async def _walk(self, entry: Entry, record: KafkaRecord) -> None:
        """One record's way; whatever happens, the ledger hears of it."""
        entry.started = True
        event = await self._decoded(record)
        if not entry.wanted:
            return  # its partition was taken away while we waited for a schema
        match event:
            case Ignored():
                self._ledger.finish(entry, event)
            case Rejected():
                self._refusals.refuse(entry, event, stage="decode")
            case SegmentEvent():
                match self._read(event, record):
                    case Rejected() as rejected:
                        self._refusals.refuse(entry, rejected, stage="rules")
                    case Reading() as reading:
                        self._follow(entry, reading)

    def _follow(self, entry: Entry, reading: Reading) -> None:
        for note in reading.notes:
            self._metrics.event_notes.labels(note).inc()
        for change in reading.withheld:
            self._delivery.withhold(change)
        if reading.changes:
            self._ledger.split(entry, len(reading.changes), reading.ignored)
            for change in reading.changes:
                self._delivery.accept(change, entry)
        else:
            self._ledger.split(entry, 1, reading.ignored)
            self._ledger.finish(entry, Ignored(reading.ignored[0]))

    async def _decoded(self, record: KafkaRecord) -> SegmentEvent | Ignored | Rejected:
        decoded = self._decoder.decode(record)
        while isinstance(decoded, SchemaNeeded):
            if self._schemas is None:
                message = "a format with schemas was configured without a place to find them"
                raise RuntimeError(message)
            self._block("schema_registry")
            await self._schemas.load(decoded.ref)
            self._block(None)
            decoded = self._decoder.decode(record)
        return decoded

    def _read(self, event: SegmentEvent, record: KafkaRecord) -> Reading | Rejected:
        origin = Origin(
            source=f"{record.topic}-{record.partition}",
            offset=record.offset,
            record_time_us=None if record.timestamp_ms is None else record.timestamp_ms * 1000,
        )
        try:
            return read_changes(event, self._policy, origin)
        except Exception as error:  # noqa: BLE001 - a bug in a rule must cost one record, not the partition
            log.error(  # noqa: TRY400 - a traceback's last line may quote the event
                "A membership rule failed on an event; this is a bug in this program.",
                error=type(error).__name__, topic=record.topic, partition=record.partition, offset=record.offset,
            )  # fmt: skip
            return Rejected(
                RejectReason.INVALID_EVENT, f"a membership rule failed with {type(error).__name__}"
            )

    # Back pressure

    async def _room(self) -> None:
        """Wait until there is memory for another batch and LiveIntent can be called."""
        if self._ledger.pending_bytes > self._budget.high_bytes:
            self._delivery.press()
            while (
                self._ledger.pending_bytes > self._budget.low_bytes and self._is_more_than_queued()
            ):
                self._block("memory")
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            self._delivery.relax()
        while (reason := self._liveintent_blocked()) is not None:
            self._block(reason)
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        self._block(None)

    def _block(self, reason: str | None) -> None:
        if reason == self.blocked:
            return
        if self.blocked is not None:
            self._metrics.intake_blocked.labels(self.blocked).set(0)
        if reason is not None:
            self._metrics.intake_blocked.labels(reason).set(1)
        self.blocked = reason

    def _is_more_than_queued(self) -> bool:
        """Whether anything but the queue here is unfinished: if not, only going on makes room."""
        queued = sum(entry.record is not None for _, entries in self._arrived for entry in entries)
        return self._ledger.books.pending > queued
