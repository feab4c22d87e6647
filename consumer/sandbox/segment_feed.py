"""A generated Segment feed: the same options give the same events, and each item says what was meant by it.

Around the changes of membership it puts what a real topic has: duplicates, late and out-of-order events, enters
sent again, one change in two forms, refused consent, clocks that run ahead, and noise of every kind.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from random import Random

from consumer.record import RejectReason
from consumer.sandbox.segment_changes import ChangeSource
from consumer.sandbox.segment_events import iso
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem, Move, UnusableIntent
from consumer.sandbox.segment_noise import NoiseSource
from consumer.sandbox.segment_people import ALL_HASHES, invent_people

AUDIENCES = (
    "lapsed_buyers_90d",
    "vip_customers",
    "newsletter_lapsed",
    "30_day_active",
    "software_accounts",
    "welcome_series__show_ad_q7x2d",
)
UNSERVED_AUDIENCES = ("staff_only_beta", "test_audience_do_not_use")
NOT_AN_EVENT = b"\xff\xfe this was never an event"

_FARTHEST_DELAY = 200
_REPLAYABLE_KEPT = 512
_DUPLICATED = 0.05
_REPLAYED = 0.01
_SWAPPED = 0.07


class Disorder(StrEnum):
    """How far arrival may stray from the order in which things happened."""

    NONE = "none"
    """Keyed and in order; a duplicate comes right after its original. Reading again from any record of a partition
    ends in the same state, without any memory of what was read before."""
    SEGMENT = "segment"
    """As Segment delivers: late duplicates, pairs in the wrong order, old events replayed over newer ones. Who is a
    member in the end is certain only while the records of one key keep their order."""


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What to generate. `events` counts the records, the `undecodable` ones among them included.

    `consent_category` None makes no event about consent. Without `unserved_audiences` no event names an audience
    outside `audiences`, as a consumer of every audience (`*`) needs it.
    """

    seed: int = 1
    events: int = 5_000
    audiences: tuple[str, ...] = AUDIENCES
    unserved_audiences: tuple[str, ...] = UNSERVED_AUDIENCES
    people: int = 1_000
    undecodable: int = 1
    disorder: Disorder = Disorder.SEGMENT
    noise_share: float = 0.25
    consent_category: str | None = "Advertising"
    email_hashes: tuple[str, ...] = ALL_HASHES
    starts_at: datetime = datetime(2026, 9, 1, tzinfo=UTC)
    seconds_between_events: float = 5.0


def segment_feed(options: FeedOptions) -> Iterator[FeedItem]:
    """`options.events` records, in the order in which they arrive on the topic."""
    undecodable = min(options.undecodable, options.events)
    # Spread evenly, neither first nor last while there is room.
    unusable_at = {(i + 1) * options.events // (undecodable + 1) for i in range(undecodable)}
    usable = _Arrivals(options, options.events - undecodable).items()
    for position in range(options.events):
        if position in unusable_at:
            intent = UnusableIntent(RejectReason.UNDECODABLE)
            yield FeedItem(f"unreadable-{position}".encode(), NOT_AN_EVENT, intent)
        else:
            yield next(usable)


class _Arrivals:
    """The usable records, as they happen and then as they arrive."""

    def __init__(self, options: FeedOptions, wanted: int) -> None:
        self._options = options
        self._wanted = wanted
        self._randomness = Random(options.seed)  # noqa: S311  # repeatable is the point
        people = invent_people(self._randomness, options.people, email_hashes=options.email_hashes)
        self._changes = ChangeSource(
            self._randomness, people, options.audiences, options.consent_category
        )
        self._noise = NoiseSource(
            self._randomness, people, options.audiences, options.unserved_audiences
        )
        self._now_ms = round(options.starts_at.timestamp() * 1000)
        self._made = self._arrived = 0
        self._tickets = count()
        self._late: list[tuple[int, int, FeedItem]] = []
        self._replayable: deque[FeedItem] = deque(maxlen=_REPLAYABLE_KEPT)

    def items(self) -> Iterator[FeedItem]:
        while self._made < self._wanted:
            for item in self._next():
                self._arrived += 1
                yield item
            while self._late and self._late[0][0] <= self._arrived:
                self._arrived += 1
                yield heapq.heappop(self._late)[2]
        while self._late:
            yield heapq.heappop(self._late)[2]

    def _next(self) -> Iterator[FeedItem]:
        """What happens next, as far as it arrives at once; the rest is put aside."""
        step_ms = 2_000 * self._options.seconds_between_events * self._randomness.random()
        self._now_ms += 1 + round(step_ms)
        luck = self._randomness.random()
        if luck < self._options.noise_share:
            yield from self._counted([self._noise.make(self._now_ms)])
        elif self._options.disorder is Disorder.NONE:
            for item in self._counted(self._changes.change(self._now_ms)):
                yield item
                yield from self._duplicates(item, self._later_ms())
        else:
            yield from self._disordered()

    def _disordered(self) -> Iterator[FeedItem]:
        luck = self._randomness.random()
        if luck < _REPLAYED and self._replayable:
            old = self._randomness.choice(self._replayable)
            yield from self._counted(_received_again(old, self._now_ms))
        elif luck > 1 - _SWAPPED:
            later, earlier = self._changes.swapped_pair(self._now_ms)
            yield from self._counted(later)
            self._put_aside(self._counted(earlier))
        else:
            for item in self._counted(self._changes.change(self._now_ms)):
                yield item
                self._put_aside(self._duplicates(item, self._later_ms()))
                self._replayable.append(item)

    def _later_ms(self) -> int:
        return self._now_ms + self._randomness.randrange(30_000, 90_000)

    def _counted(self, items: list[FeedItem]) -> list[FeedItem]:
        items = items[: self._wanted - self._made]
        self._made += len(items)
        return items

    def _duplicates(self, item: FeedItem, received_ms: int) -> list[FeedItem]:
        if self._randomness.random() > _DUPLICATED:
            return []
        return self._counted(_received_again(item, received_ms))

    def _put_aside(self, items: list[FeedItem]) -> None:
        for item in items:
            arrives = self._arrived + self._randomness.randrange(1, _FARTHEST_DELAY)
            heapq.heappush(self._late, (arrives, next(self._tickets), item))


def _received_again(item: FeedItem, received_ms: int) -> list[FeedItem]:
    """The same message, received later; nothing when it may not repeat.

    A time that is believed only as far as Segment's clock goes would be believed further at each repetition, and
    then who is a member depends on what is remembered of message ids: the feed has no such events.
    """
    match item:
        case FeedItem(
            value=dict() as event, intent=ChangeIntent(move=Move.ENTER | Move.EXIT) as intent
        ):
            if intent.as_of_ms > intent.received_ms:
                return []
            later_ms = max(received_ms, intent.received_ms + 1_000)
            again = {**event, "receivedAt": iso(later_ms)}
            return [FeedItem(item.key, again, replace(intent, received_ms=later_ms))]
        case _:
            return []
