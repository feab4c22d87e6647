"""Whatever partitions do, a verdict says what is true of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.sharing import Sharing
from consumer.kafka.stalls import Progress, Rewinds, Sight, StallDetector

AFTER_SECONDS = 100.0
PARTITIONS = [PartitionId("events", number) for number in range(2)]

seconds = st.floats(0, 150)
offsets = st.none() | st.integers(0, 5)


@dataclass
class Look:
    """One look at one partition: how long after the last one, and what was seen; None: it is not ours."""

    waited: float
    sight: Sight | None


sights = st.builds(
    Sight,
    committed=offsets,
    is_settled=st.booleans(),
    is_held=st.booleans(),
    replays_to=offsets,
)
looks = st.lists(st.builds(Look, seconds, st.none() | sights), min_size=1, max_size=15)


@given(looks)
def test_a_partition_is_stalled_only_after_standing_still_for_the_whole_time_with_something_to_do(
    seen: list[Look],
) -> None:
    detector, now, history = StallDetector(AFTER_SECONDS), 0.0, list[tuple[float, Sight | None]]()
    for look in seen:
        now += look.waited
        history.append((now, look.sight))
        standing = detector.look(_in_sight(look.sight), now=now).get(PARTITIONS[0])
        if look.sight is None:
            assert standing is None
            continue
        assert standing is not None
        since = _still_since(history)
        assert standing.since == since
        assert standing.still_seconds == now - since
        idle = look.sight.is_settled or look.sight.is_held
        assert (standing.progress is Progress.STALLED) == (
            not idle and now - since >= AFTER_SECONDS
        )


@given(looks)
def test_nothing_another_partition_does_changes_a_verdict(seen: list[Look]) -> None:
    alone, beside, now = StallDetector(AFTER_SECONDS), StallDetector(AFTER_SECONDS), 0.0
    quiet = Sight(committed=3, is_settled=False)
    for look in seen:
        now += look.waited
        both = {**_in_sight(look.sight), PARTITIONS[1]: quiet}
        assert (
            beside.look(both, now=now)[PARTITIONS[1]]
            == alone.look({PARTITIONS[1]: quiet}, now=now)[PARTITIONS[1]]
        )


def _in_sight(sight: Sight | None) -> dict[PartitionId, Sight]:
    return {} if sight is None else {PARTITIONS[0]: sight}


def _still_since(history: list[tuple[float, Sight | None]]) -> float:
    """The same by hand, backwards: the first of the last looks that saw the same offset and something to do."""
    since, last = history[-1]
    assert last is not None
    if last.is_settled or last.is_held:
        return since
    for at, sight in reversed(history[:-1]):
        if sight is None or sight.committed != last.committed:
            return since
        since = at
        if sight.is_settled or sight.is_held:
            return since
    return since


class OffsetsOfAGroup(RuleBasedStateMachine):
    """A group's offset at Kafka, ours as we know it, and answers that are late."""

    def __init__(self) -> None:
        super().__init__()
        self.rewinds = Rewinds()
        self.at_kafka = 0
        self.ours: dict[PartitionId, int] = {}
        self.asked: Mapping[PartitionId, int] | None = None
        self.set_back: list[tuple[int, int]] = []
        self.told: list[tuple[int, int]] = []

    @rule(records=st.integers(1, 9))
    def we_commit(self, records: int) -> None:
        self.at_kafka += records
        self.ours = {PARTITIONS[0]: self.at_kafka}

    @rule(records=st.integers(1, 9))
    def another_owner_commits(self, records: int) -> None:
        self.ours = {}
        self.at_kafka += records

    @rule()
    def the_partition_leaves_us(self) -> None:
        self.ours = {}

    @rule()
    def we_ask(self) -> None:
        self.asked = self.rewinds.before_asking(self.ours)

    @rule()
    def kafka_answers(self) -> None:
        self._answer()

    @rule(records=st.integers(1, 9))
    def we_commit_while_kafka_answers(self, records: int) -> None:
        said = self.at_kafka
        self.we_commit(records)
        self._answer(said)

    @rule(records=st.integers(1, 20))
    def somebody_sets_the_offset_back_while_nobody_runs(self, records: int) -> None:
        self.ours, self.asked = {}, None
        before, self.at_kafka = self.at_kafka, max(0, self.at_kafka - records)
        known = self.rewinds.before_asking(self.ours)
        found = self.rewinds.answered(known, {PARTITIONS[0]: self.at_kafka})
        highest = known.get(PARTITIONS[0], 0)
        assert [(each.was, each.now) for each in found] == (
            [(highest, self.at_kafka)] if self.at_kafka < highest else []
        )
        assert highest <= before

    @invariant()
    def a_replay_is_over_once_it_is_back(self) -> None:
        goal = self.rewinds.replays_to(PARTITIONS[0])
        assert goal is None or goal > 0

    def _answer(self, said: int | None = None) -> None:
        """What is said was true when it was asked, or became true since: never lower than what was known before."""
        if self.asked is None:
            return
        offset = self.at_kafka if said is None else said
        assert self.rewinds.answered(self.asked, {PARTITIONS[0]: offset}) == []
        self.asked = None
        goal = self.rewinds.replays_to(PARTITIONS[0])
        assert goal is None or offset < goal


TestOffsetsOfAGroup = OffsetsOfAGroup.TestCase


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_topics_are_shared_once_some_partitions_are_held_and_others_not_for_a_while(
    seen: list[tuple[float, int, int]],
) -> None:
    sharing, now, part_since = Sharing(60.0), 0.0, None
    for waited, held, partitions in seen:
        now += waited
        is_part = 0 < held < partitions
        part_since = (now if part_since is None else part_since) if is_part else None

        assert sharing.look(held=held, partitions=partitions, now=now) == (
            part_since is not None and now - part_since >= 60
        )
