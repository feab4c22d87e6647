"""A lane against the plainest model there is: for each member, the newest event ever offered."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from consumer.audience.lane import Lane
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, Identifier, IdentifierType, MembershipChange
from tests.builders import VIP, a_change, an_email

MEMBERS = [
    an_email("ana-md5", "ana-sha1", "ana-sha256"),
    an_email("ben-md5", "ben-sha1", "ben-sha256"),
    Identifier(IdentifierType.AAID, ("a-phone",)),
]
SOURCES = ["events-0", "events-1"]


class LaneAgainstAModel(RuleBasedStateMachine):
    """Arrival in any order, duplicates, batch borders, failed flushes, revoked partitions."""

    def __init__(self) -> None:
        super().__init__()
        self.lane: Lane[int] = Lane(VIP, LatestState(10_000))
        self.offered: list[MembershipChange] = []
        self.open: dict[int, MembershipChange] = {}
        self.part = itertools.count()
        self.instant = itertools.count()
        self.at_liveintent: set[str] = set()
        self.sent = False
        self.dead_lettered: set[Identifier] = set()
        self.released = False

    def offer(self, change: MembershipChange) -> None:
        part = next(self.part)
        self.open[part] = change
        for settled, _ in self.lane.offer(change, part, now=0):
            del self.open[settled]  # a part that is settled twice is not there any more

    @rule(
        member=st.sampled_from(MEMBERS),
        action=st.sampled_from(Action),
        at=st.integers(0, 5),
        source=st.sampled_from(SOURCES),
    )
    def an_event_arrives(self, member: Identifier, action: Action, at: int, source: str) -> None:
        instant = next(self.instant)
        # receivedAt is unique, so that the model needs no rule for ties.
        change = a_change(
            action, at=at, received=instant, source=source, offset=instant, identifier=member
        )
        self.offered.append(change)
        self.offer(change)

    @rule(data=st.data(), later=st.integers(0, 3))
    def an_event_is_repeated(self, data: st.DataObject, later: int) -> None:
        if not self.offered:
            return
        original = data.draw(st.sampled_from(self.offered))
        # The ids of messages that a released change had superseded are forgotten with it, as by a new owner: then a
        # repeat that Segment received later may outrank another event of the same instant.
        later = 0 if self.released else later
        version = original.version._replace(
            received_us=original.version.received_us + later * 1000, offset=next(self.instant)
        )
        self.offer(
            MembershipChange(
                original.audience,
                original.action,
                original.identifier,
                version,
                original.message_id,
            )
        )

    @rule()
    def a_flush_starts(self) -> None:
        if self.lane.in_flight is None and self.lane.waiting_rows:
            batch = self.lane.take(now=0)
            self.sent = False
            adds, removes = ({v for t in IdentifierType for v in batch.rows(a, t)} for a in Action)
            assert not adds & removes

    @rule()
    def liveintent_applies_the_files(self) -> None:
        batch = self.lane.in_flight
        if batch is not None and not self.sent:
            for action, kind in batch.files():
                rows = set(batch.rows(action, kind))
                self.at_liveintent = (
                    self.at_liveintent | rows if action is Action.ADD else self.at_liveintent - rows
                )
            self.sent = True

    @rule()
    def the_flush_ends_well(self) -> None:
        batch = self.lane.in_flight
        if batch is not None and self.sent:
            self.lane.remember(batch)
            for part in batch.parts():
                del self.open[part]
            self.lane.end_flush()

    @rule()
    def the_flush_is_refused(self) -> None:
        batch = self.lane.in_flight
        if batch is not None and not self.sent:
            for part in batch.parts():
                self.dead_lettered.add(self.open.pop(part).identifier)
            self.lane.end_flush()

    @rule(source=st.sampled_from(SOURCES))
    def a_partition_is_taken_away_and_read_again(self, source: str) -> None:
        def belongs(part: int) -> bool:
            return part in self.open and self.open[part].version.source == source

        self.released = True
        gone = [part for part in self.open if belongs(part)]
        self.lane.release(belongs)
        if self.lane.in_flight is not None:
            self.lane.in_flight.release(belongs)
        for change in [self.open.pop(part) for part in gone]:
            self.offer(change)

    @invariant()
    def every_open_part_is_waiting_or_in_flight(self) -> None:
        flying = set() if self.lane.in_flight is None else set(self.lane.in_flight.parts())
        assert flying <= set(self.open)
        if not self.lane.waiting_rows:
            assert flying == set(self.open)

    def teardown(self) -> None:
        for _ in range(3):
            self.liveintent_applies_the_files()
            self.the_flush_ends_well()
            self.a_flush_starts()
        assert not self.open
        for member in MEMBERS:
            if member in self.dead_lettered:
                continue
            events = [change for change in self.offered if change.identifier == member]
            newest = max(events, key=lambda change: change.version[:2], default=None)
            expected = (
                set(member.values) if newest is not None and newest.action is Action.ADD else set()
            )
            assert self.at_liveintent & set(member.values) == expected


TestLaneAgainstAModel = LaneAgainstAModel.TestCase
TestLaneAgainstAModel.settings = settings(max_examples=200, stateful_step_count=40)
