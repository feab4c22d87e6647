"""People entering and leaving audiences, as Engage tells of it: the part of a feed that must change LiveIntent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from consumer.sandbox import segment_events as shapes
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem, Move
from consumer.sandbox.segment_people import IDFA, Person

# How far ahead of Segment's own clock an event's time is believed: the program's documented five minutes.
BELIEVED_SKEW_MS = 300_000

_LATENCY_MS = 12_400
_YEARS_AHEAD_MS = 5 * 365 * 86_400_000
_RENAMED = ("Best people", "Audience Entered", "Audience Exited")
_ENRICHMENT = {"firstName": "Ana", "newsletter_opt_in": True, "employees": "50", "age": None}
_INTEGRATIONS: tuple[Sequence[Mapping[str, Any]], Sequence[int]] = (
    (shapes.ADDRESSED, {"All": False, "Kafka": True}, {"All": False, shapes.DESTINATION: {"v": 1}}, {}),
    (80, 10, 5, 5),
)  # fmt: skip


@dataclass(slots=True)
class _Standing:
    person: Person
    audience: str
    member: bool = False
    last_ms: int = 0


@dataclass(slots=True)
class ChangeSource:
    """Moves people in and out, remembering where each one stands."""

    randomness: Random
    people: Sequence[Person]
    audiences: Sequence[str]
    consent_category: str | None
    _standings: dict[tuple[str, str], _Standing] = field(default_factory=dict)

    def change(self, now_ms: int) -> list[FeedItem]:
        """One thing that happened to one person, as the events that tell of it, in order.

        Several when the person has several contacts, or when the destination gets both forms.
        """
        standing = self._somebody()
        luck = self.randomness.random()
        if standing.member:
            move = Move.ENTER if luck < 0.25 else Move.EXIT
        else:
            refused = luck < 0.08 and self.consent_category is not None
            move = Move.REFUSED_ENTER if refused else Move.ENTER
        ahead_ms = _YEARS_AHEAD_MS if luck > 0.995 else 0
        return self._move(standing, move, now_ms, ahead_ms=ahead_ms)

    def swapped_pair(self, now_ms: int) -> tuple[list[FeedItem], list[FeedItem]]:
        """Two things that happened to one person in one audience: the later one first, then the earlier.

        Enter and exit, exit and enter, or an enter and one that consent refused: the later one must win.
        """
        standing = self._somebody()
        if standing.member:
            moves = Move.EXIT, Move.ENTER
        elif self.consent_category is not None and self.randomness.random() < 0.2:
            moves = Move.ENTER, Move.REFUSED_ENTER
        else:
            moves = Move.ENTER, Move.EXIT
        earlier = self._move(standing, moves[0], now_ms)
        gap_ms = self.randomness.randrange(60_000, 3_600_000)
        later = self._move(standing, moves[1], standing.last_ms + gap_ms)
        return later, earlier

    def _somebody(self) -> _Standing:
        person = self.randomness.choice(self.people)
        audience = self.randomness.choice(self.audiences)
        pair = (person.user_id, audience)
        if pair not in self._standings:
            self._standings[pair] = _Standing(person, audience)
        return self._standings[pair]

    def _move(
        self, standing: _Standing, move: Move, at_ms: int, *, ahead_ms: int = 0
    ) -> list[FeedItem]:
        # After everything that happened to this person in this audience: no two changes of a member are equally old.
        at_ms = max(at_ms, standing.last_ms + 1_000)
        standing.member = move is Move.ENTER
        standing.last_ms = min(at_ms + ahead_ms, at_ms + _LATENCY_MS + BELIEVED_SKEW_MS)
        in_both_forms = self.randomness.random() < 0.04
        first = self.randomness.choice((self._identify, self._track))
        forms = (self._identify, self._track) if in_both_forms else (first,)
        items = []
        for form in forms:
            for contact in standing.person.contacts:
                intent = ChangeIntent(
                    audience=standing.audience,
                    contact=contact,
                    move=move,
                    as_of_ms=standing.last_ms,
                    received_ms=at_ms + _LATENCY_MS,
                    message_id=shapes.engage_message_id(self.randomness),
                )
                event = form(intent, self._base(intent, at_ms + ahead_ms))
                items.append(FeedItem(contact.user_id.encode(), event, intent))
        return items

    def _base(self, intent: ChangeIntent, timestamp_ms: int) -> shapes.Event:
        key = intent.audience
        context: dict[str, Any] = {"personas": shapes.personas(key, shapes.class_of(key))}
        integrations = self.randomness.choices(*_INTEGRATIONS)[0]
        luck = self.randomness.random()
        if intent.move is Move.REFUSED_ENTER:
            empty = luck < 0.3
            context["consent"] = {
                "categoryPreferences": {} if empty else self._consent(given=False)
            }
        elif intent.move is Move.EXIT and luck < 0.05:
            # Neither may keep anybody in an audience.
            context["consent"] = {"categoryPreferences": self._consent(given=False)}
            integrations = {"All": True, shapes.DESTINATION: False}
        elif luck < 0.10:
            context["consent"] = {"categoryPreferences": self._consent(given=True)}
        return shapes.engage_base(
            intent.message_id,
            timestamp_ms,
            context,
            received_ms=intent.received_ms,
            integrations=integrations,
        )

    def _consent(self, *, given: bool) -> dict[str, bool]:
        if self.consent_category is None:
            return {}
        return {self.consent_category: given, "Analytics": not given}

    def _identify(self, intent: ChangeIntent, base: shapes.Event) -> shapes.Event:
        contact, member = intent.contact, intent.move is not Move.EXIT
        event = shapes.audience_identify(contact, intent.audience, member=member, base=base)
        if contact.device is not None and self.randomness.random() < 0.3:
            trait = "ios_idfa" if IDFA in contact.members else "android_idfa"
            event["traits"][trait] = contact.device.advertising_id
        else:
            event["context"].update(shapes.device_context(contact))
        if self.randomness.random() < 0.1:
            event["traits"].update(_ENRICHMENT)
        return event

    def _track(self, intent: ChangeIntent, base: shapes.Event) -> shapes.Event:
        contact, member = intent.contact, intent.move is not Move.EXIT
        event = shapes.audience_track(contact, intent.audience, member=member, base=base)
        event["context"].update(shapes.device_context(contact))
        luck = self.randomness.random()
        if luck < 0.1:
            event["event"] = self.randomness.choice(_RENAMED)
        if contact.email_as_sent is not None and luck > 0.9:
            del event["context"]["traits"]
            if luck > 0.95:
                event["properties"]["email"] = contact.email_as_sent
            else:
                event["context"]["externalIds"] = [_external_id(contact.email_as_sent)]
        return event


def _external_id(email: str) -> dict[str, str]:
    return {"id": email, "type": "email", "collection": "users", "encoding": "none"}
