import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from consumer.audience.membership import Identifier, IdentifierType, Version
from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
from consumer.choices import PrivacyRequests
from consumer.kafka.offset_ledger import Entry
from consumer.liveintent.privacy import Accepted, LetGo
from consumer.liveintent.privacy_request import PrivacyRequest
from consumer.liveintent.upload_outcome import Refused
from consumer.privacy_delivery import PrivacyDelivery
from consumer.record import RejectReason
from tests.segment_events import hashes_of
from tests.unit.delivery.parts import PARTITIONS, Parts, delivering, settled, until

Decided = Accepted | Refused | LetGo
EMAIL = Identifier(IdentifierType.EMAIL_HASH, hashes_of("ana@example.com"))
PHONE = Identifier(IdentifierType.IDFA, ("9A8B7C6D-5E4F-4A3B-8C2D-1E0F9A8B7C6D",))


def withdrawal(
    *identifiers: Identifier, cause: WithdrawalCause = WithdrawalCause.DELETION, offset: int = 0
) -> Withdrawal:
    return Withdrawal(cause, identifiers, Version(5, 6, "events-0", offset), "delete-1")


@dataclass
class ScriptedSubmitter:
    """Holds every request until the test decides it, or until it is not wanted any more."""

    asked: list[PrivacyRequest] = field(default_factory=list)
    decided: asyncio.Queue[Decided] = field(default_factory=asyncio.Queue)
    on_the_wire: bool = False

    async def submit(self, request: PrivacyRequest, *, is_wanted: Callable[[], bool]) -> Decided:
        self.asked.append(request)
        while self.decided.empty():
            if not is_wanted() and not self.on_the_wire:
                return LetGo()
            await asyncio.sleep(0)
        return self.decided.get_nowait()


@dataclass
class Requesting:
    """Privacy requests at work, between the ledger as it is and a LiveIntent played by the test."""

    parts: Parts
    privacy: PrivacyDelivery
    submitter: ScriptedSubmitter

    def accept(self, *, offset: int = 0, partition: int = 0) -> Entry:
        entry = self.parts.entry(offset=offset, partition=partition)
        request = self.privacy.request_for(withdrawal(EMAIL, offset=offset))
        assert request is not None
        self.privacy.accept(request, entry)
        return entry

    def count(self, result: str, action: str = "ERASURE") -> float:
        return self.parts.metric("privacy_requests_total", action=action, result=result)


@asynccontextmanager
async def requesting() -> AsyncIterator[Requesting]:
    async with delivering() as parts:
        submitter = ScriptedSubmitter()
        privacy = PrivacyDelivery(
            api=submitter,
            asked_for=[PrivacyRequests.ERASE],
            ledger=parts.ledger,
            refusals=parts.refusals,
            metrics=parts.metrics,
        )
        running = asyncio.create_task(privacy.run())
        try:
            yield Requesting(parts, privacy, submitter)
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_a_record_is_finished_when_its_request_is_accepted_and_not_before() -> None:
    async with requesting() as each:
        entry = each.accept()
        await settled()
        held, waiting = each.parts.ledger.commitable(), each.privacy.carries(entry)

        with structlog.testing.capture_logs() as lines:
            each.submitter.decided.put_nowait(Accepted("t-1"))
            await until(lambda: each.parts.ledger.books.delivered)

        assert (held, waiting, each.privacy.carries(entry)) == ([], True, False)
        assert each.count("accepted") == 1
        assert lines == [
            {
                "event": "LiveIntent accepted a privacy request.",
                "log_level": "info",
                "action": "ERASURE",
                "request_id": "events-0-0",
                "transaction_id": "t-1",
            }
        ]


async def test_requests_go_one_after_the_other_in_their_order() -> None:
    async with requesting() as each:
        for offset in range(3):
            each.accept(offset=offset)
        await settled()
        first = [request.request_id for request in each.submitter.asked]
        waiting = each.parts.metric("privacy_requests_waiting")
        for number in range(3):
            each.submitter.decided.put_nowait(Accepted(f"t-{number}"))
        await until(lambda: each.parts.ledger.books.delivered == 3)

        assert (first, waiting) == (["events-0-0"], 3)
        assert [request.request_id for request in each.submitter.asked] == [
            f"events-0-{offset}" for offset in range(3)
        ]
        assert each.parts.metric("privacy_requests_waiting") == 0


async def test_a_refused_request_dead_letters_its_record_and_the_next_goes_on() -> None:
    async with requesting() as each:
        each.accept(offset=0)
        each.accept(offset=1)
        each.submitter.decided.put_nowait(Refused(400, "bad", "scope"))
        each.submitter.decided.put_nowait(Accepted("t-1"))
        await until(lambda: each.parts.ledger.books.pending == 0)

        ((record, rejected, stage),) = each.parts.writer.written
        assert (record.offset, rejected.reason, stage) == (
            0,
            RejectReason.PRIVACY_REFUSED,
            "privacy",
        )
        assert each.parts.ledger.books.delivered == 1
        assert (each.count("refused"), each.count("accepted")) == (1, 1)


async def test_requests_of_a_partition_that_leaves_are_let_go_and_the_others_are_made() -> None:
    async with requesting() as each:
        each.accept(partition=0, offset=0)
        each.accept(partition=0, offset=1)
        each.accept(partition=1, offset=2)
        await settled()
        await each.privacy.release([PARTITIONS[0]], drain_seconds=5.0)
        each.parts.ledger.revoke([PARTITIONS[0]])
        each.submitter.decided.put_nowait(Accepted("t-1"))
        await until(lambda: each.parts.ledger.books.delivered)

        assert [request.request_id for request in each.submitter.asked] == [
            "events-0-0",
            "events-0-2",
        ]
        assert each.parts.ledger.books.released == 2
        assert each.count("let_go") == 2


async def test_a_request_on_the_wire_is_waited_for_when_its_partition_leaves() -> None:
    async with requesting() as each:
        each.submitter.on_the_wire = True
        each.accept()
        await settled()
        releasing = asyncio.create_task(each.privacy.release([PARTITIONS[0]], drain_seconds=5.0))
        await settled()
        was_waiting = not releasing.done()
        each.submitter.decided.put_nowait(Accepted("t-1"))
        await releasing

        assert was_waiting
        assert each.parts.ledger.books.delivered == 1


async def test_a_request_on_the_wire_is_waited_for_no_longer_than_a_drain_takes() -> None:
    async with requesting() as each:
        each.submitter.on_the_wire = True
        each.accept()
        await settled()
        each.privacy.stop_starting()

        assert not await each.privacy.drain(drain_seconds=0.01)


async def test_after_a_stop_nothing_more_is_asked() -> None:
    async with requesting() as each:
        each.accept(offset=0)
        each.accept(offset=1)
        await settled()
        each.privacy.stop_starting()

        assert not await each.privacy.drain(drain_seconds=5.0)
        await settled()
        assert len(each.submitter.asked) == 1
        assert each.parts.ledger.books.pending == 2


async def test_who_is_known_by_a_phone_alone_is_counted_as_somebody_no_request_can_be_made_for() -> (
    None
):
    async with requesting() as each:
        assert each.privacy.request_for(withdrawal(PHONE)) is None
        assert each.count("no_email") == 1


async def test_consent_asks_for_nothing_unless_restricting_was_asked_for() -> None:
    async with requesting() as each:
        taken_back = withdrawal(EMAIL, cause=WithdrawalCause.CONSENT)

        assert each.privacy.request_for(taken_back) is None
        assert each.count("no_email", action="RESTRICT") == 0
