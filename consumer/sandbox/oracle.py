"""What must be true in the end: who is in which audience, and how many records ended how.

Computed from what the generator meant, never from the events themselves and never by the program's own rules:
newest time wins per audience and identifier, and a refused enter keeps out the older ones that arrive after it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.segment_intents import (
    ChangeIntent,
    FeedItem,
    Move,
    NoiseIntent,
    UnusableIntent,
)

Members = Mapping[str, Mapping[str, set[str]]]
"""Audience, then identifier type, to the rows LiveIntent holds."""

CONTESTED = frozenset({IgnoreReason.DUPLICATE, IgnoreReason.STALE, IgnoreReason.NOBODY_TO_REMOVE})
"""Reasons that depend on what had been sent when the record arrived."""

_When = tuple[int, int]
_Member = tuple[str, str, frozenset[str]]
"""Audience, identifier type, and its rows: all the hashes of an email are one identifier."""


@dataclass(frozen=True, slots=True)
class ExpectedOutcomes:
    """How the records of a feed must end, as far as no timing changes it.

    `changes` records end delivered, duplicate or stale: which of the three depends on when batches were sent, but
    at least `delivered_at_least` are delivered. All others are counted exactly.
    """

    records: int
    changes: int
    delivered_at_least: int
    ignored: Mapping[IgnoreReason, int]
    dead_lettered: Mapping[RejectReason, int]


@dataclass(slots=True)
class _Standing:
    """One identifier in one audience: the newest change that counted, and the newest enter that was refused."""

    move: Move | None = None
    when: _When = (0, 0)
    message_id: str = ""
    refused: _When = (0, 0)
    uncertain: bool = False

    def see(self, change: ChangeIntent) -> None:
        when = (change.as_of_ms, change.received_ms)
        if change.move is Move.REFUSED_ENTER:
            self.refused = max(self.refused, when)
            # An enter that may still wait in a queue is withdrawn, one that was sent is not.
            self.uncertain = self.move is Move.ENTER and self.when < when
            return
        is_newer = when > self.when and change.message_id != self.message_id
        if is_newer and (change.move is Move.EXIT or when > self.refused):
            self.move, self.when, self.message_id = change.move, when, change.message_id
            self.uncertain = False


class Oracle:
    """Sees every item of a feed in the order of arrival, and then knows how it must end."""

    def __init__(self, audiences: Iterable[str] = ()) -> None:
        """`audiences` are listed even when nobody is in them."""
        self._audiences = set(audiences)
        self._standings: dict[_Member, _Standing] = {}
        self._ignored: Counter[IgnoreReason] = Counter()
        self._dead_lettered: Counter[RejectReason] = Counter()
        self._changes = 0

    @classmethod
    def of(cls, items: Iterable[FeedItem]) -> Self:
        """The oracle of a whole feed."""
        oracle = cls()
        for item in items:
            oracle.see(item)
        return oracle

    def see(self, item: FeedItem) -> None:
        """Take the next item in. The items of one key must come in the order of their partition."""
        match item.intent:
            case ChangeIntent() as change:
                self._see_change(change)
            case NoiseIntent(reason):
                self._ignored[reason] += 1
            case UnusableIntent(unusable):
                self._dead_lettered[unusable] += 1

    @property
    def uncertain(self) -> int:
        """Members whose end depends on timing, so that no comparison is fair. A generated feed has none."""
        return sum(standing.uncertain for standing in self._standings.values())

    def members(self) -> dict[str, dict[str, set[str]]]:
        """Audience and identifier type to the rows LiveIntent must hold. Types without rows are left out."""
        members: dict[str, dict[str, set[str]]] = {name: {} for name in self._audiences}
        for (audience, identifier_type, rows), standing in self._standings.items():
            of_audience = members.setdefault(audience, {})
            if standing.move is Move.ENTER:
                of_audience.setdefault(identifier_type, set()).update(rows)
        return members

    def outcomes(self) -> ExpectedOutcomes:
        """How the records seen so far must end."""
        newest = {
            standing.message_id
            for standing in self._standings.values()
            if standing.move is not None
        }
        return ExpectedOutcomes(
            records=self._changes + self._ignored.total() + self._dead_lettered.total(),
            changes=self._changes,
            delivered_at_least=len(newest),
            ignored=dict(self._ignored),
            dead_lettered=dict(self._dead_lettered),
        )

    def _see_change(self, change: ChangeIntent) -> None:
        if change.move is Move.REFUSED_ENTER:
            self._ignored[IgnoreReason.NO_CONSENT] += 1
        else:
            self._changes += 1
        for identifier_type, rows in change.contact.members.items():
            member = (change.audience, identifier_type, rows)
            self._standings.setdefault(member, _Standing()).see(change)
