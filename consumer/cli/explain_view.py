"""Explanations as JSON lines, and as text for people."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from consumer.audience.membership import Action, Identifier, IdentifierType, MembershipChange
from consumer.audience.withdrawal import WithdrawalCause
from consumer.cli.direct_call_view import direct_call_fields, direct_call_lines
from consumer.cli.explanation import EVERY_MET_AUDIENCE, Explanation, Verdict
from consumer.segment.reasons import NOTED, in_words

_STYLES: Mapping[Verdict, str] = {
    Verdict.CHANGES: "bold green",
    Verdict.DIRECT_CALL: "bold green",
    Verdict.IGNORED: "bold yellow",
    Verdict.REJECTED: "bold red",
}
_COUNTED: Mapping[Verdict, str] = {
    Verdict.CHANGES: "with changes",
    Verdict.DIRECT_CALL: "forwarded",
    Verdict.IGNORED: "ignored",
    Verdict.REJECTED: "rejected",
}
_DEEDS: Mapping[Action, str] = {Action.ADD: "add to", Action.REMOVE: "remove from"}
_EVERY_MET = "every other audience the service has met since its start"
_WITHDRAWALS: Mapping[WithdrawalCause, str] = {
    WithdrawalCause.DELETION: "Segment asks to erase this user.",
    WithdrawalCause.CONSENT: ("The person took back consent to one of SEGMENT_CONSENT_CATEGORIES."),
}
_HASHES: Mapping[int, str] = {32: "md5", 40: "sha1", 64: "sha256"}
_SHOWN_CHARACTERS = 8


def as_json_line(explanation: Explanation) -> str:
    """Return the explanation as one line of JSON, in ASCII. Hashes and device ids are whole."""
    return json.dumps(
        {
            "message_id": explanation.message_id,
            "outcome": explanation.verdict,
            "reason": explanation.reason,
            "changes": [
                {
                    "audience": audience,
                    "action": action,
                    "identifiers": {
                        kind: [value for each in identifiers for value in each.values]
                        for kind, identifiers in by_type.items()
                    },
                }
                for (audience, action), by_type in _grouped(explanation.changes).items()
            ],
            **direct_call_fields(explanation.direct_call),
        }
    )


def as_text(explanation: Explanation) -> Text:
    """Return the explanation for a terminal, in as many lines as it needs. Hashes and device ids are shortened."""
    text = Text()
    text.append(_printable(explanation.message_id or "(no message id)"), style="bold")
    text.append(f"  {_printable(' '.join(_about(explanation)))}\n", style="dim")
    text.append(f"  {explanation.verdict}", style=_STYLES[explanation.verdict])
    if explanation.reason is not None and explanation.reason is not explanation.direct_call:
        text.append(f"  {explanation.reason}: {in_words(explanation.reason)}")
    if explanation.withdrawal is not None:
        text.append(f"\n    {_WITHDRAWALS[explanation.withdrawal]}")
    for line in _change_lines(explanation.changes):
        text.append(f"\n    {line}")
    for line in direct_call_lines(explanation.direct_call):
        text.append(f"\n    {_printable(line)}")
    if explanation.detail:
        text.append(f"\n    {_printable(explanation.detail)}")
    for reason, count in Counter(explanation.also_ignored).items():
        text.append(f"\n    and {count} more, {reason}: {in_words(reason)}")
    for note in explanation.notes:
        text.append(f"\n    {note}: {NOTED[note]}", style="dim")
    return text


def summary(verdicts: Counter[Verdict]) -> Text:
    """Return the last lines for a terminal: how many of each, and what an explanation cannot know."""
    total = verdicts.total()
    counts = ", ".join(
        f"{verdicts[verdict]} {words}"
        for verdict, words in _COUNTED.items()
        if verdict is not Verdict.DIRECT_CALL or verdicts[verdict]  # most have switched them off
    )
    text = Text(f"{total} {'event' if total == 1 else 'events'}: {counts}.")
    if verdicts[Verdict.CHANGES]:
        text.append(
            "\nThe running service may still find a change to be a duplicate, or older than what it delivered before.",
            style="dim",
        )
    return text


def _about(explanation: Explanation) -> Iterator[str]:
    if explanation.event_type is not None:
        yield explanation.event_type
    if explanation.named_audience is not None:
        yield f"about {explanation.named_audience}"
    yield f"({explanation.place})"


def _change_lines(changes: Iterable[MembershipChange]) -> Iterator[str]:
    for (audience, action), by_type in _grouped(changes).items():
        members = "; ".join(
            f"{kind} {_shortened(identifier)}"
            for kind, identifiers in by_type.items()
            for identifier in identifiers
        )
        name = _EVERY_MET if audience == EVERY_MET_AUDIENCE else _printable(audience)
        yield f"{_DEEDS[action]} {name}: {members}"


def _shortened(identifier: Identifier) -> str:
    is_hash = identifier.type is IdentifierType.EMAIL_HASH
    return ", ".join(
        f"{value[:_SHOWN_CHARACTERS]}..." + (f" ({_HASHES[len(value)]})" if is_hash else "")
        for value in identifier.values
    )


_Grouped = dict[tuple[str, Action], dict[IdentifierType, list[Identifier]]]


def _grouped(changes: Iterable[MembershipChange]) -> _Grouped:
    grouped: _Grouped = {}
    for change in changes:
        by_type = grouped.setdefault((change.audience, change.action), {})
        by_type.setdefault(change.identifier.type, []).append(change.identifier)
    return grouped


def _printable(text: str) -> str:
    """Return the text without what could move a terminal's cursor or not be written to it."""
    return "".join(character if character.isprintable() else "?" for character in text)
