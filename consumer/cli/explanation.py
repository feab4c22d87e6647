"""What would happen to one event, and why: the facts, before they are put into words or JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from consumer.audience.membership import AudienceKey, MembershipChange
from consumer.audience.withdrawal import WithdrawalCause
from consumer.cli.event_values import EventValue
from consumer.direct_calls.call import DirectCall
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.direct_call_rules import may_be_direct_call, read_direct_call
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import Decoded
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.membership_rules import (
    MembershipPolicy,
    Note,
    Origin,
    Reading,
    read_changes,
)
from consumer.segment.withdrawal_rules import IGNORED_AS

Decode = Callable[[EventValue], Sequence[Decoded]]
"""Gives the events of a value, at least one, or what becomes of it instead."""


EVERY_MET_AUDIENCE = AudienceKey("*")
"""Stands for those that are served without being listed."""


class Verdict(StrEnum):
    """What becomes of an event."""

    CHANGES = "changes"
    DIRECT_CALL = "direct_call"
    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would happen to one event. Its changes might still be duplicate or stale: only the service can know."""

    place: str
    message_id: str | None
    verdict: Verdict
    event_type: str | None = None
    named_audience: str | None = None
    """The audience that Engage says the event is about, served or not."""
    reason: IgnoreReason | RejectReason | None = None
    """None when anything is sent."""
    detail: str = ""
    """More about a rejection: names of fields, types and sizes."""
    changes: tuple[MembershipChange, ...] = ()
    also_ignored: tuple[IgnoreReason, ...] = ()
    """The other parts that ask for nothing."""
    notes: tuple[Note, ...] = ()
    withdrawal: WithdrawalCause | None = None
    """Why its person is to leave every audience, if that is what it asks for."""
    direct_call: DirectCall | IgnoreReason | None = None
    """What is forwarded of it, or why nothing is; None when it is not a question."""


def explain_events(
    values: Iterable[EventValue],
    policy: MembershipPolicy,
    decode: Decode,
    *,
    direct_calls: DirectCallPolicy | None = None,
) -> Iterator[Explanation]:
    """Return one explanation per event, in order, as the values come in. Never raises for what a value holds.

    Direct calls are explained where there is a policy for them, and however old they are: so are the samples people have.
    """
    for number, value in enumerate(values):
        events = decode(value)
        for position, decoded in enumerate(events):
            place = value.place if len(events) == 1 else f"{value.place}, event {position + 1}"
            if isinstance(decoded, SegmentEvent):
                origin = Origin("explain-0", number, position=position)
                reading = read_changes(decoded, policy, origin)
                explanation = _of_event(place, decoded, reading, policy)
                told = _direct_call(decoded, direct_calls, origin)
                yield explanation if told is None else _with_direct_call(explanation, told)
            else:
                yield _without_changes(place, decoded, message_id=_message_id(value.value))


def _of_event(
    place: str, event: SegmentEvent, reading: Reading | Rejected, policy: MembershipPolicy
) -> Explanation:
    message_id = event.message_id or None
    named_audience = _named_audience(event)
    if isinstance(reading, Rejected):
        return _without_changes(place, reading, message_id, event.type, named_audience)
    changes = (*reading.changes, *_removals(reading, policy))
    ignored = reading.ignored
    if reading.withdrawal is not None and not changes and not ignored:
        ignored = (IGNORED_AS[reading.withdrawal.cause],)
    return Explanation(
        place=place,
        message_id=message_id,
        event_type=event.type,
        named_audience=named_audience,
        verdict=Verdict.CHANGES if changes else Verdict.IGNORED,
        reason=None if changes else ignored[0],
        changes=changes,
        also_ignored=ignored if changes else ignored[1:],
        notes=reading.notes,
        withdrawal=None if reading.withdrawal is None else reading.withdrawal.cause,
    )


def _direct_call(
    event: SegmentEvent, policy: DirectCallPolicy | None, origin: Origin
) -> DirectCall | IgnoreReason | None:
    if policy is None or not may_be_direct_call(event, policy):
        return None
    return read_direct_call(event, policy, origin, now_us=0)


def _with_direct_call(explanation: Explanation, told: DirectCall | IgnoreReason) -> Explanation:
    if isinstance(told, DirectCall) and explanation.verdict is Verdict.IGNORED:
        return replace(explanation, verdict=Verdict.DIRECT_CALL, reason=None, direct_call=told)
    if isinstance(told, IgnoreReason) and explanation.reason is IgnoreReason.NOT_AN_AUDIENCE:
        return replace(explanation, reason=told, direct_call=told)  # as the service counts it
    return replace(explanation, direct_call=told)


def _removals(reading: Reading, policy: MembershipPolicy) -> Iterator[MembershipChange]:
    """What a withdrawal would remove: which audiences the service has met, only the service knows."""
    if reading.withdrawal is not None:
        met = [EVERY_MET_AUDIENCE] if policy.every_audience else []
        yield from reading.withdrawal.removals([*sorted(policy.audiences), *met])


def _without_changes(
    place: str,
    outcome: Ignored | Rejected,
    message_id: str | None,
    event_type: str | None = None,
    named_audience: str | None = None,
) -> Explanation:
    return Explanation(
        place=place,
        message_id=message_id,
        event_type=event_type,
        named_audience=named_audience,
        verdict=Verdict.REJECTED if isinstance(outcome, Rejected) else Verdict.IGNORED,
        reason=outcome.reason,
        detail=outcome.detail if isinstance(outcome, Rejected) else "",
    )


def _named_audience(event: SegmentEvent) -> str | None:
    personas = event.context.get("personas")
    key = personas.get("computation_key") if isinstance(personas, Mapping) else None
    return key if isinstance(key, str) else None


def _message_id(value: bytes) -> str | None:
    """Return the id of a value that is no usable event, when it is JSON and has one: to find it again."""
    try:
        fields = parse_json(value)
    except BadJson:
        return None
    if isinstance(fields, Mapping) and isinstance(fields.get("payload"), Mapping):
        fields = fields["payload"]
    message_id = fields.get("messageId") if isinstance(fields, Mapping) else None
    return message_id if isinstance(message_id, str) and message_id else None
