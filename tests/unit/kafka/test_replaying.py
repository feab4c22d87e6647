from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from consumer.errors import (
    GroupNotEmpty,
    OffsetsNotAsWritten,
    OffsetsRefused,
    ReplayMismatch,
    ReplayRefused,
)
from consumer.kafka.group_offsets import GroupSight
from consumer.kafka.replay_documents import OldOffset, Snapshot
from consumer.kafka.replay_marker import ReplayMarker
from consumer.kafka.replay_plan import ReplayRules
from consumer.kafka.replaying import Applied, Order, Patience, apply_replay, roll_back
from tests.unit.kafka.replays import EMPTY, ONE, STABLE, ZERO, FakeGroup, a_fake_group

MOMENT = datetime(2026, 11, 23, tzinfo=UTC)
BOTH = [ZERO, ONE]


@dataclass
class Operator:
    """Somebody who applies and rolls back, on a clock that only waiting moves."""

    group: FakeGroup
    seconds: float = 0.0
    kept: list[Snapshot] = field(default_factory=list)
    told: list[GroupSight] = field(default_factory=list)

    def patience(self) -> Patience:
        def sleep(seconds: float) -> None:
            self.seconds += seconds

        return Patience(10.0, lambda: self.seconds, sleep, lambda seen, _: self.told.append(seen))

    def apply(
        self,
        *,
        name: str = "one",
        target: int = 50,
        rules: ReplayRules | None = None,
        sha: str = "",
    ) -> Applied:
        order = Order(
            name,
            sha or self.group.plan(target).sha256,
            rules or ReplayRules(),
            BOTH,
            lambda: self.group.plan(target),
        )
        return apply_replay(
            self.group,
            order,
            patience=self.patience(),
            utc_now=lambda: MOMENT,
            keep=self.kept.append,
        )

    def offsets(self) -> list[int | None]:
        return [found.offset for found in self.group.committed(BOTH).values()]


def test_the_old_offsets_are_kept_before_the_new_ones_are_set() -> None:
    operator = Operator(group := a_fake_group())
    seen: list[list[int | None]] = []
    group.before_altering = lambda: seen.append([each.offset for each in operator.kept[0].offsets])

    applied = operator.apply()

    assert seen == [[80, 90]]
    assert operator.offsets() == [50, 50]
    assert not applied.was_done_already
    assert ReplayMarker.parse(group.offsets[ZERO].metadata) == ReplayMarker(
        "one", group.plan().sha256, 80
    )


def test_another_plan_changes_nothing() -> None:
    operator = Operator(a_fake_group())

    with pytest.raises(ReplayMismatch, match="as approved"):
        operator.apply(sha="f" * 64)
    assert (operator.offsets(), operator.group.altered, operator.kept) == ([80, 90], 0, [])


def test_a_guard_changes_nothing() -> None:
    operator = Operator(a_fake_group())

    with pytest.raises(ReplayRefused, match="--max-records 1"):
        operator.apply(rules=ReplayRules(max_records=1))
    assert operator.group.altered == 0


def test_an_empty_group_is_believed_only_when_it_is_so_several_times_running() -> None:
    operator = Operator(a_fake_group(states=[EMPTY, STABLE, EMPTY, EMPTY, EMPTY]))

    operator.apply()

    assert operator.group.asked == 5
    assert operator.seconds == 4


@pytest.mark.parametrize(
    ("seen", "why"),
    [(STABLE, "pod-0"), (GroupSight("STABLE", 1), "stop every replica"), (GroupSight(None), "DESCRIBE")],
)  # fmt: skip
def test_a_group_that_does_not_become_empty_in_time_is_left_alone(
    seen: GroupSight, why: str
) -> None:
    operator = Operator(a_fake_group(states=[seen]))

    with pytest.raises(GroupNotEmpty, match=why):
        operator.apply()
    assert operator.seconds == 10
    assert operator.told == [seen] * 10
    assert operator.group.altered == 0


def test_a_dead_group_is_empty_and_one_with_members_is_not_whatever_it_is_called() -> None:
    assert GroupSight("DEAD").is_empty
    assert not GroupSight("EMPTY", 1).is_empty


def test_what_the_group_read_while_it_was_waited_for_is_in_the_snapshot() -> None:
    operator = Operator(group := a_fake_group())
    original = group.group

    def reads_on() -> GroupSight:
        group.moves_on(ZERO, 99)
        return original()

    group.group = reads_on  # type: ignore[method-assign]
    applied = operator.apply()

    assert [each.offset for each in applied.snapshot.offsets] == [99, 90]


def test_under_the_same_id_it_changes_nothing_again() -> None:
    operator = Operator(group := a_fake_group())
    sha = group.plan().sha256
    operator.apply()

    again = operator.apply(sha=sha)

    assert again.was_done_already
    assert group.altered == 1
    # As the markers remember them.
    assert [each.offset for each in again.snapshot.offsets] == [80, 90]


def test_under_the_same_id_it_changes_nothing_while_the_service_goes_on() -> None:
    operator = Operator(group := a_fake_group())
    sha = group.plan().sha256
    operator.apply()
    group.moves_on(ZERO, 95)
    group.states = [STABLE]

    assert operator.apply(sha=sha).was_done_already
    assert operator.offsets() == [95, 50]


def test_an_offset_below_where_the_replay_left_it_is_told() -> None:
    operator = Operator(group := a_fake_group())
    operator.apply()
    group.moves_on(ONE, 20)

    with pytest.raises(OffsetsNotAsWritten, match="events-1: offset 50 was written, 20 is there"):
        operator.apply()


def test_an_id_is_not_used_for_two_plans() -> None:
    operator = Operator(a_fake_group())
    operator.apply()

    with pytest.raises(ReplayRefused, match="used for another plan"):
        operator.apply(target=40)


def test_another_id_replays_the_same_again() -> None:
    operator = Operator(group := a_fake_group())
    operator.apply()
    group.moves_on(ZERO, 90)

    assert not operator.apply(name="two").was_done_already
    assert operator.offsets() == [50, 50]


def test_another_operator_who_was_quicker_is_noticed() -> None:
    operator = Operator(group := a_fake_group())
    original = group.group

    def quicker() -> GroupSight:
        if not group.altered:
            Operator(replace(group)).apply()
            group.altered = 1
        return original()

    group.group = quicker  # type: ignore[method-assign]

    assert operator.apply().was_done_already


def test_a_replay_that_was_set_in_part_goes_on_with_the_rest() -> None:
    operator = Operator(group := a_fake_group(refuses={ONE: "GROUP_AUTHORIZATION_FAILED"}))
    with pytest.raises(OffsetsNotAsWritten, match="events-1: offset 50 was written, 90 is there"):
        operator.apply()
    group.refuses = {}

    applied = operator.apply()

    assert operator.offsets() == [50, 50]
    assert [each.offset for each in applied.snapshot.offsets] == [80, 90]


def test_a_member_that_came_back_is_told_and_nothing_is_changed() -> None:
    operator = Operator(a_fake_group(refuses=dict.fromkeys(BOTH, "UNKNOWN_MEMBER_ID")))

    with pytest.raises(OffsetsRefused, match="UNKNOWN_MEMBER_ID"):
        operator.apply()
    assert operator.offsets() == [80, 90]


def test_a_service_that_is_back_before_the_comparison_does_no_harm() -> None:
    operator = Operator(group := a_fake_group())
    group.after_altering = lambda: group.moves_on(ZERO, 60)

    assert operator.apply().committed[ZERO].offset == 60


def test_offsets_that_are_not_what_was_written_are_told() -> None:
    operator = Operator(group := a_fake_group())
    group.after_altering = lambda: group.offsets.update({ZERO: OldOffset(ZERO, 70)})

    with pytest.raises(OffsetsNotAsWritten, match="events-0: offset 50 was written, 70 is there"):
        operator.apply()


def test_an_offset_that_has_gone_again_is_told() -> None:
    operator = Operator(group := a_fake_group())
    group.after_altering = lambda: group.offsets.pop(ZERO)

    with pytest.raises(OffsetsNotAsWritten, match="events-0: offset 50 was written, None is there"):
        operator.apply()


# Back again


def rolled_back(operator: Operator, snapshot: Snapshot | None = None) -> dict[str, str]:
    fates = roll_back(
        operator.group, snapshot or operator.kept[0], patience=operator.patience()
    ).fates
    return {str(each.partition): fate for each, fate in fates.items()}


def test_a_rollback_restores_offset_epoch_and_metadata_and_then_has_nothing_to_do() -> None:
    operator = Operator(group := a_fake_group())
    before = dict(group.offsets)
    operator.apply()

    assert rolled_back(operator) == {"0": "restore", "1": "restore"}
    assert group.offsets == before
    assert rolled_back(operator) == {"0": "restored_already", "1": "restored_already"}
    assert group.altered == 2


def test_what_the_group_has_read_past_is_left_alone() -> None:
    operator = Operator(group := a_fake_group())
    operator.apply()
    group.moves_on(ZERO, 81)

    assert rolled_back(operator) == {"0": "passed", "1": "restore"}
    assert operator.offsets() == [81, 90]


def test_an_offset_that_was_not_there_cannot_be_taken_away() -> None:
    operator = Operator(a_fake_group(one=None))
    operator.apply(rules=ReplayRules(allow_skip=True))

    assert rolled_back(operator) == {"0": "restore", "1": "had_none"}
    assert operator.offsets() == [80, 50]


def test_a_later_replay_must_be_rolled_back_first() -> None:
    operator = Operator(a_fake_group())
    operator.apply()
    operator.apply(name="two", target=40)

    with pytest.raises(ReplayRefused, match="was set by replay two since"):
        rolled_back(operator)
    assert rolled_back(operator, operator.kept[1]) == {"0": "restore", "1": "restore"}
    assert rolled_back(operator) == {"0": "restore", "1": "restore"}
    assert operator.offsets() == [80, 90]


def test_a_snapshot_that_no_longer_fits_the_log_is_refused() -> None:
    operator = Operator(group := a_fake_group())
    operator.apply()
    group.log_end = 85

    with pytest.raises(ReplayRefused, match="events-1: offset 90 is outside the log, 10 to 85"):
        rolled_back(operator)


def test_a_partition_that_is_gone_is_told() -> None:
    operator = Operator(group := a_fake_group())
    operator.apply()
    group.partitions = lambda topic: [ZERO]  # type: ignore[method-assign]

    with pytest.raises(ReplayRefused, match="events-1 does not exist any more"):
        rolled_back(operator)


def test_a_rollback_waits_for_an_empty_group_too() -> None:
    operator = Operator(group := a_fake_group())
    operator.apply()
    group.states = [STABLE]

    with pytest.raises(GroupNotEmpty):
        rolled_back(operator)
    assert operator.offsets() == [50, 50]
