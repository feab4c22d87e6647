"""What the events of one record ask for, together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class RecordReading:
    """What one record asks for. Never without any of changes, reasons and a rejection."""

    readings: tuple[Reading, ...]
    """One for each event that was not rejected, in the record's order."""
    rejected: Rejected | None = None
    """The first event that was rejected, and which and how many they are."""
    stage: str = "decode"
    """Where it was rejected."""
    unusable_deletions: int = 0
    """How many events were rejected for being one."""

    @property
    def changes(self) -> list[MembershipChange]:
        """All events', in the order to apply them in."""
        return [change for reading in self.readings for change in reading.changes]

    @property
    def withheld(self) -> list[MembershipChange]:
        """All events'."""
        return [change for reading in self.readings for change in reading.withheld]

    @property
    def ignored(self) -> list[IgnoreReason]:
        """All events', in no order that matters."""
        return [reason for reading in self.readings for reason in reading.ignored]

    @property
    def withdrawals(self) -> list[Withdrawal]:
        """All events', also those that show nothing to find their person by."""
        return [each.withdrawal for each in self.readings if each.withdrawal is not None]

    @property
    def notes(self) -> list[Note]:
        """All events'."""
        return [note for reading in self.readings for note in reading.notes]

    @property
    def events_with_changes(self) -> int:
        """How many events ask for changes."""
        return sum(bool(reading.changes or reading.withdrawal) for reading in self.readings)


def read_record(
    events: Sequence[Decoded], policy: MembershipPolicy, origin: Origin
) -> RecordReading:
    """What the events of a record ask for. `origin` is the record's; an event adds its place in it.

    One that is rejected does not keep the others from being followed: the record is then dead-lettered besides.
    """
    readings: list[Reading] = []
    rejections: list[tuple[int, Rejected, str]] = []
    for position, event in enumerate(events):
        match event:
            case Ignored(reason):
                readings.append(Reading((), ignored=(reason,)))
            case Rejected():
                rejections.append((position, event, "decode"))
            case SegmentEvent():
                read = _read(event, policy, replace(origin, position=position))
                if isinstance(read, Rejected):
                    rejections.append((position, read, "rules"))
                else:
                    readings.append(read)
    if not rejections:
        return RecordReading(tuple(readings))
    position, first, stage = rejections[0]
    return RecordReading(
        tuple(readings),
        _placed(first, position, len(events), len(rejections)),
        stage,
        sum(each.reason is RejectReason.UNUSABLE_DELETION for _, each, _ in rejections),
    )


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
