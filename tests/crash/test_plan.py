"""The plan: the same for the same seed, of every kind, and never asking for two things that exclude each other."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox.liveintent_server import Operation
from tests.crash.actions import faults_of
from tests.crash.plan import Plan, PlanOptions, make_plan
from tests.crash.steps import LIVEINTENT_OUTAGES, ON_A_REPLICA, ONE_AT_A_TIME, VISITS, Action, Step

OPTIONS = PlanOptions(seconds=60, session_seconds=3, events_per_second=100)
NOT_FAULTS = {Action.REFUSED_CONNECTIONS, Action.TOKEN_ROTATION}
SEEDS = st.integers(0, 10_000)


def steps_of(plan: Plan, *actions: Action) -> list[Step]:
    return [step for step in plan.steps if step.action in actions]


def overlap(steps: list[Step]) -> bool:
    return any(later.at_seconds < earlier.ends_at_seconds for earlier, later in pairwise(steps))


def test_the_same_seed_gives_the_same_plan() -> None:
    assert make_plan(7, OPTIONS) == make_plan(7, OPTIONS)
    assert make_plan(7, OPTIONS) != make_plan(8, OPTIONS)


@given(seed=SEEDS)
def test_steps_begin_in_order_after_a_quiet_start_and_before_the_end(seed: int) -> None:
    begins = [step.at_seconds for step in make_plan(seed, OPTIONS).steps]

    assert begins == sorted(begins)
    assert begins[0] >= OPTIONS.quiet_seconds
    assert begins[-1] < OPTIONS.seconds


@given(seed=SEEDS)
def test_three_minutes_hold_every_kind_of_step(seed: int) -> None:
    plan = make_plan(seed, replace(OPTIONS, seconds=180))

    assert {step.action for step in plan.steps} == set(Action)


@given(seed=SEEDS)
def test_what_is_done_to_one_replica_is_over_before_the_next_begins(seed: int) -> None:
    by_replica = defaultdict(list)
    for step in steps_of(make_plan(seed, OPTIONS), *ON_A_REPLICA):
        by_replica[step.replica].append(step)

    assert None not in by_replica
    assert not any(overlap(steps) for steps in by_replica.values())


@given(seed=SEEDS)
def test_what_cannot_happen_twice_at_once_does_not(seed: int) -> None:
    plan = make_plan(seed, OPTIONS)

    assert not overlap(steps_of(plan, *VISITS))
    assert not overlap(steps_of(plan, *LIVEINTENT_OUTAGES))
    assert not any(overlap(steps_of(plan, action)) for action in ONE_AT_A_TIME)


@given(seed=SEEDS)
def test_no_audience_loses_two_uploads(seed: int) -> None:
    plan = make_plan(seed, replace(OPTIONS, seconds=300))
    lost = Counter(step.audience for step in steps_of(plan, Action.LOST_UPLOAD))

    assert set(lost) <= set(plan.audiences)
    assert all(times == 1 for times in lost.values())


@given(seed=SEEDS)
def test_long_pauses_outlast_the_session_and_can_be_left_out(seed: int) -> None:
    plan = make_plan(seed, OPTIONS)

    assert all(step.seconds > OPTIONS.session_seconds for step in steps_of(plan, Action.LONG_PAUSE))
    assert all(step.seconds < OPTIONS.session_seconds for step in steps_of(plan, Action.PAUSE))
    without = make_plan(seed, replace(OPTIONS, long_pauses=False))
    assert steps_of(without, Action.LONG_PAUSE) == []


def test_a_long_run_meets_new_audiences_on_the_way() -> None:
    waves = make_plan(1, replace(OPTIONS, seconds=100)).waves

    assert len(waves) == 20
    assert len({name for wave in waves for name in wave.audiences}) == 60
    assert sum(wave.events for wave in waves) == 10_000


def test_a_run_too_short_for_any_step_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        PlanOptions(seconds=1, session_seconds=3, events_per_second=100)


@pytest.mark.parametrize(
    "action",
    sorted(set(Action) - ON_A_REPLICA - VISITS - ONE_AT_A_TIME - NOT_FAULTS),
)
def test_every_other_step_is_a_fault_of_liveintents(action: Action) -> None:
    faults = faults_of(Step(at_seconds=0, action=action, seconds=1), OPTIONS)

    assert faults
    assert all(fault.acts_on(Operation(fault.operation)) for fault in faults)


def test_creates_fail_only_where_the_plan_has_time_to_settle_them() -> None:
    step = Step(at_seconds=0, action=Action.SERVER_ERRORS, seconds=1)

    assert "create" not in {fault.operation for fault in faults_of(step, OPTIONS)}
    patient = replace(OPTIONS, create_faults=True)
    assert "create" in {fault.operation for fault in faults_of(step, patient)}
