"""The whole flow on one screen.

    Kafka record -> decoded event -> membership changes -> lane (one per audience) -> batch -> hash files -> uploads
         |               |                  |                                                        |
         |            rejected           ignored                                            finished | refused
         +--------------- offset ledger <--- every outcome, per record part <-----------------------+--> dead letters
                              |
                           commit lowest unfinished

Records come in from the reader's thread in batches. Each opens an entry in the ledger at once, so that the books know of
it, and then waits here for its turn. The turn waits while memory is used up or LiveIntent cannot be called; the
reader notices that its batches are not taken, pauses, and keeps polling. A record whose schema is not known yet holds up
the later ones of its own partition only.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from consumer.audience.membership import MembershipChange
from consumer.delivery import Delivery
from consumer.direct_delivery import SWITCHED_OFF, DirectDelivery, NoDirectCalls
from consumer.errors import SegmentLiveIntentError
from consumer.judging import Judge, Judged, in_portions
from consumer.kafka.offset_ledger import CommitOffset, Entry, OffsetLedger, PartitionId
from consumer.kafka.parking import Parking, Wait
from consumer.kafka.record_reader import RecordBatch
from consumer.kafka.record_spans import trace_record
from consumer.record import Ignored, IgnoreReason
from consumer.refusals import Refusals
from consumer.segment.direct_call_record import DirectReading
from consumer.segment.event_decoder import RecordDecoder, SchemaNeeded
from consumer.segment.framing import SchemaRef
from consumer.segment.membership_rules import MembershipPolicy
from consumer.segment.record_reading import RecordReading
from consumer.segment.schemas import Schemas
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.tracing import NO_TRACING, Tracing
from consumer.withdrawing import Withdrawing

_LOOK_AGAIN_SECONDS = 0.05
_PRESSED_SHARE = 0.5  # what of the memory budget is used when flushes stop to wait for their time
_MEMORY = "memory"
_PARKED_SHARE = 0.25  # what of the memory budget goes on at once after waiting for a schema
PARKED_TURNS: Final = 100
"""Of records that waited for a schema, before the event loop has its next turn: some 5 ms."""


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """What unfinished records may weigh. Intake stops above `high_bytes` and goes on below `low_bytes`.

    Beyond it goes what is read ahead (`IntakeLimits`, and the last read), and the changes of one record, or of a quarter of
    those that waited for a schema.
    """

    high_bytes: int
    low_bytes: int


class Pipeline:
    """Listens to the record reader and walks every record to an outcome. Lives on the event loop."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        decoder: RecordDecoder,
        schemas: Schemas | None,
        policy: MembershipPolicy,
        ledger: OffsetLedger,
        delivery: Delivery,
        withdrawing: Withdrawing,
        direct: DirectDelivery | NoDirectCalls = SWITCHED_OFF,
        refusals: Refusals,
        budget: MemoryBudget,
        liveintent_blocked: Callable[[], str | None],
        drain_seconds: float,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
        now: Callable[[], float],
    ) -> None:
        self._judge = Judge(decoder, policy)
        self._schemas = schemas
        self._ledger = ledger
        self._delivery = delivery
        self._withdrawing = withdrawing
        self._direct = direct
        self._refusals = refusals
        self._budget = budget
        self._liveintent_blocked = liveintent_blocked
        self._drain_seconds = drain_seconds
        self._metrics = metrics
        self._tracing = tracing
        self._now = now
        self._arrived: deque[tuple[RecordBatch, list[Entry]]] = deque()
        self._arrival = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.parking = Parking(turn=self._turn, between=self._room_for_parked, failed=self._fail)
        self.taken: Callable[[RecordBatch], None] = lambda _: None
        self.admits: Callable[[MembershipChange], bool] = lambda _: True
        self.ever_assigned = False
        self.records_without_key = 0
        self._started_bytes = 0
        self._parked_turns = 0
        self.blocked: str | None = None

    # The reader's side

    def on_assigned(self, partitions: Sequence[PartitionId], assignment: int) -> None:
        """Open the partitions' books."""
        self.ever_assigned = True
        self._ledger.assign(partitions, assignment)
        self._delivery.take_over()

    def on_records(self, batch: RecordBatch) -> None:
        """Enter every record into the ledger, and queue the batch for its turn."""
        now = self._now()
        entries = [
            entry
            for record in batch.records
            if (entry := self._ledger.deliver(record, now=now)) is not None
        ]
        self.records_without_key += sum(record.key is None for record in batch.records)
        self._arrived.append((batch, entries))
        self._arrival.set()

    async def on_revoked(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        """Let in-flight work of the partitions finish for a bounded time; gives what is to be committed last."""
        owned = set(partitions)
        self._ledger.stop_taking(owned)
        self.parking.forget(owned)
        await asyncio.gather(
            self._withdrawing.release(owned, drain_seconds=self._drain_seconds),
            self._direct.release(owned, drain_seconds=self._drain_seconds),
        )
        return self._ledger.revoke(owned)

    def on_lost(self, partitions: Sequence[PartitionId]) -> None:
        """Fence the partitions, which somebody else may own by now: nothing is committed."""
        self._ledger.revoke(partitions)
        self.parking.forget(partitions)
        self._withdrawing.let_go(set(partitions))
        self._direct.let_go(partitions)

    def on_failed(self, error: SegmentLiveIntentError) -> None:
        """End `run` with this error, and so the process."""
        self._fail(error)

    def waits_for(self, entry: Entry) -> str:
        """What an unfinished record waits for, as the end of "it waits for ..."."""
        if self.parking.holds(entry.partition) and not entry.started:
            return "a schema"
        return self._direct.waits_for(entry) or self._withdrawing.waits_for(entry)

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
            self.parking.close()

    async def _take_batches(self) -> None:
        while True:
            self._arrival.clear()
            while self._arrived:
                await self._room()
                await self._take(*self._arrived[0])
                self._arrived.popleft()
                # Decoding holds the loop for some milliseconds a batch; let everyone else have a turn.
                await asyncio.sleep(0)
            await self._arrival.wait()

    async def _take(self, batch: RecordBatch, entries: Sequence[Entry]) -> None:
        # A method of its own: a variable of the loop would keep the last batch's records until there is a next one.
        for some in in_portions(entries):
            judged = self._judge.judge_together(some, self.parking.holds)
            for entry, what in zip(some, judged, strict=True):
                # What changes weigh is known only as they are made, and one record may make many.
                if self._ledger.pending_bytes > self._budget.high_bytes:
                    await self._room()
                if self.parking.holds(entry.partition):
                    self.parking.add(entry)
                # Not judged: it was behind one that waited for a schema, and does not any more.
                elif (wait := self._go(entry, what or self._judge.judge(entry))) is not None:
                    self.parking.park(entry, wait)
                if self._withdrawing.is_behind:
                    await self._withdrawing.catch_up()
        self.taken(batch)

    def _turn(self, entry: Entry) -> Wait | None:
        """The turn of a record that waited for a schema. Gives what must be waited for next, if anything must."""
        return self._go(entry, self._judge.judge(entry))

    def _go(self, entry: Entry, what: Judged | SchemaNeeded | None) -> Wait | None:
        """One record's way; whatever happens, the ledger hears of it. Or what must be waited for first."""
        record = entry.record
        if record is None or not entry.wanted or what is None:
            return None  # its partition was taken away while it waited
        if isinstance(what, SchemaNeeded):
            return partial(self._load, what.ref)
        entry.started = True
        self._started_bytes += entry.weight_bytes
        self._follow(entry, what.read, self._direct.asked_by(what.events, what.origin))
        if self._tracing.on:
            trace_record(self._tracing, record, entry, now=self._now())
        return None

    async def _load(self, ref: SchemaRef) -> None:
        if self._schemas is None:
            raise RuntimeError("a format with schemas was configured without a place to find them")
        await self._schemas.load(ref)

    def _follow(self, entry: Entry, read: RecordReading, direct: DirectReading) -> None:
        self._note(read)
        asked = self._withdrawing.asked_by(read)
        changes = [change for change in read.changes if self.admits(change)]
        ignored = [*direct.reasons(read.ignored), *asked.ignored]
        if len(changes) < len(read.changes):
            ignored.append(IgnoreReason.NOT_REPLAYED)
        rejected = read.rejected or asked.rejected or direct.rejected
        parts = len(changes) + asked.parts + len(direct.calls) + (rejected is not None)
        events, more_bytes = read.events_with_changes, direct.size_bytes
        self._ledger.split(entry, parts or 1, ignored, events=events, more_bytes=more_bytes)
        if rejected is not None:
            # The dead letter holds the whole record; what its other events ask for is sent all the same.
            self._refusals.refuse(entry, rejected, stage=read.stage)
        for change in changes:
            self._delivery.accept(change, entry)
        self._withdrawing.follow(asked, entry, admits=self.admits)
        for call in direct.calls:
            self._direct.accept(call, entry)
        if not parts:
            self._ledger.finish(entry, Ignored(ignored[0]))

    def _note(self, read: RecordReading) -> None:
        for note in read.notes:
            self._metrics.event_notes.labels(note).inc()
        for change in read.withheld:
            self._delivery.withhold(change)

    # Back pressure

    async def _room(self) -> None:
        """Wait until there is memory for more and LiveIntent can be called."""
        if self._ledger.pending_bytes > self._budget.high_bytes:
            self._delivery.press()
            while self._ledger.pending_bytes > self._budget.low_bytes and self._is_more_than(
                self._queued()
            ):
                self._block(_MEMORY)
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        if self._ledger.pending_bytes > self._budget.high_bytes * _PRESSED_SHARE:
            # Well before memory is short: so reading need not stop until the uploads are done.
            self._delivery.press()
        else:
            self._delivery.relax()
        while (reason := self._liveintent_blocked()) is not None:
            self._block(reason)
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        self._block(None)

    async def _room_for_parked(self) -> None:
        """The same for records that waited for a schema, which may fill the memory all by themselves.

        A share of it goes on at a time: with one record at a time, each would be an upload of its own.
        """
        self._parked_turns += 1
        if self._parked_turns % PARKED_TURNS == 0:
            await asyncio.sleep(0)
        if self._withdrawing.is_behind:
            await self._withdrawing.catch_up()
        if self._started_bytes > self._budget.high_bytes * _PARKED_SHARE:
            while self._ledger.pending_bytes > self._budget.high_bytes and self._is_more_than(
                self._queued() + self.parking.records
            ):
                self._delivery.press()
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            self._started_bytes = 0
            if self.blocked != _MEMORY:
                self._delivery.relax()

    def _block(self, reason: str | None) -> None:
        if reason == self.blocked:
            return
        if self.blocked is not None:
            self._metrics.intake_blocked.labels(self.blocked).set(0)
        if reason is not None:
            self._metrics.intake_blocked.labels(reason).set(1)
        self.blocked = reason

    def _is_more_than(self, waiting: int) -> bool:
        """Whether anything but these records, which wait here, takes memory: if not, only going on makes room."""
        return self._delivery.busy or self._ledger.books.pending > waiting

    def _queued(self) -> int:
        return sum(
            entry.record is not None and not entry.started
            for _, entries in self._arrived
            for entry in entries
        )

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
