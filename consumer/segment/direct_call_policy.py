"""What the customer decided about direct calls."""

from dataclasses import dataclass

from consumer.choices import DirectCallSink, SegmentCall
from consumer.segment.event_map.events import EventTable
from consumer.segment.membership_policy import MembershipPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCallPolicy:
    """The settings that direct calls depend on, as plain values."""

    sinks: frozenset[DirectCallSink]
    """Those that are switched on."""
    calls: frozenset[SegmentCall] = frozenset(SegmentCall)
    """The calls of Segment's that are forwarded."""
    events: EventTable
    """What each call becomes, and where the person's choices are."""
    membership: MembershipPolicy
    """Names in `integrations`, consent categories and hashes are the same for direct calls as for additions."""
    max_age_seconds: int = 3600
    """How old an event may be. The collector knows no event time: whatever is sent happens now."""
