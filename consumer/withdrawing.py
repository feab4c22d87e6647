"""From a person's withdrawal to what is to be sent for it: a REMOVE from every audience, and perhaps a privacy request."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from consumer.audience.membership import AudienceKey, MembershipChange
from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What the withdrawals of one record ask for, each a part of it."""

    removals: Sequence[MembershipChange] = ()
    requests: Sequence[PrivacyRequest] = ()
    ignored: Sequence[IgnoreReason] = ()
    rejected: Rejected | None = None


_NOTHING = Asked()


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
        audiences = self._audiences(read)
        if (rejected := _too_many(withdrawals, audiences)) is not None:
            return Asked(rejected=rejected)
        return self._asked(withdrawals, audiences)

    def send(self, request: PrivacyRequest, entry: Entry) -> None:
        """Put one request, a part of the entry's record, on its way."""
        if self._privacy is None:
            raise RuntimeError("a privacy request was made without a Privacy API")
        self._privacy.accept(request, entry)

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

    def _audiences(self, read: RecordReading) -> list[AudienceKey]:
        here = (change.audience for change in read.changes)
        return list(dict.fromkeys([*self._listed, *self._delivery.lanes.audiences(), *here]))

    def _asked(self, withdrawals: Sequence[Withdrawal], audiences: Sequence[AudienceKey]) -> Asked:
        removals: list[MembershipChange] = []
        requests: list[PrivacyRequest] = []
        ignored: list[IgnoreReason] = []
        for each in withdrawals:
            self._delivery.lanes.latest.withdraw(each)
            removals += each.removals(audiences)
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


def _too_many(
    withdrawals: Sequence[Withdrawal], audiences: Sequence[AudienceKey]
) -> Rejected | None:
    removals = sum(len(each.identifiers) for each in withdrawals) * len(audiences)
    if len(withdrawals) == 1 or removals <= REMOVALS_MAX:
        return None
    detail = (
        f"its {len(withdrawals)} withdrawals ask for {removals} removals from {len(audiences)} audiences; {REMOVALS_MAX} is "
        "the most for one record"
    )
    return Rejected(RejectReason.TOO_LARGE, detail)
