"""What the peers read, with what must come of it: keyed, in order, with some noise."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache

from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_encoders import as_avro_confluent
from consumer.sandbox.segment_feed import Disorder, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem
from tests.benchmarks.feeds import Record
from tests.benchmarks.stand_ins import SCHEMA_ID, digest_of_members

WARM_UP_EVENTS = 300
"""Read before anything is timed: start-up, the first connections, the creation of the audiences."""
NOISE_SHARE = 0.25
PEOPLE_SHARE = 0.125
"""People for an event: with six audiences about every third change is one of somebody who was there before."""

Members = Mapping[str, Mapping[str, Set[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersFeed:
    """Records in the order of their topic; the first `WARM_UP_EVENTS` are for warming up.

    `changes` and `rows` count what the rest asks for, each change on its own. `members` must stand at LiveIntent after all of
    it, `warm_members` (as `digest_of_members` has them) after the warm-up.
    """

    records: Sequence[Record] = field(repr=False)
    changes: int
    rows: int
    members: Members = field(repr=False)
    warm_members: Mapping[str, Mapping[str, str]] = field(repr=False)

    @property
    def warm_up(self) -> Sequence[Record]:
        return self.records[:WARM_UP_EVENTS]

    @property
    def rest(self) -> Sequence[Record]:
        return self.records[WARM_UP_EVENTS:]


@cache
def peers_feed(events: int) -> PeersFeed:
    """A feed of so many events after the warm-up; the same at each call.

    In order, and free of what only a memory of earlier events can decide: whoever applies it from the top, or from any
    record on a second time, is right in the end.
    """
    options = FeedOptions(
        events=events + WARM_UP_EVENTS,
        people=max(20, round(events * PEOPLE_SHARE)),
        undecodable=0,
        disorder=Disorder.NONE,
        noise_share=NOISE_SHARE,
        consent_category=None,
        unserved_audiences=(),
    )
    items = list(segment_feed(options))
    oracle = Oracle(options.audiences)
    warm_members: Mapping[str, Mapping[str, str]] = {}
    for number, item in enumerate(items, 1):
        oracle.see(item)
        if number == WARM_UP_EVENTS:
            members = oracle.members()
            warm_members = {name: digest_of_members(kinds) for name, kinds in members.items()}
    rows = [_rows_in(item) for item in items[WARM_UP_EVENTS:]]
    return PeersFeed(
        records=[Record(item.key, as_avro_confluent(item.value, SCHEMA_ID)) for item in items],
        changes=sum(count > 0 for count in rows),
        rows=sum(rows),
        members=oracle.members(),
        warm_members=warm_members,
    )


def _rows_in(item: FeedItem) -> int:
    match item.intent:
        case ChangeIntent(contact=contact):
            return sum(map(len, contact.members.values()))
        case _:
            return 0
