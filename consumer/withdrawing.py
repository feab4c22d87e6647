"""From a person's withdrawal to what is to be sent for it: a REMOVE from every audience, and perhaps a privacy request."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import structlog

from consumer.audience.membership import AudienceKey, MembershipChange
from consumer.audience.withdrawal import Removals, WithdrawalCause
from consumer.delivery import Delivery
from consumer.kafka.offset_ledger import Entry, PartitionId
from consumer.liveintent.privacy_request import PrivacyRequest
from consumer.privacy_delivery import PrivacyDelivery
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.record_reading import RecordReading
from consumer.segment.withdrawal_rules import IGNORED_AS
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

REMOVALS_MAX: Final = 100_000
"""Of a record with several withdrawals: 60 MB of the memory budget. One withdrawal alone is always followed."""
REMOVALS_A_TURN: Final = 500
"""Put into their lanes before the event loop has its next turn: some 10 ms."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the withdrawals of one record ask for, each a part of it."""

    removals: Removals = field(default_factory=Removals)
    requests: Sequence[PrivacyRequest] = ()
    ignored: Sequence[IgnoreReason] = ()
    rejected: Rejected | None = None

    @property
    def parts(self) -> int:
        """How many parts of the record these are, besides a rejection."""
        return len(self.removals) + len(self.requests)


_NOTHING = Asked()


@dataclass(frozen=True, slots=True)
class _Owed:
    """Removals of one record that are not in their lanes yet."""

    entry: Entry
    left: Iterator[MembershipChange]
    admits: Callable[[MembershipChange], bool]


class Withdrawing:
    """Knows every audience a person can be in: those that are listed, and those this process has met."""

    def __init__(
        self,
        *,
        audiences: Collection[AudienceKey],
        delivery: Delivery,
        privacy: PrivacyDelivery | None,
        metrics: Metrics,
    ) -> None:
        """`audiences` are the listed ones. Without `privacy` no privacy request is made."""
        self._listed = sorted(audiences)
        self._delivery = delivery
        self._privacy = privacy
        self._metrics = metrics
        self._has_warned = False
        self._owed: deque[_Owed] = deque()
        self._done_this_turn = 0

    def asked_by(self, read: RecordReading) -> Asked:
        """What the record's withdrawals ask for. From now on their people's older ADDs are kept out of any audience."""
        if not read.withdrawals and not read.unusable_deletions:
            return _NOTHING
        self._count_unusable(WithdrawalCause.DELETION, read.unusable_deletions)
        withdrawals = []
        for each in read.withdrawals:
            if each.identifiers:
                withdrawals.append(each)
            else:
                self._count_unusable(each.cause, 1)
        if not withdrawals:
            return _NOTHING
        removals = Removals(tuple(withdrawals), self._audiences(read))
        if (rejected := _too_many(removals)) is not None:
            return Asked(rejected=rejected)
        return self._asked(removals)

    def follow(
        self, asked: Asked, entry: Entry, *, admits: Callable[[MembershipChange], bool]
    ) -> None:
        """Put what is asked for, parts of the entry's record, on its way; the removals with `catch_up`.

        A removal that is not admitted finishes its part as `not_replayed`.
        """
        for request in asked.requests:
            if self._privacy is None:
                raise RuntimeError("a privacy request was made without a Privacy API")
            self._privacy.accept(request, entry)
        if asked.removals:
            self._owed.append(_Owed(entry, iter(asked.removals), admits))

    @property
    def is_behind(self) -> bool:
        """Whether there is anything to catch up with."""
        return bool(self._owed)

    async def catch_up(self) -> None:
        """Put all removals into their lanes, a bounded number each time the event loop comes round.

        Those of a partition that leaves meanwhile are dropped: its next owner follows the whole withdrawal. Safe to
        cancel; what was not put is put by the next call.
        """
        while self._owed:
            if self._done_this_turn >= REMOVALS_A_TURN:
                self._done_this_turn = 0
                await asyncio.sleep(0)
                continue
            self._put_some(self._owed[0])

    def _put_some(self, owed: _Owed) -> None:
        room = REMOVALS_A_TURN - self._done_this_turn
        put = 0
        for change in islice(owed.left, room if owed.entry.wanted else 0):
            put += 1
            if owed.admits(change):
                self._delivery.accept(change, owed.entry)
            else:
                self._delivery.leave(owed.entry, IgnoreReason.NOT_REPLAYED)
        self._done_this_turn += put
        if put < room:
            self._owed.popleft()

    async def release(self, partitions: Collection[PartitionId], *, drain_seconds: float) -> None:
        """Let go of everything that came from these partitions, changes and requests, at most so long for what is under way."""
        releases = [self._delivery.release(partitions, drain_seconds=drain_seconds)]
        if self._privacy is not None:
            releases.append(self._privacy.release(partitions, drain_seconds=drain_seconds))
        await asyncio.gather(*releases)

    def let_go(self, partitions: Collection[PartitionId]) -> None:
        """The same, at once."""
        self._delivery.let_go(partitions)
        if self._privacy is not None:
            self._privacy.let_go(partitions)

    def waits_for(self, entry: Entry) -> str:
        """What an unfinished record waits for, as the end of "it waits for ..."."""
        if self._privacy is not None and self._privacy.carries(entry):
            return "LiveIntent's Privacy API to accept its request"
        return self._delivery.waits_for(entry)

    def _audiences(self, read: RecordReading) -> tuple[AudienceKey, ...]:
        here = (change.audience for change in read.changes)
        return tuple(dict.fromkeys([*self._listed, *self._delivery.lanes.audiences(), *here]))

    def _asked(self, removals: Removals) -> Asked:
        audiences = removals.audiences
        requests: list[PrivacyRequest] = []
        ignored: list[IgnoreReason] = []
        for each in removals.withdrawals:
            self._delivery.lanes.latest.withdraw(each)
            request = None if self._privacy is None else self._privacy.request_for(each)
            if request is not None:
                requests.append(request)
            if not audiences and request is None:
                ignored.append(IGNORED_AS[each.cause])
            outcome = "followed" if audiences else "nowhere"
            self._metrics.of_withdrawals.withdrawals.labels(each.cause, outcome).inc()
        return Asked(removals, requests, ignored)

    def _count_unusable(self, cause: WithdrawalCause, events: int) -> None:
        if not events:
            return
        self._metrics.of_withdrawals.withdrawals.labels(cause, "unusable").inc(events)
        if cause is WithdrawalCause.DELETION and not self._has_warned:
            self._has_warned = True
            log.warning(
                "A deletion carries nothing to find its person by; only Segment's user id. Nothing can be removed for it, "
                "nor for others like it: see SEGMENT_DELETIONS.",
            )


def _too_many(removals: Removals) -> Rejected | None:
    people, audiences = len(removals.withdrawals), len(removals.audiences)
    if people == 1 or len(removals) <= REMOVALS_MAX:
        return None
    detail = (
        f"its {people} withdrawals ask for {len(removals)} removals from {audiences} audiences; {REMOVALS_MAX} is "
        "the most for one record"
    )
    return Rejected(RejectReason.TOO_LARGE, detail)
