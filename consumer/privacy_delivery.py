"""Privacy requests on their way: each is a part of its record, which is finished when LiveIntent has accepted it."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import structlog

from consumer.audience.withdrawal import Withdrawal
from consumer.choices import PrivacyRequests
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.liveintent.privacy import Accepted, LetGo
from consumer.liveintent.privacy_request import PrivacyRequest, request_of, requested_action
from consumer.liveintent.upload_outcome import Refused
from consumer.record import Delivered, Rejected, RejectReason
from consumer.refusals import Refusals
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_DELIVERED = Delivered()


class PrivacySubmitter(Protocol):
    """Asks LiveIntent until it has decided."""

    async def submit(
        self, request: PrivacyRequest, *, is_wanted: Callable[[], bool]
    ) -> Accepted | Refused | LetGo:
        """Return what LiveIntent decided, or LetGo once the request is not wanted any more."""
        ...


@dataclass(slots=True, eq=False)
class _Job:
    request: PrivacyRequest
    entry: Entry
    given_up: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether the record still waits for it, and is still ours."""
        return not self.given_up and self.entry.record is not None


class PrivacyDelivery:
    """Submits requests one after the other, in their order of arrival.

    An outage holds all of them up and is never dead-lettered; what LiveIntent refuses is. How many wait is bounded by the
    budget their records count against.
    """

    def __init__(
        self,
        *,
        api: PrivacySubmitter,
        asked_for: Collection[PrivacyRequests],
        ledger: OffsetLedger,
        refusals: Refusals,
        metrics: Metrics,
    ) -> None:
        self._api = api
        self._asked_for = frozenset(asked_for)
        self._ledger = ledger
        self._refusals = refusals
        self._metrics = metrics
        self._waiting: deque[_Job] = deque()
        self._current: _Job | None = None
        self._arrival = asyncio.Event()
        self._over = asyncio.Event()
        self._starting = True

    def request_for(self, withdrawal: Withdrawal) -> PrivacyRequest | None:
        """The request that this event asks for, None when none is to be made, or none can be for want of an email."""
        action = requested_action(withdrawal.cause, self._asked_for)
        if action is None:
            return None
        request = request_of(withdrawal, action)
        if request is None:
            self._metrics.of_withdrawals.requests.labels(action, "no_email").inc()
        return request

    def accept(self, request: PrivacyRequest, entry: Entry) -> None:
        """Take one request, a part of the entry's record."""
        self._waiting.append(_Job(request, entry))
        self._count_waiting()
        self._arrival.set()

    def carries(self, entry: Entry) -> bool:
        """Whether a request of this record has not been accepted yet."""
        return any(job.entry is entry for job in (*self._waiting, *self._sending()))

    async def run(self) -> None:
        """Submit what is accepted, until cancelled."""
        while True:
            self._arrival.clear()
            while self._waiting and self._starting:
                self._current = job = self._waiting.popleft()
                try:
                    await self._submit(job)
                finally:
                    self._current = None
                    self._count_waiting()
                    self._over.set()
            await self._arrival.wait()

    def stop_starting(self) -> None:
        """Submit nothing more; the answer to what was sent is waited for."""
        self._starting = False
        for job in self._sending():
            job.given_up = True

    async def drain(self, *, drain_seconds: float) -> bool:
        """Wait for the request under way, at most so long. Whether it came to an end, and none was left behind."""
        return await self._flight_over(lambda _: True, drain_seconds) and not self._waiting

    async def release(self, partitions: Collection[PartitionId], *, drain_seconds: float) -> None:
        """Let go of what came from these partitions; what was sent gets `drain_seconds` to be answered.

        Their next owner reads the records again, and repeats every request that was not committed: harmless at LiveIntent.
        """
        self.let_go(partitions)
        await self._flight_over(lambda entry: entry.partition in partitions, drain_seconds)

    def let_go(self, partitions: Collection[PartitionId]) -> None:
        """Submit nothing more of these partitions."""
        left: deque[_Job] = deque()
        for job in self._waiting:
            if job.entry.partition in partitions:
                self._metrics.of_withdrawals.requests.labels(job.request.action, "let_go").inc()
            else:
                left.append(job)
        self._waiting = left
        for job in self._sending():
            if job.entry.partition in partitions:
                job.given_up = True
        self._count_waiting()

    async def _submit(self, job: _Job) -> None:
        request, entry = job.request, job.entry
        outcome = await self._api.submit(request, is_wanted=lambda: job.is_wanted)
        result = self._metrics.of_withdrawals.requests
        match outcome:
            case Accepted(transaction_id):
                result.labels(request.action, "accepted").inc()
                # The only proof there will be: LiveIntent lets nobody ask what became of a request.
                log.info(
                    "LiveIntent accepted a privacy request.",
                    action=request.action.value, request_id=request.request_id, transaction_id=transaction_id,
                )  # fmt: skip
                self._ledger.finish(entry, _DELIVERED)
            case Refused():
                result.labels(request.action, "refused").inc()
                log.error(
                    "LiveIntent's Privacy API refused a request; its record goes to the dead letters.",
                    action=request.action.value, request_id=request.request_id, detail=str(outcome),
                )  # fmt: skip
                rejected = Rejected(RejectReason.PRIVACY_REFUSED, str(outcome))
                self._refusals.refuse(entry, rejected, stage="privacy")
            case LetGo():
                result.labels(request.action, "let_go").inc()

    async def _flight_over(self, belongs: Callable[[Entry], bool], drain_seconds: float) -> bool:
        try:
            async with asyncio.timeout(drain_seconds):
                while any(belongs(job.entry) for job in self._sending()):
                    self._over.clear()
                    await self._over.wait()
        except TimeoutError:
            return False
        return True

    def _sending(self) -> tuple[_Job, ...]:
        return () if self._current is None else (self._current,)

    def _count_waiting(self) -> None:
        self._metrics.of_withdrawals.requests_waiting.set(len(self._waiting) + len(self._sending()))
