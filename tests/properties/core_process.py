"""The core of one process, from a record's bytes to what an upload carries, step by step in virtual time.

Pipeline, rules, lanes, guard, delivery, refusals and ledger are as they are. Kafka, LiveIntent and the hand that starts
flushes are the test's. It can be killed at any step.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from consumer.audience.batch import File, Pending
from consumer.audience.membership import AudienceKey
from consumer.choices import DeliveryAck, EventFormat
from consumer.kafka.offset_ledger import CommitOffset, Entry, PartitionId
from consumer.kafka.record_listener import RecordBatch
from consumer.liveintent.upload_parts import UploadRefused
from consumer.liveintent.uploader import Finished, PartlyFinished
from consumer.pipeline import MemoryBudget, Pipeline
from consumer.record import KafkaRecord
from consumer.segment.event_decoder import EventDecoder
from tests.properties.segment_log import CONSENT
from tests.properties.virtual_loop import VirtualLoop
from tests.segment_events import a_policy
from tests.unit.delivery.parts import (
    PARTITIONS,
    Flight,
    Parts,
    delivering,
    settled,
    withdrawing,
)

T = TypeVar("T")

AMPLE = MemoryBudget(high_bytes=10**9, low_bytes=10**9)
NEVER_BY_ITSELF = 10**6
DRAIN_SECONDS = 10.0


class Upload:
    """One flush at LiveIntent, which takes its files one after the other."""

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.audience: AudienceKey = flight.batch.audience
        self._applied: set[File] = set()
        self.done_with: set[str] = set()
        """The rows LiveIntent has."""

    @property
    def next_file(self) -> File | None:
        """The file to apply next. It is made only now: what was released meanwhile is not in it."""
        return next((file for file in self.flight.batch.files() if file not in self._applied), None)

    def apply(self, file: File) -> set[str]:
        """The rows of the file, as LiveIntent gets them."""
        self._applied.add(file)
        rows = set(self.flight.batch.rows(*file))
        self.done_with |= rows
        if self.next_file is None:
            self.flight.store()
        return rows


class Process:
    """Starts at once, owning nothing. Every method returns when nothing more can happen by itself."""

    def __init__(
        self, loop: VirtualLoop, *, audiences: Sequence[str], ack: DeliveryAck, room: int
    ) -> None:
        self._loop = loop
        self._ack = ack
        self._parts: asyncio.Future[tuple[Parts, Pipeline]] = loop.create_future()
        self._life = loop.create_task(self._live(audiences, ack, room))
        self._life.add_done_callback(self._tell_of_a_bad_start)
        self.parts, self._pipeline = self._run(self._parts)
        self._seen = 0
        self._uploads: list[Upload] = []
        self.taken: list[RecordBatch] = []
        self._pipeline.taken = self.taken.append

    def _tell_of_a_bad_start(self, life: asyncio.Task[None]) -> None:
        if not self._parts.done() and not life.cancelled() and (error := life.exception()):
            self._parts.set_exception(error)

    async def _live(self, audiences: Sequence[str], ack: DeliveryAck, room: int) -> None:
        async with delivering(
            ack=ack,
            flush_seconds=NEVER_BY_ITSELF,
            flush_rows=NEVER_BY_ITSELF,
            latest_state_members=room,
        ) as parts:
            parts.ledger.revoke(PARTITIONS)
            pipeline = Pipeline(
                decoder=EventDecoder(event_format=EventFormat.JSON, schemas=None),
                schemas=None,
                policy=a_policy(*audiences, consent_categories=[CONSENT]),
                ledger=parts.ledger,
                delivery=parts.delivery,
                withdrawing=withdrawing(parts, *audiences),
                refusals=parts.refusals,
                budget=AMPLE,
                liveintent_blocked=lambda: None,
                drain_seconds=DRAIN_SECONDS,
                metrics=parts.metrics,
                now=time.monotonic,
            )
            self._parts.set_result((parts, pipeline))
            await pipeline.run()

    # Kafka's side

    def assign(self, partition: PartitionId, assignment: int) -> None:
        """The partition is ours."""
        self._do(self._pipeline.on_assigned, [partition], assignment)

    def read(self, records: Sequence[KafkaRecord]) -> None:
        """Take one batch in, to the last record."""
        batch = RecordBatch(tuple(records), sum(record.size_bytes for record in records))
        self._do(self._pipeline.on_records, batch)
        assert self.taken[-1] is batch, "the batch was not taken"

    def revoke(self, partition: PartitionId) -> Sequence[CommitOffset]:
        """What is to be committed last, once the drain is over."""
        return self._run(self._pipeline.on_revoked([partition]))

    def lose(self, partition: PartitionId) -> None:
        """Somebody else owns it already."""
        self._do(self._pipeline.on_lost, [partition])

    def kill(self) -> None:
        """End it without a word."""
        self._life.cancel()
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._life)

    # LiveIntent's side

    def flush(self) -> None:
        """Send what waits, in every lane that may."""
        self._do(self.parts.delivery.press)
        self.parts.delivery.relax()

    @property
    def uploads(self) -> list[Upload]:
        """Those under way, the oldest first."""
        self._uploads += [Upload(flight) for flight in self.parts.uploader.flights[self._seen :]]
        self._seen = len(self.parts.uploader.flights)
        self._uploads = [each for each in self._uploads if not each.flight.result.done()]
        return self._uploads

    def finish(self, upload: Upload) -> None:
        """LiveIntent is done with all of it."""
        self._do(upload.flight.end, Finished())

    def refuse(self, upload: Upload) -> None:
        """LiveIntent will never take the files it has not got yet."""
        refused, rows = UploadRefused("never"), frozenset(upload.done_with)
        self._do(upload.flight.end, PartlyFinished(refused, rows) if rows else refused)

    def let_dead_letters_through(self, is_open: bool) -> None:
        """Kafka takes dead letters, or does not for now."""
        gate = self.parts.writer.open
        self._do(gate.set if is_open else gate.clear)

    # What can be seen

    def changes(self) -> list[Pending[Entry]]:
        """Those that wait or travel."""
        found = {
            id(each): each for lane in self.parts.delivery.lanes for each in lane._waiting.values()
        }
        for lane in self.parts.delivery.lanes:
            if lane.in_flight is not None:
                found.update((id(each), each) for each, _ in lane.in_flight.live())
        return list(found.values())

    def unfinished(self) -> list[Pending[Entry]]:
        """Those of them that nobody has acknowledged: by `ack`, when an upload is stored, or when it is finished."""
        stored = [each for each in self.uploads if each.next_file is None]
        gone = {id(pending) for upload in stored for pending, _ in upload.flight.batch.live()}
        is_stored_enough = self._ack is DeliveryAck.STORED
        return [each for each in self.changes() if not (is_stored_enough and id(each) in gone)]

    @property
    def dead_letters(self) -> set[tuple[PartitionId, int]]:
        """Where the records came from that Kafka has dead letters of."""
        written = (record for record, _, _ in self.parts.writer.written)
        return {(PartitionId(each.topic, each.partition), each.offset) for each in written}

    def _do(self, act: Callable[..., object], *arguments: object) -> None:
        act_and_settle = _then_settle(act, *arguments)
        self._run(act_and_settle)

    def _run(self, work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
        result = self._loop.run_until_complete(work)
        if self._life.done():
            self._life.result()
        return result


async def _then_settle(act: Callable[..., object], *arguments: object) -> None:
    act(*arguments)
    await settled()
