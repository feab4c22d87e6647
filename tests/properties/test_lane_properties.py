"""A lane and its guard, with a LiveIntent that is a set: newest event wins, and breaks only as tests/properties/promise.py says."""

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.audience.batch import File
from consumer.audience.lane import Lane
from consumer.audience.latest_state import MESSAGE_IDS_KEPT, LatestState
from consumer.audience.membership import Action, Identifier, IdentifierType, MembershipChange
from tests.builders import VIP, a_change, an_email
from tests.properties.effort import effort
from tests.properties.promise import Promise, is_newer, member_of

ANYHOW = [an_email("ana-md5", "ana-sha1"), Identifier(IdentifierType.AAID, ("a-phone",))]
IN_ORDER = an_email("cel-md5", "cel-sha1")
SOURCES = ["events-0", "events-1"]
ROOM_FOR_ALL = 10_000
HOURS = st.integers(0, 2)


@dataclass(frozen=True)
class Logged:
    """An event in the log: a change, or an ADD that consent refused."""

    change: MembershipChange
    is_withheld: bool = False


class LaneAgainstThePromise(RuleBasedStateMachine):
    """Arrival in any order, repeats, ties, refusals, files one by one, restarts, a guard with too little room."""

    def __init__(self) -> None:
        super().__init__()
        self.promise = Promise()
        self.log: list[Logged] = []
        self.done: set[int] = set()
        """Places in the log that are finished: what a commit may move over."""
        self.at_liveintent: set[str] = set()
        self.dead_lettered: set[Identifier] = set()
        self.numbers = itertools.count()
        self.start(ROOM_FOR_ALL)

    @initialize(room=st.sampled_from([ROOM_FOR_ALL, 4, 3, 2, 1]))
    def start(self, room: int) -> None:
        self.room = room
        self.latest = LatestState(room)
        self.lane: Lane[int] = Lane(VIP, self.latest)
        self.open: dict[int, MembershipChange] = {}
        self.sent: set[File] = set()

    # Events

    def arrives(self, logged: Logged) -> None:
        at_the_same_moment = {
            each.change.message_id
            for each in self.log
            if each.change.identifier == logged.change.identifier
            and each.change.version.event_us == logged.change.version.event_us
        }
        if len(at_the_same_moment | {logged.change.message_id}) > MESSAGE_IDS_KEPT:
            return  # more messages of one moment than are remembered: nothing is promised of repeats
        self.log.append(logged)
        self.offer(len(self.log) - 1)

    def offer(self, place: int) -> None:
        logged = self.log[place]
        if logged.is_withheld:
            self.withhold(place)
            return
        blocked = self.promise.blocks(member_of(logged.change), logged.change)
        self.promise.offer(logged.change)
        self.open[place] = logged.change
        for part, _ in self.lane.offer(logged.change, place, now=0):
            self.settle(part)
        assert not (blocked and place in self.open), "an ADD older than a refused one is sent"

    def withhold(self, place: int) -> None:
        change = self.log[place].change
        self.promise.withhold(change)
        flying = self.flying()
        settled = [part for part, _ in self.lane.withhold(change)]
        for part in settled:
            assert self.open[part].action is Action.ADD, "a refusal takes no REMOVE"
            self.promise.dropped(self.open[part])
            self.settle(part)
        for part, waiting in self.open.items():
            if part not in flying and waiting.identifier == change.identifier:
                assert not self.promise.blocks(member_of(waiting), waiting)
        self.done.add(place)
        self.see_what_was_forgotten()

    def settle(self, part: int) -> None:
        del self.open[part]  # a part that is settled twice is not there any more
        self.done.add(part)

    @rule(
        member=st.sampled_from(ANYHOW),
        action=st.sampled_from(Action),
        at=HOURS,
        received=HOURS,
        source=st.sampled_from(SOURCES),
    )
    def an_event(
        self, member: Identifier, action: Action, at: int, received: int, source: str
    ) -> None:
        self.arrives(Logged(self.new(action, at, received, source, member)))

    @rule(action=st.sampled_from(Action), source=st.sampled_from(SOURCES))
    def an_event_in_order(self, action: Action, source: str) -> None:
        self.arrives(Logged(self.new(action, len(self.log), 0, source, IN_ORDER)))

    @rule(
        member=st.sampled_from(ANYHOW),
        kinds=st.permutations([Action.ADD, Action.REMOVE, None]),
        hours=st.tuples(HOURS, HOURS, HOURS) | HOURS.map(lambda hour: (hour, hour, hour)),
        receptions=st.permutations(range(3)),
        flush=st.booleans(),
    )
    def an_add_a_remove_and_a_refusal(
        self,
        member: Identifier,
        kinds: list[Action | None],
        hours: tuple[int, ...],
        receptions: list[int],
        flush: bool,
    ) -> None:
        """In any order and of any time; all of one moment, perhaps; then the first once more, received later."""
        logged = [
            Logged(self.new(kind or Action.ADD, at, received, SOURCES[0], member), kind is None)
            for kind, at, received in zip(kinds, hours, receptions, strict=True)
        ]
        for each in logged:
            self.arrives(each)
            if flush:
                self.everything_is_flushed()
        self.repeat(logged[0], later=5)

    @rule(member=st.sampled_from(ANYHOW), at=HOURS, received=HOURS)
    def an_add_that_consent_refuses(self, member: Identifier, at: int, received: int) -> None:
        self.arrives(Logged(self.new(Action.ADD, at, received, SOURCES[0], member), True))

    @rule(
        member=st.sampled_from(ANYHOW),
        actions=st.permutations(list(Action)),
        sources=st.permutations(SOURCES),
        at=HOURS,
    )
    def a_tie_across_partitions(
        self, member: Identifier, actions: list[Action], sources: list[str], at: int
    ) -> None:
        received = next(self.numbers)
        for action, source in zip(actions, sources, strict=True):
            change = self.new(action, at, 0, source, member)
            version = change.version._replace(received_us=received)
            self.arrives(Logged(replace(change, version=version)))

    @precondition(lambda self: self.log)
    @rule(data=st.data(), later=st.integers(0, 4))
    def an_event_is_repeated(self, data: st.DataObject, later: int) -> None:
        self.repeat(data.draw(st.sampled_from(self.log)), later=later)

    def repeat(self, logged: Logged, *, later: int) -> None:
        version = logged.change.version
        copy = version._replace(
            received_us=version.received_us + later * 1_000, offset=next(self.numbers)
        )
        self.arrives(replace(logged, change=replace(logged.change, version=copy)))

    def new(
        self, action: Action, at: int, received: int, source: str, member: Identifier
    ) -> MembershipChange:
        number = next(self.numbers)  # keeps receptions apart: ties have a rule of their own
        received = received * 1_000 + number
        return a_change(
            action, at=at, received=received, source=source, offset=number, identifier=member
        )

    # Flushes

    def flying(self) -> set[int]:
        return set() if self.lane.in_flight is None else set(self.lane.in_flight.parts())

    @rule()
    def a_flush_starts(self) -> None:
        if self.lane.in_flight is not None or not self.lane.waiting_rows:
            with pytest.raises(RuntimeError):
                self.lane.take(now=0)
            return
        batch = self.lane.take(now=0)
        self.sent = set()
        adds, removes = ({v for t in IdentifierType for v in batch.rows(a, t)} for a in Action)
        assert not adds & removes

    @rule()
    def everything_is_flushed(self) -> None:
        for _ in range(3):
            for _ in range(len(Action) * len(IdentifierType)):
                self.liveintent_applies_a_file()
            self.the_flush_ends_well()
            self.a_flush_starts()

    @rule()
    def liveintent_applies_a_file(self) -> None:
        batch = self.lane.in_flight
        file = (
            next((file for file in batch.files() if file not in self.sent), None) if batch else None
        )
        if batch is not None and file is not None:
            rows = set(batch.rows(*file))
            if file[0] is Action.ADD:
                self.at_liveintent |= rows
            else:
                self.at_liveintent -= rows
            self.sent.add(file)

    @rule()
    def the_flush_ends_well(self) -> None:
        batch = self.lane.in_flight
        if batch is not None and self.sent.issuperset(batch.files()):
            self.lane.remember(batch)
            for part in batch.parts():
                self.settle(part)
            self.lane.end_flush()
            self.see_what_was_forgotten()

    @rule(is_redriven=st.booleans())
    def the_flush_is_refused(self, is_redriven: bool) -> None:
        batch = self.lane.in_flight
        if batch is None or self.sent.issuperset(batch.files()):
            return
        parts = batch.parts()
        for part in parts:
            self.promise.dead_lettered(self.open[part])
            self.dead_lettered.add(self.open[part].identifier)
            self.settle(part)
        self.lane.end_flush()
        for part in parts if is_redriven else []:
            self.repeat(self.log[part], later=0)

    def see_what_was_forgotten(self) -> None:
        self.promise.see(self.latest, busy={member_of(change) for change in self.open.values()})

    # The process dies

    @rule(back=st.integers(0, 5))
    def a_new_process_reads_from_the_lowest_unfinished_or_earlier(self, back: int) -> None:
        places = range(len(self.log))
        lowest = min(set(places) - self.done, default=len(self.log))
        self.promise.die()
        self.start(self.room)
        committed = max(0, lowest - back)
        self.done = set(range(committed))
        for place in places[committed:]:
            self.offer(place)

    # What holds

    @invariant()
    def every_open_part_is_waiting_or_in_flight(self) -> None:
        assert self.flying() <= set(self.open)
        if not self.lane.waiting_rows:
            assert self.flying() == set(self.open)

    @invariant()
    def the_guard_keeps_within_its_room(self) -> None:
        assert len(self.latest) <= self.room
        assert self.latest.evictions == 0 or self.room < ROOM_FOR_ALL

    def teardown(self) -> None:
        self.everything_is_flushed()
        assert not self.open
        for member, standing in self.promise.standings.items():
            values = set(member[1].values)
            held = self.at_liveintent & values
            assert held in (set(), values), "half a person is in"
            assert bool(held) in standing.ends or standing.excused
            if self.came_in_order(member[1]):
                assert not standing.excused, "per-key order is enough, whatever was forgotten"

    def came_in_order(self, member: Identifier) -> bool:
        """In the log's order, and none of it was dead-lettered."""
        of_member = [
            logged.change
            for logged in self.log
            if logged.change.identifier == member and not logged.is_withheld
        ]
        in_order = all(not is_newer(one, other) for one, other in itertools.pairwise(of_member))
        return in_order and member not in self.dead_lettered


TestLaneAgainstThePromise = LaneAgainstThePromise.TestCase
TestLaneAgainstThePromise.settings = effort(examples=400, steps=40)
