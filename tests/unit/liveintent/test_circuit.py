from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.liveintent.circuit import Circuit, CircuitState, Permit
from consumer.liveintent.retry_schedule import RetrySchedule

SCHEDULE = RetrySchedule(first_seconds=10, max_seconds=100)


def an_open_circuit(now: float = 0.0) -> Circuit:
    circuit = Circuit(failures_to_open=1, schedule=SCHEDULE)
    fail(circuit, now)
    return circuit


def fail(circuit: Circuit, now: float, caller: str = "") -> bool:
    permit = circuit.ask(now, caller)
    assert permit is not None
    return circuit.failed(permit, now=now, jitter=0.5)


def test_consecutive_failures_open_the_circuit_and_are_told_once() -> None:
    circuit = Circuit(failures_to_open=3, schedule=SCHEDULE)

    assert [fail(circuit, 0.0) for _ in range(3)] == [False, False, True]
    assert circuit.state is CircuitState.OPEN
    assert circuit.ask(0.0) is None


def test_an_answer_in_between_starts_the_count_anew() -> None:
    circuit = Circuit(failures_to_open=2, schedule=SCHEDULE)
    fail(circuit, 0.0)

    assert circuit.answered() is False
    assert fail(circuit, 0.0) is False
    assert circuit.state is CircuitState.CLOSED


def test_one_call_probes_while_the_others_wait() -> None:
    circuit = an_open_circuit()

    probe = circuit.ask(circuit.retry_at)

    assert probe is not None
    assert probe.is_probe
    assert circuit.state is CircuitState.HALF_OPEN
    assert circuit.ask(circuit.retry_at + 1000) is None


def test_an_answered_probe_closes_the_circuit() -> None:
    circuit = an_open_circuit()
    circuit.ask(circuit.retry_at)

    assert circuit.answered() is True
    assert circuit.state is CircuitState.CLOSED
    assert circuit.opened_at is None


def test_failed_probes_wait_longer_and_longer_but_are_one_outage() -> None:
    circuit = an_open_circuit()
    waits = [circuit.retry_at]
    for _ in range(5):
        now = circuit.retry_at
        assert fail(circuit, now) is False
        waits.append(circuit.retry_at - now)

    assert waits == [7.5, 15.0, 30.0, 60.0, 75.0, 75.0]
    assert circuit.opened_at == 0.0


def test_a_probe_that_was_not_made_leaves_room_for_another() -> None:
    circuit = an_open_circuit()
    probe = circuit.ask(circuit.retry_at)
    assert probe is not None

    circuit.returned(probe)

    assert circuit.state is CircuitState.OPEN
    assert circuit.ask(circuit.retry_at) is not None


def test_a_failure_from_before_the_opening_changes_nothing() -> None:
    circuit = Circuit(failures_to_open=1, schedule=SCHEDULE)
    early = circuit.ask(0.0)
    assert early is not None
    fail(circuit, 0.0)
    retry_at = circuit.retry_at

    assert circuit.failed(early, now=5.0, jitter=0.5) is False
    assert circuit.retry_at == retry_at


def test_a_change_on_our_side_lets_a_probe_go_at_once() -> None:
    circuit = an_open_circuit()

    circuit.probe_now(1.0)

    assert circuit.ask(1.0) is not None


def test_a_caller_that_has_not_failed_need_not_wait_for_those_that_have() -> None:
    circuit = Circuit(failures_to_open=3, schedule=SCHEDULE)
    for _ in range(3):
        fail(circuit, 0.0, "bad")

    assert circuit.ask(0.0, "bad") is None
    assert not circuit.is_certain
    assert circuit.ask(0.0, "good") is not None
    assert circuit.ask(0.0, "another") is None  # one at a time
    assert circuit.answered() is True


def test_as_many_failing_callers_as_it_takes_failures_to_open_are_enough_to_know() -> None:
    circuit = Circuit(failures_to_open=3, schedule=SCHEDULE)
    for caller in ("one", "one", "one", "two", "three"):
        assert not circuit.is_certain
        fail(circuit, 0.0, caller)

    assert circuit.is_certain
    assert circuit.ask(0.0, "four") is None


def test_an_answer_clears_everyone_of_having_failed() -> None:
    circuit = Circuit(failures_to_open=2, schedule=SCHEDULE)
    fail(circuit, 0.0, "one")
    fail(circuit, 0.0, "two")
    circuit.answered()
    fail(circuit, 0.0, "three")
    fail(circuit, 0.0, "three")

    assert not circuit.is_certain
    assert circuit.ask(0.0, "one") is not None


class CircuitMachine(RuleBasedStateMachine):
    """Whatever happens: never two probes at once, no caller more while open than it is due, and never stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.circuit = Circuit(failures_to_open=2, schedule=SCHEDULE)
        self.out: list[Permit] = []
        self.failing: set[str] = set()

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(caller=st.sampled_from("abc"))
    def a_call_asks(self, caller: str) -> None:
        state, due = self.circuit.state, self.now >= self.circuit.retry_at
        unheard = caller not in self.failing and len(self.failing) < 2
        permit = self.circuit.ask(self.now, caller)
        may_probe = state is CircuitState.OPEN and (due or unheard)
        assert (permit is not None) == (state is CircuitState.CLOSED or may_probe)
        if permit is not None:
            self.out.append(permit)

    @precondition(lambda self: self.out)
    @rule(index=st.integers(0, 100), verdict=st.sampled_from(["answered", "failed", "nothing"]))
    def a_call_ends(self, index: int, verdict: str) -> None:
        permit = self.out.pop(index % len(self.out))
        if verdict == "answered":
            self.circuit.answered()
            self.failing.clear()
        if verdict == "failed":
            self.circuit.failed(permit, now=self.now, jitter=0.5)
            self.failing.add(permit.caller)
        self.circuit.returned(permit)

    @invariant()
    def an_open_circuit_always_comes_to_a_probe(self) -> None:
        if self.circuit.state is CircuitState.OPEN:
            assert self.circuit.retry_at <= self.now + 100

    @invariant()
    def a_probe_under_way_has_an_owner(self) -> None:
        if self.circuit.state is CircuitState.HALF_OPEN:
            assert any(permit.is_probe for permit in self.out)


TestCircuitMachine = CircuitMachine.TestCase
TestCircuitMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
