"""What the events of one record ask for, together."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from consumer.audience.membership import MembershipChange
from consumer.audience.withdrawal import Withdrawal
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import Decoded
from consumer.segment.membership_rules import (
    MembershipPolicy,
    Note,
    Origin,
    Reading,
    read_changes,
)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RecordReading:
    """What one record asks for: its events' readings together. Never without any of changes, withdrawals, reasons and a rejection."""

    changes: list[MembershipChange] = field(default_factory=list)
    """In the order to apply them in."""
    withheld: list[MembershipChange] = field(default_factory=list)
    ignored: list[IgnoreReason] = field(default_factory=list)
    """In no order that matters."""
    withdrawals: list[Withdrawal] = field(default_factory=list)
    """Also those that show nothing to find their person by."""
    notes: list[Note] = field(default_factory=list)
    events_with_changes: int = 0
    """How many events ask for changes."""
    rejected: Rejected | None = None
    """The first event that was rejected, and which and how many they are."""
    stage: str = "decode"
    """Where it was rejected."""
    unusable_deletions: int = 0
    """How many events were rejected for being one."""

    def _add(self, reading: Reading) -> None:
        self.changes += reading.changes
        self.withheld += reading.withheld
        self.ignored += reading.ignored
        self.notes += reading.notes
        if reading.withdrawal is not None:
            self.withdrawals.append(reading.withdrawal)
        self.events_with_changes += bool(reading.changes or reading.withdrawal)


def read_record(
    events: Sequence[Decoded], policy: MembershipPolicy, origin: Origin
) -> RecordReading:
    """What the events of a record ask for. `origin` is the record's; an event adds its place in it.

    One that is rejected does not keep the others from being followed: the record is then dead-lettered besides.
    """
    together = RecordReading()
    rejections: list[tuple[int, Rejected, str]] = []
    for position, event in enumerate(events):
        if isinstance(event, Ignored):
            together.ignored.append(event.reason)
        elif isinstance(event, Rejected):
            rejections.append((position, event, "decode"))
        else:
            read = _read(event, policy, replace(origin, position=position) if position else origin)
            if isinstance(read, Rejected):
                rejections.append((position, read, "rules"))
            else:
                together._add(read)  # noqa: SLF001 - this is how it is made
    if rejections:
        position, first, together.stage = rejections[0]
        together.rejected = _placed(first, position, len(events), len(rejections))
        together.unusable_deletions = sum(
            each.reason is RejectReason.UNUSABLE_DELETION for _, each, _ in rejections
        )
    return together


def _read(event: SegmentEvent, policy: MembershipPolicy, origin: Origin) -> Reading | Rejected:
    try:
        return read_changes(event, policy, origin)
    except Exception as error:  # noqa: BLE001 - a bug in a rule must cost one record, not the partition
        log.error(  # noqa: TRY400 - a traceback's last line may quote the event
            "A membership rule failed on an event; this is a bug in this program.",
            error=type(error).__name__, source=origin.source, offset=origin.offset, position=origin.position,
        )  # fmt: skip
        return Rejected(
            RejectReason.INVALID_EVENT, f"a membership rule failed with {type(error).__name__}"
        )


def _placed(rejected: Rejected, position: int, events: int, rejections: int) -> Rejected:
    """The rejection, with its place for people, who count from 1; a record's only event needs none."""
    if events == 1:
        return rejected
    others = f"; {rejections} of {events} are refused" if rejections > 1 else ""
    return replace(rejected, detail=f"event {position + 1} of {events}: {rejected.detail}{others}")
