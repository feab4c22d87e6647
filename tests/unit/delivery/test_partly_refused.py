import structlog

from consumer.audience.membership import Action
from consumer.choices import DeliveryAck
from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.upload_parts import UploadRefused
from consumer.liveintent.uploader import PartlyFinished
from consumer.record import IgnoreReason, Rejected, RejectReason
from tests.builders import VIP, a_change, an_email
from tests.unit.delivery.parts import delivering, until

ANA, BEN = an_email("ana-md5", "ana-sha1"), an_email("ben-md5", "ben-sha1")


async def test_what_liveintent_is_done_with_is_delivered_and_only_the_rest_is_refused() -> None:
    async with delivering() as parts:
        parts.accept(a_change(Action.REMOVE, identifier=ANA), offset=0)
        parts.accept(a_change(identifier=BEN), offset=1)
        flight = await parts.flight()
        flight.end(PartlyFinished(UploadRefused("Error"), frozenset(ANA.values)))
        await until(lambda: parts.ledger.books.pending == 0)

        refused = Rejected(RejectReason.UPLOAD_REFUSED, "Error", VIP)
        written = [(record.offset, rejected) for record, rejected, _ in parts.writer.written]
        assert written == [(1, refused)]
        assert parts.ledger.books.delivered == 1
        assert parts.delivery.refused == {VIP: "Error"}


async def test_what_was_delivered_of_a_refused_batch_stands_against_older_changes() -> None:
    async with delivering() as parts:
        parts.accept(a_change(Action.REMOVE, identifier=ANA, at=100), offset=0)
        parts.accept(a_change(identifier=BEN, at=100), offset=1)
        flight = await parts.flight()
        flight.end(PartlyFinished(AudienceRefused("archived"), frozenset(ANA.values)))
        await until(lambda: not parts.delivery.busy)

        parts.accept(a_change(identifier=ANA, at=50), offset=2)

        assert parts.ledger.books.ignored == {IgnoreReason.STALE: 1}


async def test_an_email_of_which_only_some_hashes_went_is_refused() -> None:
    async with delivering() as parts:
        parts.accept(a_change(identifier=ANA), offset=0)
        flight = await parts.flight()
        flight.end(PartlyFinished(UploadRefused("Error"), frozenset(ANA.values[:1])))
        await until(lambda: parts.ledger.books.pending == 0)

        assert parts.ledger.books.dead_lettered == {RejectReason.UPLOAD_REFUSED: 1}


async def test_what_was_acknowledged_as_stored_is_finished_once_and_its_refusal_told() -> None:
    async with delivering(ack=DeliveryAck.STORED) as parts:
        parts.accept(a_change(Action.REMOVE, identifier=ANA), offset=0)
        parts.accept(a_change(identifier=BEN), offset=1)
        flight = await parts.flight()
        flight.store()
        with structlog.testing.capture_logs() as logs:
            flight.end(PartlyFinished(UploadRefused("Error"), frozenset(ANA.values)))
            await until(lambda: not parts.delivery.busy)

        assert (parts.ledger.books.delivered, parts.writer.written) == (2, [])
        assert [line["rows"] for line in logs if "after it was acknowledged" in line["event"]] == [
            2
        ]
