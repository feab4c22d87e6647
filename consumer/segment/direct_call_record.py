"""What the events of one record ask for as direct calls, together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from consumer.direct_calls.call import DirectCall
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.direct_call_rules import may_be_direct_call, read_direct_call
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import Decoded
from consumer.segment.membership_rules import Origin

CALL_BYTES: Final = 400
"""A call's objects besides their texts, beyond `CHANGE_BYTES`. Measured with tracemalloc: 560 to 960 bytes in all."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DirectReading:
    """What one record asks for beside membership; nothing of both when none of its events could be a direct call."""

    calls: tuple[DirectCall, ...] = ()
    ignored: tuple[IgnoreReason, ...] = ()
    """One for each event that could be a direct call and is none."""
    rejected: Rejected | None = None
    """That a rule failed on an event: the record is dead-lettered."""

    def reasons(self, of_membership: Sequence[IgnoreReason]) -> Sequence[IgnoreReason]:
        """Why the record's events asked for nothing, given why they did not as memberships.

        Of an ordinary call that could have been forwarded one wants to read why it was not: that it is about no audience
        goes without saying.
        """
        if not self.ignored:
            return of_membership
        reasons = list(of_membership)
        for _ in self.ignored:
            if IgnoreReason.NOT_AN_AUDIENCE in reasons:
                reasons.remove(IgnoreReason.NOT_AN_AUDIENCE)
        return [*reasons, *self.ignored]

    @property
    def size_bytes(self) -> int:
        """What the calls weigh in memory above what the ledger counts for any part of a record."""
        return sum([call.size_bytes + CALL_BYTES for call in self.calls])


NO_DIRECT_CALLS = DirectReading()


def read_direct_calls(
    events: Sequence[Decoded], policy: DirectCallPolicy, origin: Origin, *, now_us: int
) -> DirectReading:
    """Return the direct calls of a record's events. `origin` is the record's; an event adds its place in it."""
    calls: list[DirectCall] = []
    ignored: list[IgnoreReason] = []
    rejected = None
    for position, event in enumerate(events):
        if not isinstance(event, SegmentEvent):
            continue
        try:
            read = _read(event, policy, replace(origin, position=position), now_us=now_us)
        except Exception as error:  # noqa: BLE001 - a bug in a rule must cost one record, not the partition
            log.error(  # noqa: TRY400 - a traceback's last line may quote the event
                "A rule for direct calls failed on an event; this is a bug in this program.",
                error=type(error).__name__, source=origin.source, offset=origin.offset, position=position,
            )  # fmt: skip
            rejected = Rejected(
                RejectReason.INVALID_EVENT,
                f"a rule for direct calls failed with {type(error).__name__}",
            )
            continue
        if isinstance(read, DirectCall):
            calls.append(read)
        elif read is not None:
            ignored.append(read)
    return DirectReading(tuple(calls), tuple(ignored), rejected)


def _read(
    event: SegmentEvent, policy: DirectCallPolicy, origin: Origin, *, now_us: int
) -> DirectCall | IgnoreReason | None:
    if not may_be_direct_call(event, policy):
        return None
    return read_direct_call(event, policy, origin, now_us=now_us)
