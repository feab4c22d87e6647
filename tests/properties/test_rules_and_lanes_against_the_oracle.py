"""The generated feed, read by the program's own rules and lanes, must end where the oracle says, however it is batched."""

from collections import defaultdict
from collections.abc import Iterable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.lane import Lane
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, AudienceKey
from consumer.record import IgnoreReason, Rejected
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import Disorder, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import (
    ChangeIntent,
    FeedItem,
    Move,
    NoiseIntent,
    UnusableIntent,
)
from consumer.segment.event import event_from
from consumer.segment.membership_policy import MembershipPolicy
from consumer.segment.membership_rules import Origin, Reading, read_changes
from tests.properties.effort import effort

FEEDS = st.builds(
    FeedOptions,
    seed=st.integers(0, 100_000),
    events=st.just(600),
    people=st.integers(10, 100),
    disorder=st.sampled_from(Disorder),
)
POLICY = MembershipPolicy(
    audiences=frozenset(map(AudienceKey, FeedOptions().audiences)),
    every_audience=False,
    consent_categories=frozenset({"Advertising"}),
)


def reading_of(item: FeedItem, offset: int) -> Reading | None:
    """What the program reads in an item; None when it is not an event."""
    if isinstance(item.value, bytes):
        return None
    event = event_from(item.value)
    assert not isinstance(event, Rejected)
    reading = read_changes(event, POLICY, Origin("events-0", offset))
    assert isinstance(reading, Reading)
    return reading


@effort(examples=15)
@given(FEEDS)
def test_the_program_reads_every_event_as_it_was_meant(options: FeedOptions) -> None:
    for offset, item in enumerate(segment_feed(options)):
        reading = reading_of(item, offset)
        if reading is None:
            continue
        match item.intent:
            case UnusableIntent():
                raise AssertionError(item)
            case NoiseIntent(reason):
                assert (reading.changes, reading.ignored[0]) == ((), reason)
            case ChangeIntent(move=Move.REFUSED_ENTER):
                assert (reading.changes, reading.ignored) == ((), (IgnoreReason.NO_CONSENT,))
                assert reading.withheld
            case ChangeIntent() as meant:
                action = Action.REMOVE if meant.move is Move.EXIT else Action.ADD
                assert {change.action for change in reading.changes} == {action}
                assert {
                    str(change.identifier.type): frozenset(change.identifier.values)
                    for change in reading.changes
                } == meant.contact.members


@effort(examples=15)
@given(FEEDS, st.integers(0, 100_000), st.sampled_from([0.0, 0.02, 0.3]))
def test_lanes_end_where_the_oracle_says_however_they_are_flushed(
    options: FeedOptions, seed: int, flush_share: float
) -> None:
    randomness = Random(seed)
    lanes = Lanes(options.audiences)
    oracle = Oracle(options.audiences)
    for offset, item in enumerate(segment_feed(options)):
        oracle.see(item)
        reading = reading_of(item, offset)
        if reading is not None:
            lanes.take_in(reading, offset)
        if randomness.random() < flush_share:
            lanes.flush(randomness.choice(options.audiences))
    for audience in options.audiences:
        lanes.flush(audience)

    assert oracle.members() == lanes.members()
    assert lanes.settled <= {IgnoreReason.DUPLICATE, IgnoreReason.STALE}


class Lanes:
    """The program's lanes, delivering to a LiveIntent that is a dictionary."""

    def __init__(self, audiences: Iterable[str]) -> None:
        latest = LatestState(1_000_000)
        self.settled: set[IgnoreReason] = set()
        self._lanes = {key: Lane[int](AudienceKey(key), latest) for key in audiences}
        self._held: dict[str, dict[str, set[str]]] = {key: defaultdict(set) for key in self._lanes}

    def take_in(self, reading: Reading, offset: int) -> None:
        for change in reading.withheld:
            self.settled.update(why for _, why in self._lanes[change.audience].withhold(change))
        for change in reading.changes:
            lane = self._lanes[change.audience]
            self.settled.update(why for _, why in lane.offer(change, offset, now=0))

    def flush(self, audience: str) -> None:
        lane = self._lanes[audience]
        if not lane.waiting_rows:
            return
        batch = lane.take(now=0)
        for pending, values in batch.live():
            rows = self._held[audience][pending.change.identifier.type]
            if pending.change.action is Action.ADD:
                rows.update(values)
            else:
                rows.difference_update(values)
        lane.remember(batch)
        lane.end_flush()

    def members(self) -> dict[str, dict[str, set[str]]]:
        return {
            audience: {kind: rows for kind, rows in by_kind.items() if rows}
            for audience, by_kind in self._held.items()
        }
