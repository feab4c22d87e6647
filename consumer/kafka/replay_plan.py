"""What a replay would do to a group's offsets: the judgement, without a clock or a connection.

A plan is made of absolute offsets. Its SHA-256 covers what an operator approves, and nothing that moves while the
service runs: see docs/decisions/0028-replay.md.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from consumer.kafka.offset_ledger import PartitionId

PLAN_VERSION: Final = 1


class Edge(StrEnum):
    """A target that is no number: it stays what it is while retention moves the log's start."""

    EARLIEST = "earliest"


Wanted = int | Edge
"""An offset as it was asked for."""


@dataclass(frozen=True, slots=True)
class PartitionSight:
    """One partition of the group at one moment. `log_end` is the offset the next record that may be read will get."""

    partition: PartitionId
    committed: int | None
    log_start: int
    log_end: int


@dataclass(frozen=True, slots=True)
class ToEarliest:
    """From the first record there is."""


@dataclass(frozen=True, slots=True)
class ToMoment:
    """From a moment on. `offsets` are Kafka's answers: None where every record is older."""

    offsets: Mapping[PartitionId, int | None]


@dataclass(frozen=True, slots=True)
class ToOffset:
    """From one offset on, on every partition chosen."""

    offset: int


@dataclass(frozen=True, slots=True)
class ShiftBy:
    """So many offsets from where the group is; back when negative."""

    offsets: int


@dataclass(frozen=True, slots=True)
class AsPlanned:
    """What an earlier plan says."""

    wanted: Mapping[PartitionId, Wanted]


Aim = ToEarliest | ToMoment | ToOffset | ShiftBy | AsPlanned


@dataclass(frozen=True, slots=True)
class Move:
    """One partition's way from where the group is to where it will go on."""

    sight: PartitionSight
    wanted: Wanted
    goes_on_at: int | None
    """Where reading would go on without the replay, within the log; None where nobody said."""

    @property
    def partition(self) -> PartitionId:
        """The partition that is moved."""
        return self.sight.partition

    @property
    def target(self) -> int:
        """The offset to set: what was wanted, or the nearest the log has."""
        if isinstance(self.wanted, Edge):
            return self.sight.log_start
        return min(max(self.wanted, self.sight.log_start), self.sight.log_end)

    @property
    def is_truncated(self) -> bool:
        """Whether records that were asked for are deleted already."""
        return not isinstance(self.wanted, Edge) and self.wanted < self.sight.log_start

    @property
    def is_past_the_end(self) -> bool:
        """Whether there is no such offset yet."""
        return not isinstance(self.wanted, Edge) and self.wanted > self.sight.log_end

    @property
    def redelivered(self) -> int:
        """Offsets that would be delivered though the group is past them; all of them where it has never been."""
        now = self.sight.log_end if self.goes_on_at is None else self.goes_on_at
        return max(0, now - self.target)

    @property
    def skipped(self) -> int:
        """Offsets that would never be read."""
        return 0 if self.goes_on_at is None else max(0, self.target - self.goes_on_at)


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """Where a group will go on. `partition_counts` holds every partition of each topic, moved or not."""

    group: str
    partition_counts: Mapping[str, int]
    moves: Sequence[Move]
    is_group_known: bool = True

    @property
    def redelivered(self) -> int:
        """Offsets that would be delivered again, of all partitions."""
        return sum(move.redelivered for move in self.moves)

    @property
    def canonical(self) -> str:
        """What the operator approves, in one spelling."""
        wanted: dict[str, dict[str, Wanted]] = {topic: {} for topic in self.partition_counts}
        for move in self.moves:
            wanted[move.partition.topic][str(move.partition.partition)] = move.wanted
        content = {
            "version": PLAN_VERSION,
            "group": self.group,
            "topics": {
                topic: {"partitions": count, "targets": wanted[topic]}
                for topic, count in self.partition_counts.items()
            },
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """The plan's name: the SHA-256 of `canonical`, in hexadecimal."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """What the operator allows."""

    allow_truncated: bool = False
    allow_skip: bool = False
    allow_unknown_group: bool = False
    max_records: int | None = None


class NothingToShift(ValueError):
    """A partition has no offset that could be shifted."""


def plan_replay(
    aim: Aim,
    sights: Collection[PartitionSight],
    *,
    group: str,
    chosen: Collection[PartitionId],
    is_group_known: bool = True,
) -> ReplayPlan:
    """Return the plan. `sights` are all partitions of the topics; those `chosen` are moved.

    Raises NothingToShift.
    """
    counts: dict[str, int] = {}
    for sight in sights:
        counts[sight.partition.topic] = counts.get(sight.partition.topic, 0) + 1
    read = {sight.partition.topic for sight in sights if sight.committed is not None}
    moves = [
        Move(
            sight,
            _wanted(aim, sight),
            _goes_on_at(sight, is_topic_read=sight.partition.topic in read),
        )
        for sight in sorted(sights, key=lambda each: each.partition)
        if sight.partition in chosen
    ]
    topics = {move.partition.topic for move in moves}
    return ReplayPlan(
        group,
        MappingProxyType({topic: counts[topic] for topic in sorted(topics)}),
        tuple(moves),
        is_group_known,
    )


def problems_of(plan: ReplayPlan, rules: ReplayRules) -> tuple[str, ...]:
    """Return one sentence for each thing that keeps the plan from being carried out; each names what would allow it."""
    return tuple(_problems(plan, rules))


def _problems(plan: ReplayPlan, rules: ReplayRules) -> Iterator[str]:
    if not plan.is_group_known and not rules.allow_unknown_group:
        yield (
            f"Kafka knows no group {plan.group}, and to set its offsets would make one. Is KAFKA_GROUP_ID right? If its "
            "offsets have expired, say --allow-unknown-group."
        )
    for move in plan.moves:
        where = f"{move.partition.topic}-{move.partition.partition}"
        start, end = move.sight.log_start, move.sight.log_end
        if move.is_past_the_end:
            yield f"{where}: offset {move.wanted} is past the end of the log, {end}."
        if move.is_truncated and not rules.allow_truncated:
            yield (
                f"{where}: offset {move.wanted} was deleted already, the log starts at {start}. Say --allow-truncated to "
                "begin there."
            )
        if move.skipped and not rules.allow_skip:
            yield (
                f"{where}: {move.skipped:,} records from offset {move.goes_on_at} on would never be delivered. Say "
                "--allow-skip if they need not be."
            )
    if rules.max_records is not None and plan.redelivered > rules.max_records:
        yield f"{plan.redelivered:,} records would be delivered again, more than --max-records {rules.max_records:,}."


def _wanted(aim: Aim, sight: PartitionSight) -> Wanted:
    match aim:
        case ToEarliest():
            return Edge.EARLIEST
        case ToMoment(offsets):
            found = offsets[sight.partition]
            return sight.log_end if found is None else found
        case ToOffset(offset):
            return offset
        case ShiftBy(offsets):
            if sight.committed is None:
                message = (
                    f"{sight.partition.topic}-{sight.partition.partition} has no committed offset that could be shifted; "
                    "leave it out by --partitions, or say --to-earliest, --to-datetime or --to-offset"
                )
                raise NothingToShift(message)
            return sight.committed + offsets
        case _:
            return aim.wanted[sight.partition]


def _goes_on_at(sight: PartitionSight, *, is_topic_read: bool) -> int | None:
    """A partition without an offset of a topic that is read was added since: the service begins at its start."""
    if sight.committed is not None:
        return min(max(sight.committed, sight.log_start), sight.log_end)
    return sight.log_start if is_topic_read else None
