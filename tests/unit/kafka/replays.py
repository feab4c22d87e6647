"""Groups that are replayed, for tests of the judgement and of the steps."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from consumer.kafka.group_offsets import GroupSight, RefusedOffset
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import OldOffset
from consumer.kafka.replay_plan import PartitionSight, ReplayPlan, ToOffset, plan_replay

ZERO, ONE = PartitionId("events", 0), PartitionId("events", 1)
EMPTY, STABLE = GroupSight("EMPTY"), GroupSight("STABLE", 2, ("pod-0",))


def a_sight(
    partition: PartitionId = ZERO,
    committed: int | None = 80,
    log_start: int = 10,
    log_end: int = 100,
) -> PartitionSight:
    return PartitionSight(partition, committed, log_start, log_end)


@dataclass
class FakeGroup:
    """A group whose broker does as it is told; `states` are what it says of its members, the last for ever."""

    offsets: dict[PartitionId, OldOffset]
    states: list[GroupSight] = field(default_factory=lambda: [EMPTY])
    refuses: Mapping[PartitionId, str] = field(default_factory=dict)
    before_altering: Callable[[], object] = lambda: None
    after_altering: Callable[[], object] = lambda: None
    log_end: int = 100
    asked: int = 0
    altered: int = 0

    def group(self) -> GroupSight:
        self.asked += 1
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def committed(self, partitions: Collection[PartitionId]) -> Mapping[PartitionId, OldOffset]:
        return {each: self.offsets.get(each, OldOffset(each, None)) for each in partitions}

    def partitions(self, topic: str) -> Sequence[PartitionId]:
        return [ZERO, ONE]

    def log_bounds(
        self, partitions: Collection[PartitionId]
    ) -> Mapping[PartitionId, tuple[int, int]]:
        return dict.fromkeys(partitions, (10, self.log_end))

    def alter(self, offsets: Sequence[OldOffset]) -> Sequence[RefusedOffset]:
        self.altered += 1
        self.before_altering()
        for each in offsets:
            if each.partition not in self.refuses:
                self.offsets[each.partition] = each
        self.after_altering()
        return [
            RefusedOffset(each.partition, self.refuses[each.partition])
            for each in offsets
            if each.partition in self.refuses
        ]

    def moves_on(self, partition: PartitionId, offset: int) -> None:
        """The service commits, and carries the marker on."""
        self.offsets[partition] = replace(self.offsets[partition], offset=offset)

    def plan(self, target: int = 50) -> ReplayPlan:
        """The plan for everything to go to one offset, from how things stand."""
        sights = [
            a_sight(each, found.offset) for each, found in self.committed((ZERO, ONE)).items()
        ]
        return plan_replay(ToOffset(target), sights, group="service", chosen=(ZERO, ONE))


def a_fake_group(zero: int | None = 80, one: int | None = 90, **others: object) -> FakeGroup:
    offsets = {
        each: OldOffset(each, offset, "", 3)
        for each, offset in ((ZERO, zero), (ONE, one))
        if offset is not None
    }
    group = FakeGroup(offsets)
    for name, value in others.items():
        setattr(group, name, value)
    return group
