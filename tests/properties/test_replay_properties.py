"""Whatever a group, its log and an operator look like: a plan stays inside the log, and its SHA-256 means its targets."""

from hypothesis import assume, given
from hypothesis import strategies as st

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import as_document, planned_from
from consumer.kafka.replay_plan import (
    Aim,
    AsPlanned,
    NothingToShift,
    PartitionSight,
    ReplayPlan,
    ReplayRules,
    ShiftBy,
    ToEarliest,
    ToOffset,
    plan_replay,
    problems_of,
)
from tests.properties.effort import effort

offsets = st.integers(0, 60)


@st.composite
def sights(draw: st.DrawFn) -> list[PartitionSight]:
    """Up to four partitions of two topics, in any state."""
    count = draw(st.integers(1, 4))
    found = []
    for number in range(count):
        start, end = sorted((draw(offsets), draw(offsets)))
        where = PartitionId(f"topic-{number % 2}", number // 2)
        found.append(PartitionSight(where, draw(st.none() | offsets), start, end))
    return found


aims = st.one_of(
    st.just(ToEarliest()), st.builds(ToOffset, offsets), st.builds(ShiftBy, st.integers(-60, 60))
)
rules = st.builds(
    ReplayRules,
    allow_truncated=st.booleans(),
    allow_skip=st.booleans(),
    allow_unknown_group=st.booleans(),
    max_records=st.none() | offsets,
)


def planned(aim: Aim, seen: list[PartitionSight]) -> ReplayPlan:
    try:
        return plan_replay(aim, seen, group="service", chosen=[sight.partition for sight in seen])
    except NothingToShift:
        assume(False)
        raise


@effort(examples=80)
@given(aims, sights(), rules)
def test_what_a_plan_sets_is_in_the_log_and_what_it_counts_is_there(
    aim: Aim, seen: list[PartitionSight], allowed: ReplayRules
) -> None:
    plan = planned(aim, seen)

    for move in plan.moves:
        sight = move.sight
        assert sight.log_start <= move.target <= sight.log_end
        assert 0 <= move.redelivered <= sight.log_end - sight.log_start
        assert 0 <= move.skipped <= sight.log_end - sight.log_start
        assert not (move.redelivered and move.skipped)
        if not problems_of(plan, ReplayRules()):
            # Nothing is lost and nothing is made up without leave.
            assert move.goes_on_at is None or move.target <= move.goes_on_at
    if allowed.max_records is not None and plan.redelivered > allowed.max_records:
        assert problems_of(plan, allowed)


@effort(examples=80)
@given(aims, sights(), st.data())
def test_a_plan_is_the_same_however_the_group_and_the_logs_move_on(
    aim: Aim, seen: list[PartitionSight], data: st.DataObject
) -> None:
    plan = planned(aim, seen)
    again = AsPlanned(planned_from(as_document(plan)).wanted)
    moved = [
        PartitionSight(
            sight.partition,
            data.draw(st.none() | offsets),
            start := sight.log_start + data.draw(offsets),
            start + data.draw(offsets),
        )
        for sight in seen
    ]

    assert planned(again, moved).sha256 == plan.sha256
    if not isinstance(aim, ShiftBy):
        assert planned(aim, moved).sha256 == plan.sha256


@effort(examples=80)
@given(aims, aims, sights())
def test_two_plans_have_one_sha_only_if_they_want_the_same(
    one: Aim, other: Aim, seen: list[PartitionSight]
) -> None:
    first, second = planned(one, seen), planned(other, seen)
    same = [move.wanted for move in first.moves] == [move.wanted for move in second.moves]

    assert (first.sha256 == second.sha256) is same
