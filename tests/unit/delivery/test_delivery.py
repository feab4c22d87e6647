from collections.abc import Iterable

import pytest
import structlog

from consumer.audience.membership import Action, AudienceKey
from consumer.choices import DeliveryAck
from consumer.errors import DeadLetterLimitReached
from consumer.kafka.dead_letters import DeadLetterLimit
from consumer.kafka.offset_ledger import Entry
from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.upload_parts import UploadRefused
from consumer.liveintent.uploader import Finished
from consumer.record import IgnoreReason, Rejected, RejectReason
from tests.builders import VIP, a_change, a_record, an_email
from tests.unit.delivery.parts import PARTITIONS, delivering, settled, until

OTHER = AudienceKey("lapsed_buyers")
ANA, BEN = an_email("ana"), an_email("ben")


async def test_a_change_is_delivered_when_its_upload_has_finished() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA))
        flight = await parts.flight()
        flight.store()
        before = parts.ledger.books.delivered

        flight.end(Finished())
        await until(lambda: not parts.delivery.busy)

        assert (before, parts.ledger.books.delivered) == (0, 1)
        assert parts.metric("changes_finished_total", outcome="delivered") == 1


async def test_a_change_is_delivered_when_it_is_stored_if_that_is_asked_for() -> None:
    async with delivering(ack=DeliveryAck.STORED) as parts:
        parts.accept(a_change(identifier=ANA))
        flight = await parts.flight()

        flight.store()

        assert parts.ledger.books.delivered == 1
        assert parts.delivery.busy
        flight.end(Finished())
        await until(lambda: not parts.delivery.busy)
        assert parts.ledger.books.delivered == 1


async def test_what_counts_as_stored_takes_memory_until_liveintent_is_done_with_it() -> None:
    async with delivering(ack=DeliveryAck.STORED) as parts:
        parts.accept(a_change(identifier=ANA))
        flight = await parts.flight()
        flight.store()
        stored = parts.ledger.pending_bytes

        flight.end(Finished())
        await until(lambda: not parts.delivery.busy)

        assert stored > 1_000
        assert parts.ledger.pending_bytes == 0


async def test_a_record_is_delivered_with_the_last_of_its_audiences() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA), a_change(identifier=ANA, audience=OTHER))
        first, second = await parts.flight(1), await parts.flight(2)
        first.end(Finished())
        await settled()
        before = parts.ledger.books.delivered

        second.end(Finished())
        await until(lambda: not parts.delivery.busy)

        assert (before, parts.ledger.books.delivered) == (0, 1)


async def test_a_lane_has_one_flush_under_way_and_others_go_their_own_way() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA), offset=0)
        first = await parts.flight(1)
        parts.accept(a_change(identifier=BEN), offset=1)
        parts.accept(a_change(identifier=BEN, audience=OTHER), offset=2)
        await parts.flight(2)
        await settled()
        under_way = [flight.batch.audience for flight in parts.uploader.flights]

        first.end(Finished())
        third = await parts.flight(3)

        assert under_way == [VIP, OTHER]
        assert third.batch.rows(Action.ADD, BEN.type) == ["ben"]


async def test_a_lane_waits_for_its_time_or_for_enough_rows() -> None:
    async with delivering(flush_seconds=3600, flush_rows=2) as parts:
        parts.accept(a_change(identifier=ANA), offset=0)
        await settled()
        before = len(parts.uploader.flights)

        parts.accept(a_change(identifier=BEN), offset=1)
        flight = await parts.flight()

        assert (before, len(flight.batch)) == (0, 2)


async def test_short_memory_flushes_what_is_not_due_and_only_while_it_is_short() -> None:
    async with delivering(flush_seconds=3600) as parts:
        parts.accept(a_change(identifier=ANA), offset=0)
        await settled()
        parts.delivery.press()
        (await parts.flight(1)).end(Finished())
        await until(lambda: not parts.delivery.busy)

        parts.delivery.relax()
        parts.accept(a_change(identifier=BEN), offset=1)
        await settled()

        assert len(parts.uploader.flights) == 1


async def test_nothing_is_started_once_the_process_stops() -> None:
    async with delivering() as parts:
        parts.delivery.stop_starting()
        parts.accept(a_change(identifier=ANA))
        await settled()

        assert parts.uploader.flights == []
        assert await parts.delivery.drain(drain_seconds=1)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (AudienceRefused("archived"), RejectReason.AUDIENCE_REFUSED),
        (UploadRefused("never"), RejectReason.UPLOAD_REFUSED),
    ],
)
async def test_records_of_a_refused_batch_go_to_the_dead_letters(
    result: AudienceRefused | UploadRefused, reason: RejectReason
) -> None:
    async with delivering() as parts:
        entries = [parts.accept(a_change(identifier=ANA), offset=0)]
        entries += [parts.accept(a_change(identifier=BEN), offset=1)]
        (await parts.flight()).end(result)
        await until(lambda: parts.ledger.books.pending == 0)

        assert parts.ledger.books.dead_lettered == {reason: 2}
        assert [(each.offset, stage) for each, _, stage in parts.writer.written] == [
            (0, "upload"),
            (1, "upload"),
        ]
        assert parts.delivery.refused == {VIP: result.detail}
        assert parts.metric("lanes_refused") == 1
        assert finished(entries)


async def test_a_refused_audience_is_told_until_something_of_it_goes_through() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA), offset=0)
        (await parts.flight(1)).end(AudienceRefused("archived"))
        await until(lambda: parts.delivery.refused)
        parts.accept(a_change(identifier=BEN), offset=1)
        (await parts.flight(2)).end(Finished())
        await until(lambda: not parts.delivery.busy)

        assert parts.delivery.refused == {}
        assert parts.metric("lanes_refused") == 0


async def test_an_upload_refused_after_it_counted_as_stored_is_told_and_nothing_more() -> None:
    async with delivering(ack=DeliveryAck.STORED) as parts:
        parts.accept(a_change(identifier=ANA))
        flight = await parts.flight()
        flight.store()
        with structlog.testing.capture_logs() as lines:
            flight.end(UploadRefused("never"))
            await until(lambda: not parts.delivery.busy)

        assert [(line["log_level"], line["rows"], line["detail"]) for line in lines] == [
            ("error", 1, "never")
        ]
        assert parts.writer.written == []
        assert (parts.ledger.books.delivered, parts.ledger.books.dead_lettered) == (1, {})
        assert parts.delivery.refused == {VIP: "never"}


async def test_too_many_refused_batches_end_everything() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await refuse_two_batches()

    assert raised.group_contains(DeadLetterLimitReached)


async def refuse_two_batches() -> None:
    async with delivering(limit=DeadLetterLimit(1, per_seconds=60)) as parts:
        for number, identifier in enumerate((ANA, BEN)):
            parts.accept(a_change(identifier=identifier), offset=number)
            (await parts.flight(number + 1)).end(UploadRefused("never"))
        await settled()


async def test_an_add_that_consent_refused_takes_a_waiting_older_one_with_it() -> None:
    async with delivering(flush_seconds=3600) as parts:
        parts.accept(a_change(identifier=ANA, at=100))

        parts.delivery.withhold(a_change(identifier=ANA, at=200))

        assert parts.ledger.books.ignored == {IgnoreReason.STALE: 1}
        assert parts.metric("changes_finished_total", outcome="stale") == 1


async def test_members_forgotten_for_want_of_room_are_counted() -> None:
    async with delivering(latest_state_members=3) as parts:
        parts.accept(a_change(identifier=an_email("a1", "a2")), offset=0)
        parts.accept(a_change(identifier=an_email("b1", "b2")), offset=1)
        (await parts.flight()).end(Finished())
        await until(lambda: not parts.delivery.busy)
        after_the_flush = parts.metric("latest_state_evictions_total")

        parts.delivery.withhold(a_change(identifier=an_email("c1", "c2")))

        assert after_the_flush == 1
        assert parts.metric("latest_state_evictions_total") == 3


async def test_what_waits_for_a_partition_that_leaves_is_given_up_and_the_rest_goes_on() -> None:
    async with delivering(flush_seconds=3600) as parts:
        parts.accept(a_change(identifier=ANA), partition=0)
        parts.accept(a_change(identifier=BEN), partition=1)

        await parts.delivery.release({PARTITIONS[0]}, drain_seconds=60)
        parts.delivery.press()
        flight = await parts.flight()

        assert flight.batch.rows(Action.ADD, ANA.type) == ["ben"]


async def test_a_flush_that_ends_within_the_drain_of_its_partition_counts() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA))
        flight = await parts.flight()
        flight.end(Finished())

        await parts.delivery.release({PARTITIONS[0]}, drain_seconds=60)

        assert parts.ledger.books.delivered == 1


async def test_a_file_still_to_be_made_leaves_out_what_came_from_a_partition_that_left() -> None:
    async with delivering(flush_seconds=3600) as parts:
        lost = parts.accept(a_change(identifier=ANA), partition=0)
        parts.accept(a_change(identifier=BEN), partition=1)
        parts.delivery.press()
        flight = await parts.flight()

        await parts.delivery.release({PARTITIONS[0]}, drain_seconds=0.01)
        parts.ledger.revoke([PARTITIONS[0]])
        rows = flight.batch.rows(Action.ADD, ANA.type)
        flight.end(Finished())
        await until(lambda: not parts.delivery.busy)

        assert rows == ["ben"]
        assert lost.released
        assert (parts.ledger.books.delivered, parts.ledger.books.released) == (1, 1)


async def test_what_was_sent_of_a_partition_that_left_is_sent_again_when_it_comes_back() -> None:
    """Meanwhile its other owner has sent older changes again, which we know nothing of."""
    entered = a_change(at=3, offset=1, identifier=ANA)
    kept = a_change(at=3, source="events-1", identifier=BEN)
    async with delivering() as parts:
        parts.accept(entered, offset=1)
        parts.accept(kept, partition=1, offset=1)
        (await parts.flight()).end(Finished())
        await until(lambda: not parts.delivery.busy)
        parts.delivery.let_go({PARTITIONS[0]})
        parts.ledger.revoke([PARTITIONS[0]])
        parts.ledger.assign([PARTITIONS[0]], 2)

        again = parts.ledger.deliver(a_record(1, assignment=2), now=0.0)
        assert again is not None
        parts.delivery.accept(entered, again)
        parts.accept(kept, partition=1, offset=2)
        flight = await parts.flight(2)

        assert flight.batch.rows(Action.ADD, ANA.type) == ["ana"]
        assert parts.ledger.books.ignored == {IgnoreReason.DUPLICATE: 1}


async def test_a_file_under_way_is_broken_off_only_where_its_rows_came_from_a_partition_that_left() -> (
    None
):
    async with delivering() as parts:
        parts.accept(a_change(audience=VIP, identifier=ANA), partition=0)
        await parts.flight()
        parts.accept(a_change(audience=OTHER, identifier=BEN), partition=1)
        await parts.flight(2)

        parts.delivery.let_go({PARTITIONS[0]})

        assert parts.uploader.interrupted == [VIP]


async def test_neither_a_revoke_nor_a_stop_waits_for_what_is_acknowledged() -> None:
    async with delivering(ack=DeliveryAck.STORED) as parts:
        parts.accept(a_change(identifier=ANA))
        (await parts.flight()).store()

        await parts.delivery.release({PARTITIONS[0]}, drain_seconds=3600)

        assert await parts.delivery.drain(drain_seconds=3600)
        assert parts.delivery.busy


async def test_a_drain_says_whether_every_flush_came_to_an_end() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA))
        flight = await parts.flight()
        in_vain = await parts.delivery.drain(drain_seconds=0.01)

        flight.end(Finished())

        assert not in_vain
        assert await parts.delivery.drain(drain_seconds=5)


async def test_every_unfinished_record_can_say_what_it_waits_for() -> None:
    async with delivering(flush_seconds=3600) as parts:
        flying = parts.accept(a_change(identifier=ANA), offset=0)
        parts.delivery.press()
        await parts.flight()
        parts.delivery.relax()
        waiting = parts.accept(a_change(identifier=BEN), offset=1)
        rejected, untouched = parts.entry(offset=2), parts.entry(offset=3)
        parts.writer.open.clear()
        parts.refusals.refuse(rejected, Rejected(RejectReason.UNDECODABLE), stage="decode")

        told = [parts.delivery.waits_for(entry) for entry in (flying, waiting, rejected, untouched)]
        parts.writer.open.set()

        assert told == [
            "the upload of vip_customers, which waits for its turn",
            "its audience's next flush",
            "its dead letter to be written",
            "its turn",
        ]


def finished(entries: Iterable[Entry]) -> bool:
    return all(entry.record is None for entry in entries)
