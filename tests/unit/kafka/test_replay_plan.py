import pytest

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_plan import (
    Aim,
    AsPlanned,
    Edge,
    NothingToShift,
    PartitionSight,
    ReplayPlan,
    ReplayRules,
    ShiftBy,
    ToEarliest,
    ToMoment,
    ToOffset,
    plan_replay,
    problems_of,
)
from tests.unit.kafka.replays import ONE, ZERO, a_sight

ALL_ALLOWED = ReplayRules(allow_truncated=True, allow_skip=True, allow_unknown_group=True)


def a_plan(aim: Aim, *sights: PartitionSight, **others: bool) -> ReplayPlan:
    sights = sights or (a_sight(),)
    chosen = [each.partition for each in sights]
    return plan_replay(aim, sights, group="service", chosen=chosen, **others)


@pytest.mark.parametrize(
    ("aim", "target", "again"),
    [
        (ToEarliest(), 10, 70),
        (ToOffset(30), 30, 50),
        (ShiftBy(-5), 75, 5),
        (ToMoment({ZERO: 40}), 40, 40),
        (ToMoment({ZERO: None}), 100, 0),
        (AsPlanned({ZERO: 12}), 12, 68),
        (AsPlanned({ZERO: Edge.EARLIEST}), 10, 70),
    ],
)
def test_every_aim_becomes_an_offset_of_each_partition(aim: Aim, target: int, again: int) -> None:
    (move,) = a_plan(aim).moves

    assert (move.target, move.redelivered) == (target, again)


def test_what_was_deleted_begins_at_the_start_of_the_log_if_that_is_allowed() -> None:
    plan = a_plan(ToOffset(3))

    assert plan.moves[0].target == 10
    assert problems_of(plan, ReplayRules()) == (
        "events-0: offset 3 was deleted already, the log starts at 10. Say --allow-truncated to begin there.",
    )
    assert problems_of(plan, ALL_ALLOWED) == ()


def test_records_that_would_never_be_delivered_need_leave() -> None:
    plan = a_plan(ToOffset(95))

    assert plan.moves[0].skipped == 15
    assert problems_of(plan, ReplayRules()) == (
        "events-0: 15 records from offset 80 on would never be delivered. Say --allow-skip if they need not be.",
    )
    assert problems_of(plan, ALL_ALLOWED) == ()


def test_records_that_are_deleted_already_are_not_skipped() -> None:
    assert a_plan(ToEarliest(), a_sight(committed=4)).moves[0].skipped == 0


def test_no_offset_past_the_end_is_ever_allowed() -> None:
    plan = a_plan(ToOffset(101))

    assert plan.moves[0].target == 100
    assert problems_of(plan, ALL_ALLOWED) == (
        "events-0: offset 101 is past the end of the log, 100.",
    )


def test_more_records_than_allowed_are_refused_in_all_and_not_by_partition() -> None:
    plan = a_plan(ToOffset(50), a_sight(), a_sight(ONE))

    assert problems_of(plan, ReplayRules(max_records=60)) == ()
    assert problems_of(plan, ReplayRules(max_records=59)) == (
        "60 records would be delivered again, more than --max-records 59.",
    )


def test_a_group_nobody_knows_needs_leave() -> None:
    plan = a_plan(ToEarliest(), a_sight(committed=None), is_group_known=False)

    (problem,) = problems_of(plan, ReplayRules())

    assert problem.startswith("Kafka knows no group service")
    assert problems_of(plan, ALL_ALLOWED) == ()


def test_an_added_partition_is_read_from_its_start_so_beginning_later_skips() -> None:
    plan = a_plan(ToOffset(30), a_sight(), a_sight(ONE, committed=None))

    assert [(each.redelivered, each.skipped) for each in plan.moves] == [(50, 0), (0, 20)]


def test_a_group_without_offsets_reads_what_it_is_told_to() -> None:
    plan = a_plan(ToOffset(30), a_sight(committed=None))

    assert (plan.redelivered, plan.moves[0].skipped) == (70, 0)


def test_what_has_no_offset_cannot_be_shifted() -> None:
    with pytest.raises(NothingToShift, match="events-0 has no committed offset"):
        a_plan(ShiftBy(-1), a_sight(committed=None))


def test_only_the_partitions_chosen_are_moved_and_only_their_topics_are_in_the_plan() -> None:
    other = PartitionId("others", 0)
    plan = plan_replay(
        ToEarliest(), [a_sight(), a_sight(ONE), a_sight(other)], group="service", chosen=[ONE]
    )

    assert [move.partition for move in plan.moves] == [ONE]
    assert plan.partition_counts == {"events": 2}


def test_the_sha_is_the_same_while_the_service_and_retention_go_on() -> None:
    before = a_plan(ToEarliest(), a_sight())
    after = a_plan(ToEarliest(), a_sight(committed=90, log_start=40, log_end=200))

    assert before.sha256 == after.sha256


def test_the_sha_is_of_this_canonical_text() -> None:
    plan = a_plan(ToOffset(30), a_sight(), a_sight(ONE))

    assert plan.canonical == (
        '{"group":"service","topics":{"events":{"partitions":2,"targets":{"0":30,"1":30}}},"version":1}'
    )
    assert len(plan.sha256) == 64
