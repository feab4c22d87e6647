"""A replay carried out, and rolled back: check, wait until the group is empty, remember, set, read again, compare.

Blocks. Whatever is in doubt ends it with an error that says what was changed and what was not.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from consumer.errors import (
    GroupNotEmpty,
    OffsetsNotAsWritten,
    OffsetsRefused,
    ReplayMismatch,
    ReplayRefused,
)
from consumer.kafka.group_offsets import GroupSight, RefusedOffset
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import OldOffset, Snapshot
from consumer.kafka.replay_judgement import (
    Committed,
    Fate,
    RollbackPlan,
    Standing,
    old_offsets,
    plan_rollback,
    standing_of,
    unlike,
)
from consumer.kafka.replay_marker import ReplayMarker
from consumer.kafka.replay_plan import ReplayPlan, ReplayRules, problems_of

# A group between two assignments may look empty for a moment.
_EMPTY_POLLS: Final = 3
_POLL_SECONDS: Final = 1.0
_SAID: Final = 5


class Group(Protocol):
    """The group whose offsets are set. `GroupOffsets`."""

    def group(self) -> GroupSight:
        """Who is in it."""
        ...

    def committed(self, partitions: Collection[PartitionId]) -> Committed:
        """What it has committed."""
        ...

    def partitions(self, topic: str) -> Sequence[PartitionId]:
        """The topic's partitions; none where there is no such topic."""
        ...

    def log_bounds(
        self, partitions: Collection[PartitionId]
    ) -> Mapping[PartitionId, tuple[int, int]]:
        """Each log's start and end."""
        ...

    def alter(self, offsets: Sequence[OldOffset]) -> Sequence[RefusedOffset]:
        """Set offsets; what was not taken."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an empty group, by which clock, and whom to tell meanwhile (with the seconds left)."""

    seconds: float
    now: Callable[[], float]
    sleep: Callable[[float], None]
    tell: Callable[[GroupSight, float], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What was approved, and under which name it is carried out. `plan` makes the plan anew, from how things stand."""

    replay_id: str
    plan_sha256: str
    rules: ReplayRules
    chosen: Collection[PartitionId]
    plan: Callable[[], ReplayPlan]


@dataclass(frozen=True, slots=True)
class Applied:
    """The group is where the plan wants it. Nothing was done now where that was so already."""

    snapshot: Snapshot
    committed: Committed
    was_done_already: bool


def apply_replay(
    group: Group,
    order: Order,
    *,
    patience: Patience,
    utc_now: Callable[[], datetime],
    keep: Callable[[Snapshot], None],
) -> Applied:
    """Set the group's offsets as planned, unless a replay of this id has done so. `keep` gets the old ones before.

    Run again after a crash, it goes on where the first stopped. Raises ReplayRefused, ReplayMismatch, GroupNotEmpty,
    OffsetsRefused, OffsetsNotAsWritten, KafkaFatal.
    """
    chosen = sorted(order.chosen)
    if _standing(group, order) is Standing.DONE:
        return _done_already(group, order, utc_now())
    plan = _approved(order)
    wait_until_empty(group, patience)
    # The group went on until it was empty: everything is looked at once more.
    if _standing(group, order) is Standing.DONE:
        return _done_already(group, order, utc_now())
    plan = _approved(order)
    before = group.committed(chosen)
    snapshot = _snapshot(plan.group, order, before, utc_now())
    keep(snapshot)
    wanted = [
        OldOffset(move.partition, move.target, str(_marker(order, old)))
        for move, old in zip(plan.moves, snapshot.offsets, strict=True)
        if not _is_marked(before[move.partition], order.replay_id)
    ]
    _set(group, wanted, before)
    return Applied(snapshot, group.committed(chosen), was_done_already=False)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What became of each partition of the snapshot."""

    fates: Mapping[PartitionId, Fate]


def roll_back(group: Group, snapshot: Snapshot, *, patience: Patience) -> RolledBack:
    """Restore the offsets of a snapshot exactly; what the group has read past already stays.

    Again it changes nothing. Raises what `apply_replay` does.
    """
    plan = _rollback(group, snapshot)
    if Fate.RESTORE not in plan.fates.values():
        return RolledBack(plan.fates)
    wait_until_empty(group, patience)
    plan = _rollback(group, snapshot)
    wanted = [each for each in snapshot.offsets if plan.fates[each.partition] is Fate.RESTORE]
    _set(group, wanted, group.committed([each.partition for each in wanted]))
    return RolledBack(plan.fates)


def wait_until_empty(group: Group, patience: Patience) -> None:
    """Return once the group was empty several times running. Raises GroupNotEmpty when the time is over."""
    deadline = patience.now() + patience.seconds
    empty_polls = 0
    while True:
        seen = group.group()
        empty_polls = empty_polls + 1 if seen.is_empty else 0
        if empty_polls == _EMPTY_POLLS:
            return
        left_seconds = deadline - patience.now()
        if left_seconds <= 0 and not empty_polls:
            raise GroupNotEmpty(_why_not_empty(seen, patience.seconds))
        patience.tell(seen, max(0.0, left_seconds))
        patience.sleep(_POLL_SECONDS)


def _why_not_empty(seen: GroupSight, waited_seconds: float) -> str:
    waited = f"Waited {waited_seconds:.0f} s. Nothing was changed."
    if seen.state is None:
        return f"Kafka does not tell whether the group has members: DESCRIBE on the group is needed. {waited}"
    static = (
        f" Static members ({', '.join(seen.instance_ids)}) stay until their session is over."
        if seen.instance_ids
        else ""
    )
    return f"The group is {seen.state.lower()}, with {seen.members} member(s): stop every replica first.{static} {waited}"


def _standing(group: Group, order: Order) -> Standing:
    chosen = sorted(order.chosen)
    standing = standing_of(order.replay_id, order.plan_sha256, group.committed(chosen), chosen)
    if standing is Standing.OTHER_PLAN:
        message = (
            f"The id {order.replay_id} was used for another plan of this group. Give this one an id of its own. Nothing "
            "was changed."
        )
        raise ReplayRefused(message)
    return standing


def _done_already(group: Group, order: Order, taken_at: datetime) -> Applied:
    """Also after a crash before the comparison: then it is made now, if the plan can be made again."""
    committed = group.committed(sorted(order.chosen))
    plan = order.plan()
    if plan.sha256 == order.plan_sha256:
        wanted = [
            OldOffset(move.partition, move.target, committed[move.partition].metadata)
            for move in plan.moves
        ]
        if wrong := unlike(wanted, committed):
            raise OffsetsNotAsWritten(_listed("The group is not where this replay left it", wrong))
    snapshot = _snapshot(plan.group, order, committed, taken_at)
    return Applied(snapshot, committed, was_done_already=True)


def _approved(order: Order) -> ReplayPlan:
    plan = order.plan()
    if plan.sha256 != order.plan_sha256:
        message = (
            f"The plan is {plan.sha256} now, not {order.plan_sha256} as approved: the options differ, a topic's "
            "partitions were added, or the group has moved under --shift-by. Make a plan and approve it again, or apply "
            "the approved one from its file with --plan. Nothing was changed."
        )
        raise ReplayMismatch(message)
    if problems := problems_of(plan, order.rules):
        raise ReplayRefused(
            _listed("The plan cannot be carried out; nothing was changed", problems)
        )
    return plan


def _snapshot(name: str, order: Order, committed: Committed, taken_at: datetime) -> Snapshot:
    return Snapshot(
        name,
        order.replay_id,
        order.plan_sha256,
        taken_at.isoformat(timespec="seconds"),
        old_offsets(order.replay_id, committed, sorted(order.chosen)),
    )


def _marker(order: Order, old: OldOffset) -> ReplayMarker:
    return ReplayMarker(order.replay_id, order.plan_sha256, old.offset)


def _is_marked(found: OldOffset, replay_id: str) -> bool:
    marker = ReplayMarker.parse(found.metadata)
    return marker is not None and marker.replay_id == replay_id


def _set(group: Group, wanted: Sequence[OldOffset], before: Committed) -> None:
    refused = group.alter(wanted)
    after = group.committed([each.partition for each in wanted])
    if refused and all(after[each.partition] == before[each.partition] for each in wanted):
        codes = ", ".join(sorted({each.code for each in refused}))
        message = (
            f"Kafka refused the new offsets ({codes}). UNKNOWN_MEMBER_ID means that a member came back: stop every "
            "replica and try again. Nothing was changed."
        )
        raise OffsetsRefused(message)
    if wrong := unlike(wanted, after):
        raise OffsetsNotAsWritten(
            _listed("What the group has committed is not what was written", wrong)
        )


def _rollback(group: Group, snapshot: Snapshot) -> RollbackPlan:
    topics = sorted({each.partition.topic for each in snapshot.offsets})
    there = {partition for topic in topics for partition in group.partitions(topic)}
    wanted = [each.partition for each in snapshot.offsets if each.partition in there]
    plan = plan_rollback(snapshot, group.committed(wanted), group.log_bounds(wanted))
    if plan.problems:
        raise ReplayRefused(
            _listed("The snapshot cannot be restored; nothing was changed", plan.problems)
        )
    return plan


def _listed(headline: str, sentences: Sequence[str]) -> str:
    shown = [f"\n  - {each}" for each in sentences[:_SAID]]
    more = f"\n  - and {len(sentences) - _SAID} more" if len(sentences) > _SAID else ""
    return f"{headline}:{''.join(shown)}{more}"
