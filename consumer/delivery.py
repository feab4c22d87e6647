"""Lanes to LiveIntent: flushes what is due, one flush per lane, and tells the ledger what came of it."""

import asyncio
import sys
from collections.abc import Callable, Collection

import structlog

from consumer.audience.batch import AudienceBatch
from consumer.audience.lane import Lane, Settled
from consumer.audience.lanes import Lanes
from consumer.audience.membership import AudienceKey, MembershipChange
from consumer.choices import DeliveryAck
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.kafka.record_spans import places_of
from consumer.kafka.record_weight import CHANGE_BYTES, UNFINISHED_BYTES
from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.send_results import (
    Finished,
    NobodyToRemove,
    PartlyFinished,
    SendResult,
)
from consumer.liveintent.upload_parts import UploadRefused
from consumer.liveintent.uploader import Uploader
from consumer.record import Delivered, Ignored, IgnoreReason, Rejected, RejectReason, source_of
from consumer.refusals import Refusals
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.tracing import NO_TRACING, OUTCOME, Tracing, span_here

log = structlog.get_logger(__name__)

_DELIVERED = Delivered()
_NOBODY_TO_REMOVE = Ignored(IgnoreReason.NOBODY_TO_REMOVE)


class Delivery:
    """Owns every flush. A change that is accepted ends in the ledger, or is released with its partition."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        lanes: Lanes[Entry],
        uploader: Uploader,
        ledger: OffsetLedger,
        refusals: Refusals,
        ack: DeliveryAck,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
        tasks: asyncio.TaskGroup,
        now: Callable[[], float],
        room: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:
        """`room` tells how many more flushes may set out now; who calls `look_for_room` says that it has grown."""
        self.lanes = lanes
        self._room = room
        self._uploader = uploader
        self._ledger = ledger
        self._refusals = refusals
        self._ack = ack
        self._metrics = metrics
        self._tracing = tracing
        self._tasks = tasks
        self._now = now
        self._wake = asyncio.Event()
        self._flush_over = asyncio.Event()
        self._starting = True
        self._pressed = False
        self._evictions_counted = 0
        # Made when it is first asked for, and good until a flush starts or ends: a status asks for every partition.
        self._carriers: dict[int, AudienceKey] | None = None
        self.refused: dict[AudienceKey, str] = {}
        """Why LiveIntent refused an audience's last batch, until one of it goes through."""

    @property
    def busy(self) -> bool:
        """Whether any flush is under way."""
        return bool(self.lanes.flying)

    def waits_for(self, entry: Entry) -> str:
        """What an unfinished record waits for, as the end of "it waits for ..."."""
        if (audience := self._carrier_of(entry)) is not None:
            activity = self._uploader.activity_of(audience)
            awaits = "its turn" if activity is None else activity.stage.awaits
            return f"the upload of {audience}, which waits for {awaits}"
        if entry.rejected:
            return "its dead letter to be written"
        if not entry.started:
            return "its turn"
        # Where there is room, only the time of the flush is waited for.
        return "its audience's next flush" if self._room() > 0 else "its audience's turn to be sent"

    def accept(self, change: MembershipChange, entry: Entry) -> None:
        """Put one change, a part of the entry's record, into its lane."""
        self._settle(self.lanes.offer(change, entry, now=self._now()))
        self._wake.set()

    def leave(self, entry: Entry, reason: IgnoreReason) -> None:
        """One change of the entry's record is not to be sent."""
        self._settle([(entry, reason)])

    def withhold(self, change: MembershipChange) -> None:
        """Take note of an ADD that consent refused; its record is counted by the caller."""
        self._settle(self.lanes.withhold(change))
        self._count_evictions()

    def press(self) -> None:
        """Memory is short: flush what waits without waiting for its time."""
        self._pressed = True
        self._wake.set()

    def relax(self) -> None:
        """Memory is no longer short."""
        self._pressed = False

    async def run(self) -> None:
        """Flush lanes as they become due, until cancelled."""
        while True:
            self._wake.clear()
            self._start_flushes()
            try:
                async with asyncio.timeout(self._wait_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def look_for_room(self) -> None:
        """There may be room for one more flush."""
        self._wake.set()

    def _start_flushes(self) -> None:
        """Start those that have waited longest, as many as there is room for.

        The others go on waiting, and what comes for them meanwhile goes with them: the busier LiveIntent is, the fewer and
        the larger are the files.
        """
        now, room = self._now(), self._room() if self._starting else 0
        while room > 0:
            lane = self.lanes.first_waiting() if self._pressed else self.lanes.first_due(now=now)
            if lane is None:
                return
            batch = self.lanes.take(lane, now=now)
            self._carriers = None
            self._tasks.create_task(self._flush(lane, batch))
            room -= 1

    def _wait_seconds(self) -> float | None:
        """How long nothing can become due, unless somebody wakes us; None for ever."""
        next_due = self.lanes.next_due()
        if next_due is None or not self._starting or self._room() <= 0:
            return None
        return max(0.0, next_due - self._now())

    def stop_starting(self) -> None:
        """Start no further flush; those under way go on."""
        self._starting = False

    async def release(self, partitions: Collection[PartitionId], *, drain_seconds: float) -> None:
        """Let go of everything that came from these partitions, which are about to leave us.

        What waits is given up at once. What is in flight and not acknowledged gets `drain_seconds` to finish.
        """
        self.lanes.release(lambda entry: entry.partition in partitions)
        await self._flights_over(
            lambda entry: _is_unfinished(entry) and entry.partition in partitions, drain_seconds
        )
        self.let_go(partitions)

    def let_go(self, partitions: Collection[PartitionId]) -> None:
        """Leave everything from these partitions out of every file still to be made, from now on.

        Otherwise a file that is sent late, after an outage, could undo what the partition's new owner has sent. Nor is
        what we have sent ourselves any news of how LiveIntent stands once they come back.
        """

        def belongs(entry: Entry) -> bool:
            return entry.partition in partitions

        self.lanes.release(belongs)
        self.lanes.latest.forget(source_of(*each) for each in partitions)
        self._carriers = None
        for lane in self.lanes.flying:
            if lane.in_flight is not None and lane.in_flight.carries(belongs):
                lane.in_flight.release(belongs)
                self._uploader.interrupt(lane.audience)

    def take_over(self) -> None:
        """Partitions of others became ours; what they have under way at LiveIntent is waited for."""
        self._uploader.look_again()

    async def drain(self, *, drain_seconds: float) -> bool:
        """Wait for the flushes under way that records wait for, at most so long. Whether all came to an end."""
        return await self._flights_over(_is_unfinished, drain_seconds)

    async def _flights_over(self, belongs: Callable[[Entry], bool], drain_seconds: float) -> bool:
        try:
            async with asyncio.timeout(drain_seconds):
                while any(
                    lane.in_flight is not None and lane.in_flight.carries(belongs)
                    for lane in self.lanes.flying
                ):
                    self._flush_over.clear()
                    await self._flush_over.wait()
        except TimeoutError:
            return False
        return True

    async def _flush(self, lane: Lane[Entry], batch: AudienceBatch[Entry]) -> None:
        with self._tracing.flush(batch.audience, lambda: places_of(batch.parts())):
            await self._send(lane, batch)

    async def _send(self, lane: Lane[Entry], batch: AudienceBatch[Entry]) -> None:
        acknowledged, held_bytes = False, 0

        def on_stored() -> None:
            nonlocal acknowledged, held_bytes
            self._metrics.change_stored_seconds.observe(self._now() - batch.waiting_since)
            if self._ack is DeliveryAck.STORED:
                acknowledged = True
                # Its records will be finished, and its changes still here: LiveIntent may ask for the file again.
                held_bytes = len(batch.parts()) * (UNFINISHED_BYTES + CHANGE_BYTES)
                self._ledger.pending_bytes += held_bytes
                self._succeed(lane, batch)

        try:
            result = await self._uploader.send(batch, on_stored=on_stored)
            span_here().note({OUTCOME: type(result).__name__})
            self._end(lane, batch, result, acknowledged=acknowledged)
        finally:
            self.lanes.end_flush(lane)
            self._carriers = None
            self._ledger.pending_bytes -= held_bytes
            self._flush_over.set()
            self._wake.set()

    def _end(
        self,
        lane: Lane[Entry],
        batch: AudienceBatch[Entry],
        result: SendResult,
        *,
        acknowledged: bool,
    ) -> None:
        match result:
            case Finished():
                if not acknowledged:
                    self._succeed(lane, batch)
            case NobodyToRemove():
                # As good as removed: an older ADD that comes late is stale, and a newer one creates the audience.
                self._conclude(lane, batch, _NOBODY_TO_REMOVE)
            case PartlyFinished(refused, rows):
                done, left = batch.divided(rows)
                if not acknowledged:
                    self._succeed(lane, done)
                self._fail(left, refused, acknowledged=acknowledged)
            case AudienceRefused() | UploadRefused():
                self._fail(batch, result, acknowledged=acknowledged)

    def _succeed(self, lane: Lane[Entry], batch: AudienceBatch[Entry]) -> None:
        self._conclude(lane, batch, _DELIVERED)

    def _conclude(
        self, lane: Lane[Entry], batch: AudienceBatch[Entry], outcome: Delivered | Ignored
    ) -> None:
        lane.remember(batch)
        self._count_evictions()
        self.refused.pop(batch.audience, None)
        self._metrics.lanes_refused.set(len(self.refused))
        parts = batch.parts()
        for entry in parts:
            self._ledger.finish(entry, outcome)
        label = outcome.reason if isinstance(outcome, Ignored) else "delivered"
        self._metrics.changes_finished.labels(label).inc(len(parts))

    def _fail(
        self,
        batch: AudienceBatch[Entry],
        refused: AudienceRefused | UploadRefused,
        *,
        acknowledged: bool,
    ) -> None:
        is_audience = isinstance(refused, AudienceRefused)
        reason = RejectReason.AUDIENCE_REFUSED if is_audience else RejectReason.UPLOAD_REFUSED
        rejected = Rejected(reason, refused.detail, batch.audience)
        span_here().failed(type(refused).__name__)
        self.refused[batch.audience] = rejected.detail
        self._metrics.lanes_refused.set(len(self.refused))
        if acknowledged:
            # DELIVERY_ACK=stored gave the records away when LiveIntent had the bytes. All that is left is to say so.
            log.error(
                "LiveIntent refused an upload after it was acknowledged as stored; its changes are lost there.",
                audience=batch.audience, rows=len(batch), detail=rejected.detail,
            )  # fmt: skip
            return
        parts = batch.parts()
        self._metrics.changes_finished.labels(rejected.reason).inc(len(parts))
        self._refusals.refuse_together(parts, rejected, stage="upload")

    def _carrier_of(self, entry: Entry) -> AudienceKey | None:
        """The audience whose flush under way carries a part of the entry; of several, the longest under way."""
        if self._carriers is None:
            self._carriers = {}
            for lane in self.lanes.flying:
                for part in lane.in_flight.parts() if lane.in_flight is not None else ():
                    self._carriers.setdefault(id(part), lane.audience)
        return self._carriers.get(id(entry))

    def _settle(self, settled: list[Settled[Entry]]) -> None:
        for entry, reason in settled:
            self._ledger.finish(entry, Ignored(reason))
            self._metrics.changes_finished.labels(reason).inc()

    def _count_evictions(self) -> None:
        evictions = self.lanes.latest.evictions
        self._metrics.latest_state_evictions.inc(evictions - self._evictions_counted)
        self._evictions_counted = evictions


def _is_unfinished(entry: Entry) -> bool:
    return entry.record is not None
