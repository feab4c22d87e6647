import pytest

from consumer.errors import DeadLetterLimitReached
from consumer.kafka.dead_letters import DeadLetterLimit
from consumer.record import Delivered, Rejected, RejectReason
from consumer.refusals import WRITES_MAX, WRITES_MAX_BYTES
from tests.builders import a_record
from tests.unit.delivery.parts import PARTITIONS, delivering, settled, until

UNDECODABLE = Rejected(RejectReason.UNDECODABLE, "not JSON")
REFUSED = Rejected(RejectReason.AUDIENCE_REFUSED, "archived")


async def test_a_record_is_finished_once_its_dead_letter_is_written_and_not_before() -> None:
    async with delivering() as parts:
        parts.writer.open.clear()
        parts.refusals.refuse(parts.entry(), UNDECODABLE, stage="decode")
        await settled()
        before = parts.ledger.commitable()

        parts.writer.open.set()
        await until(parts.ledger.commitable)

        assert before == []
        assert parts.ledger.books.dead_lettered == {RejectReason.UNDECODABLE: 1}


async def test_a_record_refused_twice_has_one_dead_letter_with_the_first_reason() -> None:
    async with delivering() as parts:
        entry = parts.entry()
        parts.ledger.split(entry, 2)
        parts.refusals.refuse_together([entry], REFUSED, stage="upload")
        parts.refusals.refuse_together(
            [entry], Rejected(RejectReason.UPLOAD_REFUSED), stage="upload"
        )
        await until(lambda: parts.ledger.books.pending == 0)

        assert [rejected for _, rejected, _ in parts.writer.written] == [REFUSED]
        assert parts.ledger.books.dead_lettered == {RejectReason.AUDIENCE_REFUSED: 1}


async def test_a_record_with_a_refused_part_waits_for_its_other_parts() -> None:
    async with delivering() as parts:
        entry = parts.entry()
        parts.ledger.split(entry, 2)
        parts.refusals.refuse_together([entry], REFUSED, stage="upload")
        await until(lambda: parts.writer.written)
        await settled()
        before = parts.ledger.books.pending

        parts.ledger.finish(entry, Delivered())

        assert (before, parts.ledger.books.pending) == (1, 0)
        assert parts.ledger.books.dead_lettered == {RejectReason.AUDIENCE_REFUSED: 1}


async def test_a_record_of_a_partition_that_left_is_not_written() -> None:
    async with delivering() as parts:
        entry = parts.entry()
        parts.ledger.revoke([PARTITIONS[0]])
        parts.refusals.refuse_together([entry], REFUSED, stage="upload")
        await settled()

        assert parts.writer.written == []
        assert parts.ledger.books.released == 1


async def test_a_dead_letter_written_after_its_partition_left_counts_for_nothing() -> None:
    async with delivering() as parts:
        parts.writer.open.clear()
        parts.refusals.refuse(parts.entry(), UNDECODABLE, stage="decode")
        await settled()
        parts.ledger.revoke([PARTITIONS[0]])

        parts.writer.open.set()
        await until(lambda: parts.writer.written)
        await settled()

        books = parts.ledger.books
        assert (books.dead_lettered, books.released, books.pending) == ({}, 1, 0)


async def test_a_large_refused_batch_is_written_a_bounded_number_of_records_at_a_time() -> None:
    async with delivering() as parts:
        parts.writer.open.clear()
        entries = [parts.entry(offset=offset) for offset in range(2 * WRITES_MAX)]
        parts.refusals.refuse_together(entries, REFUSED, stage="upload")
        await settled()
        at_once = parts.writer.sending

        parts.writer.open.set()
        await until(lambda: parts.ledger.books.pending == 0)

        assert at_once == WRITES_MAX
        assert [record.offset for record, _, _ in parts.writer.written] == list(range(len(entries)))


async def test_records_too_large_to_be_copied_together_are_written_one_after_the_other() -> None:
    async with delivering() as parts:
        parts.writer.open.clear()
        entries = []
        for offset in range(3):
            record = a_record(offset, value=bytes(WRITES_MAX_BYTES))
            entry = parts.ledger.deliver(record, now=0.0)
            assert entry is not None
            entries.append(entry)
        parts.refusals.refuse_together(entries, REFUSED, stage="upload")
        await settled()
        at_once = parts.writer.sending

        parts.writer.open.set()
        await until(lambda: parts.ledger.books.pending == 0)

        assert at_once == 1
        assert len(parts.writer.written) == 3


async def test_a_record_whose_partition_leaves_while_it_waits_to_be_written_is_not_written() -> (
    None
):
    async with delivering() as parts:
        parts.writer.open.clear()
        entries = [parts.entry(offset=offset) for offset in range(WRITES_MAX + 1)]
        parts.refusals.refuse_together(entries, REFUSED, stage="upload")
        await settled()
        parts.ledger.revoke([PARTITIONS[0]])
        parts.writer.open.set()
        await until(lambda: parts.writer.sending == 0)
        await settled()

        assert len(parts.writer.written) == WRITES_MAX


async def test_one_refusal_more_than_the_limit_is_not_written_and_stops_the_process() -> None:
    async with delivering(limit=DeadLetterLimit(2, per_seconds=60)) as parts:
        parts.refusals.refuse(parts.entry(offset=0), UNDECODABLE, stage="decode")
        parts.refusals.refuse(parts.entry(offset=1), UNDECODABLE, stage="decode")
        with pytest.raises(
            DeadLetterLimitReached,
            match=r"^More than 2 refusals within 60 seconds, the last for undecodable\.",
        ):
            parts.refusals.refuse(parts.entry(offset=2), UNDECODABLE, stage="decode")
        await settled()

        assert [record.offset for record, _, _ in parts.writer.written] == [0, 1]
        assert parts.ledger.books.pending == 1


async def test_the_records_of_one_refused_batch_count_once_against_the_limit() -> None:
    async with delivering(limit=DeadLetterLimit(1, per_seconds=60)) as parts:
        entries = [parts.entry(offset=offset) for offset in range(5)]
        parts.refusals.refuse_together(entries, REFUSED, stage="upload")
        await until(lambda: parts.ledger.books.pending == 0)

        assert len(parts.writer.written) == 5


async def test_each_reason_is_remembered_with_how_often_and_when_it_was_last_met() -> None:
    async with delivering() as parts:
        parts.refusals.refuse(parts.entry(offset=0), UNDECODABLE, stage="decode")
        first = parts.refusals.recent[RejectReason.UNDECODABLE]
        parts.refusals.refuse(parts.entry(offset=1), UNDECODABLE, stage="decode")
        second = parts.refusals.recent[RejectReason.UNDECODABLE]

        assert (first.count, second.count) == (1, 2)
        assert second.last_at >= first.last_at
        assert parts.refusals.recent.keys() == {RejectReason.UNDECODABLE}


async def test_deletions_nobody_can_follow_stop_no_process_however_many() -> None:
    unusable = Rejected(RejectReason.UNUSABLE_DELETION, "no email")
    async with delivering(limit=DeadLetterLimit(2, 600.0)) as parts:
        for offset in range(10):
            parts.refusals.refuse(parts.entry(offset=offset), unusable, stage="rules")
        await until(lambda: parts.ledger.books.pending == 0)

        assert parts.ledger.books.dead_lettered == {RejectReason.UNUSABLE_DELETION: 10}
