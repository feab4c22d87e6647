"""Direct calls with every part overridable, and the rules at work on a Segment event."""

from collections.abc import Collection
from dataclasses import replace

from consumer.choices import DirectCallSink, EmailHash, SegmentCall
from consumer.direct_calls.call import DirectCall
from consumer.record import IgnoreReason
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.direct_call_rules import read_direct_call
from consumer.segment.event_map.events import EventTable
from consumer.segment.event_map.reading import DEFAULT_EVENT_MAP, load_event_map, parse_event_map
from tests.segment_events import ORIGIN, Fields, a_plain_call, a_policy, event_of

ADA = "ada@example.com"
MD5 = "3e3417d7ef77d5932a6734b916515ed5"
SHA1 = "3ca93ad87e0bb737e653b66ad67731e86bbc050f"
SHA256 = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"
HAPPENED_US = 1_772_439_300_000_000
"""2026-03-02T08:15:00Z, when the events of `tests.segment_events` happened."""
NOW_US = HAPPENED_US + 60_000_000
BOTH = (DirectCallSink.COLLECTOR, DirectCallSink.CONVERSIONS)


_PAGE_VIEW = DirectCall(
    sink=DirectCallSink.COLLECTOR,
    call=SegmentCall.PAGE,
    message_id="m-1",
    event_us=HAPPENED_US,
    event_json='{"event":"pageView"}',
)


def a_call(**parts: object) -> DirectCall:
    return replace(_PAGE_VIEW, **parts)  # type: ignore[arg-type]


def a_direct_call_policy(
    event_map: str | None = None,
    *,
    sinks: Collection[DirectCallSink] = (DirectCallSink.COLLECTOR,),
    consent_categories: Collection[str] = (),
    email_hashes: tuple[EmailHash, ...] = tuple(EmailHash),
    max_age_seconds: int = 3600,
) -> DirectCallPolicy:
    """`event_map` is the text of one; None is the default map."""
    rows = (
        load_event_map(DEFAULT_EVENT_MAP) if event_map is None else parse_event_map(event_map, "m")
    )
    membership = a_policy(consent_categories=consent_categories)
    return DirectCallPolicy(
        sinks=frozenset(sinks),
        events=EventTable(rows),
        membership=replace(membership, email_hashes=email_hashes),
        max_age_seconds=max_age_seconds,
    )


def a_visit(
    call: str, *, email: str | None = ADA, context: Fields | None = None, **fields: object
) -> Fields:
    """A call that a website made for somebody who is known; `context` adds to its context."""
    known = {"ip": "203.0.113.7", "traits": {"email": email} if email else {}}
    return a_plain_call(call, context=known | (context or {}), **fields)


def judged(
    fields: Fields, policy: DirectCallPolicy | None = None, *, now_us: int = NOW_US
) -> DirectCall | IgnoreReason:
    return read_direct_call(
        event_of(fields), policy or a_direct_call_policy(), ORIGIN, now_us=now_us
    )


def sent(fields: Fields, policy: DirectCallPolicy | None = None) -> DirectCall:
    call = judged(fields, policy)
    assert isinstance(call, DirectCall), call
    return call
