from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.sharing import Sharing
from consumer.kafka.stalls import Progress, Rewind, Rewinds, Sight, StallDetector

ZERO = PartitionId("events", 0)
BUSY = Sight(committed=7, is_settled=False)
AT_REST = Sight(committed=7, is_settled=True)


def progress_of(*seen: tuple[float, Sight]) -> list[Progress]:
    """The verdict at each of these moments, with ten seconds allowed."""
    detector = StallDetector(10)
    return [detector.look({ZERO: sight}, now=now)[ZERO].progress for now, sight in seen]


def test_an_offset_that_does_not_move_with_something_to_do_is_stalled_in_time() -> None:
    assert progress_of((0, BUSY), (9.9, BUSY), (10, BUSY)) == ["moving", "moving", "stalled"]


def test_an_offset_that_moves_is_not_stalled_however_far_behind_it_is() -> None:
    moved = Sight(committed=8, is_settled=False)

    assert progress_of((0, BUSY), (9, moved), (18, moved), (19, moved)) == [
        "moving", "moving", "moving", "stalled",
    ]  # fmt: skip


def test_a_moment_with_nothing_to_do_starts_the_clock_anew() -> None:
    assert progress_of((0, BUSY), (9, AT_REST), (12, BUSY), (18.9, BUSY), (19, BUSY)) == [
        "moving", "caught_up", "moving", "moving", "stalled",
    ]  # fmt: skip


def test_what_is_held_on_purpose_is_not_stalled_and_gets_its_whole_time_afterwards() -> None:
    held = Sight(committed=7, is_settled=False, is_held=True)

    assert progress_of((0, BUSY), (50, held), (59, BUSY), (60, BUSY)) == [
        "moving", "held", "moving", "stalled",
    ]  # fmt: skip


def test_not_to_know_the_offset_is_no_progress() -> None:
    unknown = Sight(committed=None, is_settled=False)

    assert progress_of((0, unknown), (10, unknown)) == ["moving", "stalled"]


def test_a_replay_is_told_apart_until_it_is_back_where_it_was_and_can_stall_too() -> None:
    def replaying(committed: int) -> Sight:
        return Sight(committed=committed, is_settled=False, replays_to=7)

    seen = ((0, BUSY), (5, replaying(2)), (14, replaying(2)), (15, replaying(2)))
    assert progress_of(*seen) == ["moving", "replaying", "replaying", "stalled"]
    assert progress_of((0, replaying(6)), (1, replaying(7))) == ["replaying", "moving"]


def test_a_partition_that_left_and_came_back_has_its_whole_time() -> None:
    detector = StallDetector(10)
    detector.look({ZERO: BUSY}, now=0)
    detector.look({}, now=5)

    assert detector.look({ZERO: BUSY}, now=12)[ZERO].since == 12


def test_an_offset_below_the_last_answer_was_set_back() -> None:
    rewinds = Rewinds()
    rewinds.answered(rewinds.before_asking({}), {ZERO: 500})

    found = rewinds.answered(rewinds.before_asking({}), {ZERO: 100})

    assert found == [Rewind(ZERO, was=500, now=100)]
    assert rewinds.replays_to(ZERO) == 500
    assert rewinds.answered(rewinds.before_asking({}), {ZERO: 499}) == []
    assert rewinds.replays_to(ZERO) == 500
    assert rewinds.answered(rewinds.before_asking({}), {ZERO: 500}) == []
    assert rewinds.replays_to(ZERO) is None


def test_an_answer_that_was_overtaken_by_our_own_commit_is_no_replay() -> None:
    rewinds = Rewinds()
    before = rewinds.before_asking({ZERO: 500})

    assert rewinds.answered(before, {ZERO: 500}) == []
    before = rewinds.before_asking({ZERO: 500})
    rewinds.before_asking({ZERO: 900})
    assert rewinds.answered(before, {ZERO: 500}) == []


def test_an_offset_set_back_under_our_hands_is_told_once_and_again_after_our_next_commit() -> None:
    rewinds = Rewinds()
    rewinds.before_asking({ZERO: 500})
    told = [
        len(rewinds.answered(rewinds.before_asking({ZERO: 500}), {ZERO: offset}))
        for offset in (100, 100, 100)
    ]

    assert told == [1, 0, 0]
    assert len(rewinds.answered(rewinds.before_asking({ZERO: 600}), {ZERO: 300})) == 1


def test_a_topic_we_hold_all_of_is_ours_alone_and_a_rebalance_is_not_sharing_yet() -> None:
    sharing = Sharing(60)

    assert not sharing.look(held=4, partitions=4, now=0)
    assert not sharing.look(held=2, partitions=4, now=10)
    assert not sharing.look(held=2, partitions=4, now=69)
    assert sharing.look(held=2, partitions=4, now=70)
    assert not sharing.look(held=4, partitions=4, now=71)
    assert not sharing.look(held=2, partitions=4, now=72)


def test_a_spare_replica_shares_nothing() -> None:
    sharing = Sharing(0)

    assert not sharing.look(held=0, partitions=4, now=0)


def test_nothing_is_shared_while_the_number_of_partitions_is_not_known() -> None:
    sharing = Sharing(0)

    assert not sharing.look(held=2, partitions=0, now=0)
