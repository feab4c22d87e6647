"""Everything about one dead letter but its key and value, as JSON and as text for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from rich.text import Text

from consumer.audience.membership import Action
from consumer.cli.dead_letters_view import (
    as_fields,
    as_time,
    counted,
    failure_fields,
    place_of,
    printable,
)
from consumer.cli.event_values import EventValue
from consumer.cli.explanation import Decode, Explanation, Verdict, explain_events
from consumer.kafka.dead_letter_headers import (
    Failure,
    as_first_read,
    read_failures,
    without_failures,
)
from consumer.kafka.dead_letter_selection import DeadLetter, dead_letter_from
from consumer.kafka.redrive_headers import redriven_from
from consumer.record import IgnoreReason, KafkaRecord, RejectReason
from consumer.segment.membership_rules import MembershipPolicy
from consumer.segment.reasons import in_words
from consumer.telemetry.redaction import redacted

_PRECEDENCE: Mapping[str, int] = {reason: place for place, reason in enumerate(IgnoreReason)}
_DEEDS: Mapping[Action, str] = {Action.ADD: "add to", Action.REMOVE: "remove from"}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would become of the event now, without the people in it; or why that cannot be said."""

    verdict: Verdict | None = None
    reason: IgnoreReason | RejectReason | None = None
    detail: str = ""
    changes: tuple[tuple[str, Action], ...] = ()
    problem: str = ""
    events: tuple["Outlook", ...] = ()
    """Of each event, when the record holds several; the rest is then of the record."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One dead letter. `failures` begins with the first."""

    letter: DeadLetter
    redriven: bool
    failures: tuple[Failure, ...]
    headers: tuple[str, ...]
    """The names of the record's own."""
    put_back_from: str | None
    """The dead letter it was put back from before it failed this time: `topic:partition:offset`."""
    outlook: Outlook

    @classmethod
    def of(cls, record: KafkaRecord, *, redriven: bool, outlook: Outlook) -> Self:
        """Return what there is to tell of a record that is a dead letter."""
        letter = dead_letter_from(record)
        if letter is None:
            message = "only a dead letter can be told of"
            raise RuntimeError(message)
        return cls(
            letter=letter,
            redriven=redriven,
            failures=tuple(read_failures(record.headers)),
            headers=tuple(name for name, _ in without_failures(record.headers)),
            put_back_from=redriven_from(record.headers),
            outlook=outlook,
        )


def outlook_on(record: KafkaRecord, policy: MembershipPolicy, decode: Decode) -> Outlook:
    """Return what `explain` says of the record's events."""
    value = EventValue(
        "dead letter",
        record.value or b"",
        topic=as_first_read(record).topic,
        headers=tuple(without_failures(record.headers)),
    )
    events = tuple(_outlook(each) for each in explain_events([value], policy, decode))
    if len(events) == 1:
        return events[0]
    decisive = min(events, key=_weight)
    return replace(
        decisive,
        changes=tuple(dict.fromkeys(change for event in events for change in event.changes)),
        events=events,
    )


def _outlook(explanation: Explanation) -> Outlook:
    return Outlook(
        verdict=explanation.verdict,
        reason=explanation.reason,
        detail=explanation.detail,
        changes=tuple(dict.fromkeys((each.audience, each.action) for each in explanation.changes)),
    )


def _weight(event: Outlook) -> tuple[int, int]:
    """Which event decides for its record, the least first: a rejected one, else one with changes, else by reason."""
    if event.verdict is Verdict.REJECTED:
        return 0, 0
    if event.verdict is Verdict.CHANGES or event.reason is None:
        return 1, 0
    return 2, _PRECEDENCE.get(event.reason, 0)


def detail_fields(detail: Detail) -> dict[str, object]:
    """Return what is told in JSON: the fields of `list`, and the rest."""
    outlook = detail.outlook
    return {
        **as_fields(detail.letter, redriven=detail.redriven),
        "failures": [failure_fields(failure) for failure in detail.failures],
        "put_back_from": detail.put_back_from,
        "headers": list(detail.headers),
        "now": {
            **_outlook_fields(outlook),
            "problem": outlook.problem,
            **({"events": list(map(_outlook_fields, outlook.events))} if outlook.events else {}),
        },
    }


def _outlook_fields(outlook: Outlook) -> dict[str, object]:
    return {
        "outcome": outlook.verdict,
        "reason": outlook.reason,
        "detail": redacted(outlook.detail),
        "changes": [{"audience": name, "action": action} for name, action in outlook.changes],
    }


def as_text(detail: Detail) -> Text:
    """Return it for a terminal, in as many lines as it needs."""
    letter = detail.letter
    text = Text()
    text.append(str(letter.place), style="bold")
    text.append(f"  failed at {as_time(letter.failed_at_ms)}", style="dim")
    text.append("  put back" if detail.redriven else "  not put back", style="bold")
    for line in _lines(detail):
        text.append(f"\n  {printable(line)}")
    return text


def _lines(detail: Detail) -> Iterator[str]:
    letter = detail.letter
    yield f"key {_size(letter.key_bytes)}, value {_size(letter.value_bytes)}, headers: {', '.join(detail.headers) or 'none'}"
    for failure in reversed(detail.failures):
        about = f" ({failure.audience})" if failure.audience else ""
        yield f"attempt {failure.attempt}: {failure.reason}{about} at {failure.stage}, version {failure.version}"
        yield f"  read from {place_of(failure)}, of {as_time(failure.timestamp_ms) or 'no time'}"
        if failure.detail:
            yield f"  {redacted(failure.detail)}"
    if detail.put_back_from is not None:
        yield f"was put back from {detail.put_back_from} before it failed this time"
    yield from _outlook_lines(detail.outlook)


def _outlook_lines(outlook: Outlook) -> Iterator[str]:
    if outlook.verdict is None:
        yield f"what would become of it now cannot be said: {outlook.problem}"
        return
    if outlook.events:
        yield f"now: {outlook.verdict}, as a record of {len(outlook.events)} events"
        for number, event in enumerate(outlook.events, 1):
            yield from _verdict_lines(f"event {number}", event)
    else:
        yield from _verdict_lines("now", outlook)


def _verdict_lines(what: str, outlook: Outlook) -> Iterator[str]:
    why = "" if outlook.reason is None else f", {outlook.reason}: {in_words(outlook.reason)}"
    yield f"{what}: {outlook.verdict}{why}"
    if outlook.detail:
        yield f"  {redacted(outlook.detail)}"
    for audience, action in outlook.changes:
        yield f"  {_DEEDS[action]} {audience}"


def _size(size_bytes: int | None) -> str:
    return "none" if size_bytes is None else counted(size_bytes, "byte")
