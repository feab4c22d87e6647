"""Turns at a host are shared fairly, whatever the lanes do."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.liveintent.turns import Line, Ticket, Turns

LANES = range(7)


class Fairness(RuleBasedStateMachine):
    """Lanes that wait for, take and end their turns. A lane has one call at a time, as in the service."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = 0
        self.turns = Turns(slots=1)
        self.waiting: dict[int, Ticket] = {}
        self.running: dict[int, Ticket] = {}
        self.passed_over: dict[int, set[int]] = {}
        self.others_before: dict[int, int] = {}
        self.allowed: dict[int, int] = {}

    @precondition(lambda self: self.slots == 0)
    @rule(slots=st.integers(1, 4))
    def open(self, slots: int) -> None:
        self.slots = slots
        self.turns = Turns(slots=slots)

    @precondition(lambda self: self.slots)
    @rule(lane=st.sampled_from(LANES), line=st.sampled_from(Line))
    def join(self, lane: int, line: Line) -> None:
        if lane in self.waiting or lane in self.running:
            return
        ahead = sum(ticket.line is line for ticket in self.waiting.values())
        self.waiting[lane] = self.turns.join(line)
        self.passed_over[lane] = set()
        self.others_before[lane] = 0
        # Those ahead in its own line, and before each of them and before itself one of the other line.
        self.allowed[lane] = 2 * ahead + 1

    @rule(lane=st.sampled_from(LANES))
    def leave(self, lane: int) -> None:
        if lane in self.waiting:
            self.turns.leave(self.waiting.pop(lane))

    @rule(lane=st.sampled_from(LANES))
    def end(self, lane: int) -> None:
        if lane in self.running:
            self.turns.end(self.running.pop(lane))

    @rule()
    def start(self) -> None:
        ticket = self.turns.next()
        if ticket is None:
            return
        lane = next(lane for lane, waiting in self.waiting.items() if waiting is ticket)
        self.turns.start(ticket)
        self.running[lane] = self.waiting.pop(lane)
        for other, waits in self.waiting.items():
            if waits.line is ticket.line:
                assert lane not in self.passed_over[other], (
                    "a lane had two turns before another one"
                )
                self.passed_over[other].add(lane)
            if self._may_go(waits.line, one_less_busy=ticket):
                self.others_before[other] += 1
            if waits.line is Line.EXPRESS:
                assert self.others_before[other] <= self.allowed[other]

    @invariant()
    def no_more_run_than_may(self) -> None:
        ordinary = sum(ticket.line is Line.ORDINARY for ticket in self.running.values())
        assert len(self.running) <= self.slots
        assert ordinary <= max(1, self.slots - 1)

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        if self.turns.next() is None:
            assert not any(self._may_go(ticket.line) for ticket in self.waiting.values())

    def _may_go(self, line: Line, *, one_less_busy: Ticket | None = None) -> bool:
        running = [ticket for ticket in self.running.values() if ticket is not one_less_busy]
        ordinary = sum(ticket.line is Line.ORDINARY for ticket in running)
        return len(running) < self.slots and (
            line is Line.EXPRESS or ordinary < max(1, self.slots - 1)
        )


TestFairness = Fairness.TestCase
TestFairness.settings = settings(stateful_step_count=60)


@given(
    waiting=st.lists(st.sampled_from(Line), min_size=2, max_size=7),
    rounds=st.integers(1, 5),
    slots=st.integers(1, 4),
)
def test_every_other_lane_of_a_line_has_its_turn_between_two_of_one_lane(
    waiting: list[Line], rounds: int, slots: int
) -> None:
    turns = Turns(slots=slots)
    lanes = {turns.join(line): lane for lane, line in enumerate(waiting)}
    order: list[int] = []
    for _ in range(rounds * len(waiting)):
        ticket = turns.next()
        assert ticket is not None
        lane = lanes.pop(ticket)
        turns.start(ticket)
        turns.end(ticket)
        order.append(lane)
        lanes[turns.join(waiting[lane])] = lane  # every lane always has a next call

    for line in Line:
        members = [lane for lane, its in enumerate(waiting) if its is line]
        turns_of_line = [lane for lane in order if lane in members]
        for first in range(len(turns_of_line) - len(members) + 1):
            assert set(turns_of_line[first : first + len(members)]) == set(members)


def test_with_one_slot_the_lines_take_turns() -> None:
    turns = Turns(slots=1)
    for line in [Line.ORDINARY] * 3 + [Line.EXPRESS] * 3:
        turns.join(line)

    order = []
    while (ticket := turns.next()) is not None:
        turns.start(ticket)
        turns.end(ticket)
        order.append(ticket.line)

    assert order == [Line.EXPRESS, Line.ORDINARY] * 3


def test_a_slot_is_kept_for_the_express_line() -> None:
    turns = Turns(slots=3)
    large = [turns.join(Line.ORDINARY) for _ in range(3)]
    for ticket in large[:2]:
        turns.start(ticket)
    kept = turns.next()
    small = turns.join(Line.EXPRESS)

    assert kept is None
    assert turns.next() is small
