"""The queue of waiting audiences against a look at all of them, and lanes that are closed against lanes that never are."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.audience import flush_queue
from consumer.audience.batch import AudienceBatch
from consumer.audience.flush_queue import FlushPolicy, FlushQueue
from consumer.audience.lane import Lane, Settled
from consumer.audience.lanes import Lanes
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, AudienceKey, Identifier, MembershipChange
from consumer.record import IgnoreReason
from tests.builders import a_change, an_email
from tests.properties.effort import effort

AUDIENCES = [AudienceKey(name) for name in ("anglers", "buyers", "cooks", "dancers")]
POLICY = FlushPolicy(seconds=10.0, rows=3)
MEMBERS = [an_email("ana-md5", "ana-sha1"), an_email("bob"), an_email("cel"), an_email("ana-md5")]
audiences = st.sampled_from(AUDIENCES)
changes = st.builds(
    lambda audience, action, at, member: (audience, action, at, member),
    audiences, st.sampled_from(Action), st.integers(0, 5), st.sampled_from(MEMBERS),
)  # fmt: skip


@dataclass
class Waits:
    since: float
    rows: int
    number: int


class QueueAgainstAScan(RuleBasedStateMachine):
    """Whoever comes, grows, shrinks and goes: the queue says what a look at all of them says."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = FlushQueue(POLICY)
        self.waits: dict[AudienceKey, Waits] = {}
        self.now = 0.0
        self.numbers = 0

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(audience=audiences, rows=st.integers(1, 5))
    def rows_come_or_go(self, audience: AudienceKey, rows: int) -> None:
        self.numbers += 1
        waits = self.waits.setdefault(audience, Waits(self.now, rows, self.numbers))
        waits.rows = rows
        self.queue.put(audience, since=waits.since, rows=rows)

    @rule(audience=audiences, rows=st.integers(1, 5))
    def all_that_waited_goes_and_more_comes(self, audience: AudienceKey, rows: int) -> None:
        self.numbers += 1
        before = self.waits.get(audience)
        if before is None or before.since != self.now:
            self.waits[audience] = Waits(self.now, rows, self.numbers)
        else:
            before.rows = rows
        self.queue.put(audience, since=self.now, rows=rows)

    @rule(audience=audiences)
    def one_leaves(self, audience: AudienceKey) -> None:
        self.waits.pop(audience, None)
        self.queue.leave(audience)

    @rule()
    def whose_turn_it_is_leaves(self) -> None:
        audience = self.queue.first_due(now=self.now)
        if audience is not None:
            self.one_leaves(audience)

    @invariant()
    def it_says_what_a_scan_says(self) -> None:
        due = [each for each in self.waits if self.due_at(each) <= self.now]

        assert self.queue.first_due(now=self.now) == min(due, key=self.age, default=None)
        assert self.queue.first() == min(self.waits, key=self.age, default=None)
        assert self.queue.next_due() == min(map(self.due_at, self.waits), default=None)
        assert len(self.queue) == len(self.waits)

    @invariant()
    def what_was_left_takes_little_room(self) -> None:
        for heap in (self.queue._by_age, self.queue._full_by_age):
            assert len(heap) <= 2 * len(self.waits) + flush_queue._LEFT_PLACES_MAX + 1

    def due_at(self, audience: AudienceKey) -> float:
        waits = self.waits[audience]
        return 0.0 if waits.rows >= POLICY.rows else waits.since + POLICY.seconds

    def age(self, audience: AudienceKey) -> tuple[float, int]:
        return self.waits[audience].since, self.waits[audience].number


TestQueueAgainstAScan = QueueAgainstAScan.TestCase
TestQueueAgainstAScan.settings = effort(examples=150, steps=40)


def test_places_that_were_left_are_thrown_away_though_they_never_come_to_the_top() -> None:
    queue = FlushQueue(POLICY)
    queue.put(AUDIENCES[0], since=0.0, rows=1)
    for number in range(1_000):
        queue.put(AUDIENCES[1], since=1.0 + number, rows=3)
        queue.leave(AUDIENCES[1])

    assert len(queue._by_age) + len(queue._full_by_age) < 300
    assert (queue.first(), len(queue)) == (AUDIENCES[0], 1)


@effort(examples=100)
@given(
    arrivals=st.lists(st.tuples(audiences, st.integers(1, 9)), max_size=60),
    every=st.integers(1, 4),
)
def test_between_two_turns_of_an_audience_everybody_who_waited_before_has_a_turn(
    arrivals: list[tuple[AudienceKey, int]], every: int
) -> None:
    """However many rows one audience has: it can be due at once again and again."""
    queue, since, last_turn = (
        FlushQueue(FlushPolicy(seconds=0.0, rows=3)),
        dict[AudienceKey, int](),
        dict[AudienceKey, int](),
    )
    for moment, (audience, rows) in enumerate(arrivals):
        queue.put(audience, since=float(since.setdefault(audience, moment)), rows=rows)
        if moment % every:
            continue
        turn = queue.first_due(now=float(moment))
        assert turn is not None
        queue.leave(turn)
        del since[turn]
        assert all(began >= last_turn.get(turn, 0) for began in since.values())
        last_turn[turn] = moment


class LanesThatCloseAgainstLanesThatStay(RuleBasedStateMachine):
    """That an idle lane is closed makes no difference to anything that is ever sent, settled or due."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[int] = Lanes(POLICY, LatestState(capacity=9))
        self.stay: dict[AudienceKey, Lane[int]] = {}
        self.latest = LatestState(capacity=9)
        self.now, self.parts = 0.0, 0

    def lane(self, audience: AudienceKey) -> Lane[int]:
        return self.stay.setdefault(audience, Lane(audience, self.latest))

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(what=changes)
    def a_change_comes(self, what: tuple[AudienceKey, Action, int, Identifier]) -> None:
        self.parts += 1
        change = self.change(what)
        stays: list[Settled[int]] = self.lane(change.audience).offer(
            change, self.parts, now=self.now
        )

        assert self.lanes.offer(change, self.parts, now=self.now) == stays

    @rule(what=changes)
    def consent_refuses(self, what: tuple[AudienceKey, Action, int, Identifier]) -> None:
        audience, _, at, member = what
        change = self.change((audience, Action.ADD, at, member))
        stays: list[tuple[int, IgnoreReason]] = self.lane(audience).withhold(change)

        assert self.lanes.withhold(change) == stays

    @rule(pressed=st.booleans())
    def a_flush_starts(self, pressed: bool) -> None:
        lane = self.lanes.first_waiting() if pressed else self.lanes.first_due(now=self.now)
        if lane is None:
            idle = [each for each in self.stay.values() if is_idle(each)]
            assert all(not pressed and self.due_at(each) > self.now for each in idle)
            return
        ours = self.lanes.take(lane, now=self.now)
        theirs = self.lane(lane.audience).take(now=self.now)

        assert contents(ours) == contents(theirs)
        assert ours.waiting_since == theirs.waiting_since

    @precondition(lambda self: self.lanes.flying)
    @rule(data=st.data(), well=st.booleans())
    def a_flush_ends(self, data: st.DataObject, well: bool) -> None:
        lane = data.draw(st.sampled_from(list(self.lanes.flying)))
        stays = self.lane(lane.audience)
        assert lane.in_flight is not None
        assert stays.in_flight is not None
        if well:
            lane.remember(lane.in_flight)
            stays.remember(stays.in_flight)
        self.lanes.end_flush(lane)
        stays.end_flush()

    @rule(remainder=st.integers(0, 2))
    def a_partition_leaves(self, remainder: int) -> None:
        self.lanes.release(lambda part: part % 3 == remainder)
        for lane in self.stay.values():
            lane.release(lambda part: part % 3 == remainder)

    @invariant()
    def only_lanes_with_something_to_do_are_open(self) -> None:
        busy = {key for key, lane in self.stay.items() if lane.waiting_rows or lane.in_flight}

        assert {lane.audience for lane in self.lanes} == busy
        assert {each.audience for each in self.lanes.flying} == {
            key for key, lane in self.stay.items() if lane.in_flight is not None
        }
        assert list(self.lanes.audiences()) == list(self.stay)
        assert self.lanes.waiting == sum(map(is_idle, self.stay.values()))
        assert all((self.lanes.open(key) is not None) == (key in busy) for key in AUDIENCES)

    @invariant()
    def the_next_is_due_when_it_would_be(self) -> None:
        idle = [self.due_at(lane) for lane in self.stay.values() if is_idle(lane)]

        assert self.lanes.next_due() == min(idle, default=None)

    @invariant()
    def the_guards_remember_the_same(self) -> None:
        assert self.lanes.latest._applied == self.latest._applied
        assert self.lanes.latest._withheld == self.latest._withheld

    def change(self, what: tuple[AudienceKey, Action, int, Identifier]) -> MembershipChange:
        audience, action, at, member = what
        return a_change(
            action, at=at, audience=audience, identifier=member, message_id=f"{at}-{action}"
        )

    def due_at(self, lane: Lane[int]) -> float:
        if lane.waiting_since is None or lane.waiting_rows >= POLICY.rows:
            return 0.0
        return lane.waiting_since + POLICY.seconds


TestLanesThatCloseAgainstLanesThatStay = LanesThatCloseAgainstLanesThatStay.TestCase
TestLanesThatCloseAgainstLanesThatStay.settings = effort(examples=150, steps=40)


def is_idle(lane: Lane[int]) -> bool:
    return lane.in_flight is None and lane.waiting_rows > 0


def contents(batch: AudienceBatch[int]) -> list[tuple[MembershipChange, int, tuple[str, ...]]]:
    return [(pending.change, pending.part, values) for pending, values in batch.live()]
