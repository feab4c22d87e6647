import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest

from consumer import pipeline as pipeline_module
from consumer.choices import EventFormat
from consumer.errors import KafkaFatal, SegmentLiveIntentError
from consumer.kafka.record_listener import RecordBatch
from consumer.kafka.record_weight import CHANGE_BYTES, EVENT_BYTES, UNFINISHED_BYTES
from consumer.liveintent.uploader import Finished
from consumer.pipeline import MemoryBudget, Pipeline
from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.segment_encoders import (
    as_avro_confluent,
    as_avro_container,
    segment_event_schema,
)
from consumer.segment import record_reading
from consumer.segment.event_decoder import EventDecoder
from consumer.segment.framing import SchemaRef
from consumer.segment.schemas import (
    LoadedSchema,
    RefusedSchema,
    Schemas,
    UnknownSchema,
    load_schema,
)
from consumer.withdrawing import REMOVALS_A_TURN
from tests.builders import a_record
from tests.scenarios.withdrawals import deletion
from tests.segment_events import Fields, a_policy, an_identify
from tests.unit.delivery.parts import (
    PARTITIONS,
    Parts,
    delivering,
    settled,
    until,
    withdrawing,
)

AMPLE = MemoryBudget(high_bytes=10**9, low_bytes=10**9)


@dataclass
class Piping:
    """A pipeline at work between a reader played by the test and the rest as it is."""

    pipeline: Pipeline
    parts: Parts
    taken: list[RecordBatch]

    def read(self, *values: bytes | Fields, partition: int = 0) -> RecordBatch:
        """The reader hands over one batch."""
        records = tuple(
            a_record(
                offset,
                partition=partition,
                value=value if isinstance(value, bytes) else json.dumps(value).encode(),
            )
            for offset, value in enumerate(values)
        )
        batch = RecordBatch(records, sum(record.size_bytes for record in records))
        self.pipeline.on_records(batch)
        return batch

    def read_at(self, *values: tuple[int, bytes]) -> None:
        """The reader hands over one batch of several partitions."""
        records = tuple(
            a_record(offset, partition=partition, value=value)
            for offset, (partition, value) in enumerate(values)
        )
        self.pipeline.on_records(RecordBatch(records, 1))


@asynccontextmanager
async def piping(
    *,
    budget: MemoryBudget = AMPLE,
    blocked: Callable[[], str | None] = lambda: None,
    event_format: EventFormat = EventFormat.JSON,
    schemas: Schemas | None = None,
    consent: str = "",
    flush_seconds: float = 0.0,
    listed: tuple[str, ...] = (),
) -> AsyncIterator[Piping]:
    async with delivering(flush_seconds=flush_seconds) as parts:
        taken: list[RecordBatch] = []
        pipeline = Pipeline(
            decoder=EventDecoder(event_format=event_format, schemas=schemas),
            schemas=schemas,
            policy=a_policy(consent_categories=(consent,) if consent else ()),
            ledger=parts.ledger,
            delivery=parts.delivery,
            withdrawing=withdrawing(parts, *listed),
            refusals=parts.refusals,
            budget=budget,
            liveintent_blocked=blocked,
            drain_seconds=0.01,
            metrics=parts.metrics,
            now=time.monotonic,
        )
        pipeline.taken = taken.append
        running = asyncio.create_task(pipeline.run())
        try:
            yield Piping(pipeline, parts, taken)
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_a_batch_is_taken_when_every_record_of_it_has_had_its_turn() -> None:
    async with piping() as piped:
        batch = piped.read(an_identify(), b"not an event", b"")
        await until(lambda: piped.taken)

        books = piped.parts.ledger.books
        assert piped.taken == [batch]
        assert (books.consumed, books.ignored) == (3, {IgnoreReason.TOMBSTONE: 1})
        await until(lambda: books.dead_lettered == {RejectReason.UNDECODABLE: 1})


async def test_a_rule_that_fails_costs_one_record_and_tells_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_reading, "read_changes", fails_on_ana)
    async with piping() as piped:
        piped.read(an_identify(email="ana@example.com"))
        await until(lambda: piped.parts.writer.written)

        ((_, rejected, stage),) = piped.parts.writer.written
        assert (rejected.reason, stage) == (RejectReason.INVALID_EVENT, "rules")
        assert rejected.detail == "a membership rule failed with ValueError"


async def test_records_of_a_partition_that_left_have_no_turn() -> None:
    async with piping() as piped:
        piped.read(b"not an event", partition=0)
        piped.read(b"not an event", partition=1)
        last = await piped.pipeline.on_revoked([PARTITIONS[0]])
        await until(lambda: len(piped.taken) == 2)
        await until(lambda: piped.parts.ledger.books.pending == 0)

        assert last == []
        assert [record.partition for record, _, _ in piped.parts.writer.written] == [1]
        assert piped.parts.ledger.books.released == 1


async def test_a_partition_that_was_lost_gives_up_its_records() -> None:
    async with piping() as piped:
        piped.read(an_identify())
        flight = await piped.parts.flight()
        piped.pipeline.on_lost([PARTITIONS[0]])
        flight.end(Finished())
        await until(lambda: not piped.parts.delivery.busy)

        books = piped.parts.ledger.books
        assert (books.delivered, books.released, books.pending) == (0, 1, 0)


async def test_what_the_partitions_last_owner_has_under_way_is_looked_for() -> None:
    async with piping() as piped:
        before = piped.parts.uploader.looks_again
        piped.pipeline.on_assigned([PARTITIONS[1]], 2)

        assert piped.parts.uploader.looks_again == before + 1


async def test_records_without_a_key_are_counted() -> None:
    async with piping() as piped:
        keys = (b"user-1", None, b"", None)
        records = tuple(a_record(offset, key=key) for offset, key in enumerate(keys))
        piped.pipeline.on_records(RecordBatch(records, size_bytes=0))

        assert piped.pipeline.records_without_key == 2


async def test_an_assignment_opens_the_books_and_is_remembered() -> None:
    async with piping() as piped:
        before = piped.pipeline.ever_assigned
        piped.pipeline.on_assigned([], 2)

        assert (before, piped.pipeline.ever_assigned) == (False, True)


async def test_oddities_of_an_event_are_counted() -> None:
    async with piping() as piped:
        piped.read(an_identify(timestamp="2033-01-01T00:00:00Z"))
        await until(lambda: piped.taken)

        assert piped.parts.metric("event_notes_total", note="clock_clamped") == 1


async def test_an_add_without_consent_is_ignored_and_keeps_out_an_older_one() -> None:
    async with piping(consent="Advertising") as piped:
        refused = {"categoryPreferences": {"Advertising": False}}
        newer = an_identify()
        context = newer["context"]
        assert isinstance(context, dict)
        newer["context"] = {**context, "consent": refused}
        piped.read(newer, an_identify(messageId="older", timestamp="2026-01-01T00:00:00Z"))
        await until(lambda: piped.taken)

        assert piped.parts.ledger.books.ignored == {
            IgnoreReason.NO_CONSENT: 1,
            IgnoreReason.STALE: 1,
        }


# The schema a record needs

_NO_SUCH = UnknownSchema("no such schema")
NEEDS_A_SCHEMA = b"\x00\x00\x00\x00\x07body"
UNFRAMED = b"no event"


@dataclass
class SlowSchemas:
    """Schemas that come only once the test says so; then they are missing, unless there is `what_comes`."""

    come: asyncio.Event
    what_comes: LoadedSchema | UnknownSchema = _NO_SUCH
    asked: int = 0

    @property
    def waiting(self) -> str | None:
        return None

    def get(self, ref: SchemaRef) -> LoadedSchema | RefusedSchema | UnknownSchema | None:
        return self.what_comes if self.come.is_set() else None

    async def load(self, ref: SchemaRef) -> LoadedSchema | RefusedSchema | UnknownSchema:
        self.asked += 1
        await self.come.wait()
        return self.what_comes


async def test_a_record_waits_for_its_schema_and_says_so() -> None:
    schemas = SlowSchemas(asyncio.Event())
    async with piping(event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas) as piped:
        piped.read(NEEDS_A_SCHEMA)
        await until(lambda: schemas.asked)
        oldest = piped.parts.ledger.oldest_unfinished(PARTITIONS[0])
        assert oldest is not None
        waits_for, waiting = piped.pipeline.waits_for(oldest), len(piped.pipeline.parking)

        schemas.come.set()
        await until(lambda: piped.parts.ledger.books.pending == 0)

        assert (waits_for, waiting) == ("a schema", 1)
        assert piped.parts.ledger.books.dead_lettered == {RejectReason.UNKNOWN_SCHEMA: 1}
        assert len(piped.pipeline.parking) == 0


async def test_while_one_partition_waits_for_a_schema_the_others_go_on_and_its_own_order_is_kept() -> (
    None
):
    schemas = SlowSchemas(asyncio.Event())
    async with piping(event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas) as piped:
        piped.read(NEEDS_A_SCHEMA, UNFRAMED, partition=0)
        piped.read(UNFRAMED, UNFRAMED, partition=1)
        await until(lambda: len(piped.parts.writer.written) == 2)
        while_waiting = [record.partition for record, _, _ in piped.parts.writer.written]
        schemas.come.set()
        await until(lambda: piped.parts.ledger.books.pending == 0)

        assert while_waiting == [1, 1]
        assert [(r.partition, r.offset) for r, _, _ in piped.parts.writer.written[2:]] == [
            (0, 0),
            (0, 1),
        ]


async def test_records_that_waited_for_a_schema_wait_for_memory_but_not_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_LOOK_AGAIN_SECONDS", 0.001)
    schemas = SlowSchemas(asyncio.Event())
    budget = MemoryBudget(high_bytes=1_000, low_bytes=700)
    async with piping(
        event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas, budget=budget
    ) as piped:
        piped.parts.writer.open.clear()
        piped.read(*[NEEDS_A_SCHEMA] * 3)
        await until(lambda: schemas.asked)
        schemas.come.set()
        await until(lambda: piped.parts.refusals.recent)
        for _ in range(50):
            await asyncio.sleep(0.001)
        had_their_turn = piped.parts.refusals.recent[RejectReason.UNKNOWN_SCHEMA].count
        piped.parts.writer.open.set()
        await until(lambda: piped.parts.ledger.books.pending == 0)

        assert had_their_turn == 1
        assert piped.parts.ledger.books.dead_lettered == {RejectReason.UNKNOWN_SCHEMA: 3}


async def test_records_that_waited_for_a_schema_and_fill_the_memory_go_on_many_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_LOOK_AGAIN_SECONDS", 0.001)
    schemas = SlowSchemas(asyncio.Event())
    budget = MemoryBudget(high_bytes=40 * UNFINISHED_BYTES, low_bytes=30 * UNFINISHED_BYTES)
    async with piping(
        event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas, budget=budget
    ) as piped:
        piped.parts.writer.open.clear()
        piped.read(*[NEEDS_A_SCHEMA] * 100)
        await until(lambda: schemas.asked)
        schemas.come.set()
        for _ in range(50):
            await asyncio.sleep(0.001)
        had_their_turn = piped.parts.refusals.recent[RejectReason.UNKNOWN_SCHEMA].count
        pressed = piped.parts.delivery._pressed
        piped.parts.writer.open.set()
        await until(lambda: piped.parts.ledger.books.pending == 0)

        assert 5 <= had_their_turn <= 40
        assert pressed
        assert not piped.parts.delivery._pressed
        assert piped.parts.ledger.books.dead_lettered == {RejectReason.UNKNOWN_SCHEMA: 100}


async def test_a_record_behind_one_that_waited_for_a_schema_and_does_not_any_more_has_its_turn() -> (
    None
):
    schemas = SlowSchemas(asyncio.Event())

    def held_back() -> str | None:
        if not piped.pipeline.parking.holds(PARTITIONS[0]):
            return None
        schemas.come.set()
        return "held back"

    async with piping(
        event_format=EventFormat.AVRO_CONFLUENT,
        schemas=schemas,
        budget=MemoryBudget(high_bytes=1, low_bytes=1),
        blocked=held_back,
    ) as piped:
        # Judged together. The last is put off with the first, and reached when the first is done.
        piped.read_at((0, NEEDS_A_SCHEMA), (1, b""), (0, NEEDS_A_SCHEMA))
        await until(lambda: piped.parts.ledger.books.pending == 0)

        assert piped.parts.ledger.books.dead_lettered == {RejectReason.UNKNOWN_SCHEMA: 2}


async def test_records_that_waited_for_a_schema_let_everybody_else_have_a_turn_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "PARKED_TURNS", 10)
    schemas = SlowSchemas(asyncio.Event())
    async with piping(event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas) as piped:
        piped.read(*[NEEDS_A_SCHEMA] * 100)
        await until(lambda: schemas.asked)
        schemas.come.set()
        left = [100]
        while left[-1]:
            await asyncio.sleep(0)
            left.append(piped.pipeline.parking.records)

        assert max(before - after for before, after in pairwise(left)) <= 20


async def test_with_half_of_the_memory_used_flushes_do_not_wait_for_their_time() -> None:
    budget = MemoryBudget(high_bytes=10 * UNFINISHED_BYTES, low_bytes=8 * UNFINISHED_BYTES)
    async with piping(budget=budget, flush_seconds=1_000) as piped:
        piped.read(an_identify(email="ana@example.com"))
        await until(lambda: piped.taken)
        before = len(piped.parts.uploader.flights)
        piped.read(*[an_identify(email=f"p{n}@example.com") for n in range(3)], partition=1)
        await piped.parts.flight()

        assert before == 0
        assert piped.pipeline.blocked is None


@pytest.fixture
def schema() -> LoadedSchema:
    """Ours. Read here, as no file is read on the event loop."""
    loaded = load_schema(json.dumps(segment_event_schema()))
    assert isinstance(loaded, LoadedSchema)
    return loaded


@pytest.fixture
def deletions() -> list[bytes]:
    """Two people's, in Avro."""
    people = ("ana@example.com", "ben@example.com")
    return [as_avro_confluent(deletion(email), schema_id=7) for email in people]


async def test_deletions_that_waited_for_a_schema_reach_every_audience_with_nothing_read_after_them(
    schema: LoadedSchema, deletions: list[bytes]
) -> None:
    schemas = SlowSchemas(asyncio.Event(), schema)
    audiences = tuple(f"audience_{number:04}" for number in range(2 * REMOVALS_A_TURN))
    async with piping(
        event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas, listed=audiences
    ) as piped:
        piped.read(*deletions)
        await until(lambda: schemas.asked)
        await until(lambda: piped.taken)
        while_waiting = len(piped.parts.delivery.lanes.audiences())
        schemas.come.set()
        await until(lambda: len(piped.parts.uploader.flights) == len(audiences))
        # Nothing is read any more: whoever is not in a lane by now would wait for the next record.
        await until(lambda: _all_ended(piped.parts))

        assert while_waiting == 0
        assert piped.parts.ledger.books.delivered == len(deletions)
        assert len(piped.pipeline.parking) == 0


async def test_what_goes_wrong_while_a_schema_is_waited_for_ends_the_run() -> None:
    schemas = SlowSchemas(asyncio.Event())
    async with piping(event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas) as piped:
        piped.pipeline._schemas = None
        piped.read(NEEDS_A_SCHEMA)
        with pytest.raises(RuntimeError, match="without a place to find them"):
            await piped.pipeline.run()


async def test_a_record_whose_partition_left_while_it_waited_for_its_schema_is_dropped() -> None:
    schemas = SlowSchemas(asyncio.Event())
    async with piping(event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas) as piped:
        piped.read(NEEDS_A_SCHEMA, UNFRAMED)
        await until(lambda: schemas.asked)
        await piped.pipeline.on_revoked([PARTITIONS[0]])
        waiting = len(piped.pipeline.parking)
        schemas.come.set()
        await until(lambda: piped.taken)
        await settled()

        assert waiting == 0
        assert piped.parts.writer.written == []
        assert piped.parts.ledger.books.released == 2


async def test_records_that_wait_for_a_schema_have_no_turn_once_the_process_stops() -> None:
    schemas = SlowSchemas(asyncio.Event())
    async with piping(event_format=EventFormat.AVRO_CONFLUENT, schemas=schemas) as piped:
        piped.read(NEEDS_A_SCHEMA, UNFRAMED)
        await until(lambda: schemas.asked)
        piped.parts.ledger.stop_taking(piped.parts.ledger.partitions())
        schemas.come.set()
        await until(lambda: len(piped.pipeline.parking) == 0)
        await settled()

        assert piped.parts.writer.written == []
        assert piped.parts.ledger.books.pending == 2


def _all_ended(parts: Parts) -> bool:
    """Ends every batch that is under way; whether no record is left."""
    for flight in parts.uploader.flights:
        if not flight.result.done():
            flight.end(Finished())
    return parts.ledger.books.pending == 0


# Back pressure


async def test_intake_waits_for_memory_until_enough_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_LOOK_AGAIN_SECONDS", 0.001)
    # Room for one record, and for going on only without any.
    budget = MemoryBudget(high_bytes=UNFINISHED_BYTES + 1_500, low_bytes=1_000)
    async with piping(budget=budget) as piped:
        piped.read(an_identify(email="ana@example.com"))
        flight = await piped.parts.flight(1)
        piped.read(an_identify(email="ben@example.com"), partition=1)
        await until(lambda: piped.pipeline.blocked == "memory")
        taken_before = len(piped.taken)

        flight.end(Finished())
        await piped.parts.flight(2)

        assert taken_before == 1
        assert piped.pipeline.blocked is None


async def test_a_record_larger_than_the_whole_budget_goes_through() -> None:
    async with piping(budget=MemoryBudget(high_bytes=1_000, low_bytes=700)) as piped:
        piped.read(an_identify(), b"x" * 5_000)
        flight = await piped.parts.flight(1)
        taken_before = list(piped.taken)
        flight.end(Finished())
        await until(lambda: piped.taken)

        assert taken_before == []

        assert piped.parts.ledger.books.consumed == 2


async def test_a_record_of_many_changes_makes_the_next_one_wait_even_within_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_LOOK_AGAIN_SECONDS", 0.001)
    # Room for both as they are read, not for what the first becomes.
    budget = MemoryBudget(high_bytes=3 * UNFINISHED_BYTES + 900, low_bytes=2 * UNFINISHED_BYTES)
    many = an_identify(
        traits={
            "ios_idfa": "8D3F2A1B-0C4E-4F5A-9B6C-7D8E9F0A1B2C",
            "android_idfa": "1c5b8d2e-3f4a-4b6c-8d7e-9f0a1b2c3d4e",
        }
    )
    async with piping(budget=budget) as piped:
        piped.read(many, an_identify(email="ben@example.com"))
        flight = await piped.parts.flight(1)
        await until(lambda: piped.pipeline.blocked == "memory")
        taken_before = list(piped.taken)
        flight.end(Finished())
        await until(lambda: piped.taken)

        assert taken_before == []


async def test_intake_waits_while_liveintent_cannot_be_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_LOOK_AGAIN_SECONDS", 0.001)
    reasons = ["circuit_open"]
    async with piping(blocked=lambda: reasons[0] if reasons else None) as piped:
        piped.read(an_identify())
        await until(lambda: piped.pipeline.blocked == "circuit_open")
        taken_before = list(piped.taken)
        reasons[:] = ["unauthorised"]
        await until(lambda: piped.pipeline.blocked == "unauthorised")
        told = [
            piped.parts.metric("intake_blocked", reason=reason)
            for reason in ("circuit_open", "unauthorised")
        ]
        reasons.clear()
        await until(lambda: piped.taken)

        assert taken_before == []
        assert told == [0, 1]
        assert piped.pipeline.blocked is None


# The end


async def test_what_the_reader_fails_with_ends_the_run_and_the_first_failure_stands() -> None:
    async with piping() as piped:
        piped.pipeline.on_failed(KafkaFatal("first"))
        piped.pipeline.on_failed(KafkaFatal("second"))
        with pytest.raises(SegmentLiveIntentError, match=r"^first$"):
            await piped.pipeline.run()


def fails_on_ana(*_: object) -> None:
    raise ValueError("ana@example.com")


async def test_a_file_of_events_is_one_record_of_many_parts() -> None:
    file = await asyncio.to_thread(
        as_avro_container, [an_identify(email=f"{i}@example.com") for i in range(30)]
    )
    async with piping(event_format=EventFormat.AVRO_CONTAINER) as piped:
        piped.read(file)
        flight = await piped.parts.flight()
        books = piped.parts.ledger.books
        pending = (books.consumed, books.pending, len(flight.batch.parts()))
        charged = piped.parts.ledger.pending_bytes
        flight.end(Finished())
        await until(lambda: books.pending == 0)

        assert pending == (1, 1, 30)
        assert charged >= 30 * CHANGE_BYTES + 29 * EVENT_BYTES + len(file)
        assert (books.consumed, books.delivered) == (1, 1)
        assert piped.parts.ledger.pending_bytes == 0


async def test_a_file_with_a_bad_event_is_finished_when_its_dead_letter_and_its_changes_are() -> (
    None
):
    file = await asyncio.to_thread(
        as_avro_container, [an_identify(), {"type": "identify", "timestamp": "soon"}]
    )
    async with piping(event_format=EventFormat.AVRO_CONTAINER) as piped:
        piped.read(file)
        flight = await piped.parts.flight()
        await until(lambda: piped.parts.writer.written)
        books = piped.parts.ledger.books
        pending = books.pending
        flight.end(Finished())
        await until(lambda: books.pending == 0)

        ((_, rejected, stage),) = piped.parts.writer.written
        assert pending == 1
        assert (books.delivered, books.dead_lettered) == (0, {RejectReason.INVALID_EVENT: 1})
        assert stage == "decode"
        assert rejected.detail == "event 2 of 2: timestamp is text that is not a time"


async def test_a_file_of_events_that_ask_for_nothing_is_ignored_for_the_first_of_their_reasons() -> (
    None
):
    file = await asyncio.to_thread(
        as_avro_container, [{"type": "alias"}, {"type": "page"}, an_identify(key="another")]
    )
    async with piping(event_format=EventFormat.AVRO_CONTAINER) as piped:
        piped.read(file)
        books = piped.parts.ledger.books
        await until(lambda: books.consumed and books.pending == 0)

        assert books.ignored == {IgnoreReason.UNSUPPORTED_TYPE: 1}
