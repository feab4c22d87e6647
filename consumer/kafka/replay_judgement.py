"""Whether a replay was carried out already, and what a rollback may touch: the judgement, without a connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import OldOffset, Snapshot
from consumer.kafka.replay_marker import ReplayMarker

Committed = Mapping[PartitionId, OldOffset]
"""What the group has committed, by partition."""


class Standing(StrEnum):
    """How far a replay of one id has come, by its markers."""

    NOT_BEGUN = "not_begun"
    PARTLY = "partly"
    DONE = "done"
    OTHER_PLAN = "other_plan"
    """The id was used, for another plan."""


def standing_of(
    replay_id: str, plan_sha256: str, committed: Committed, partitions: Sequence[PartitionId]
) -> Standing:
    """Return how far it has come. A marker and its offset are stored together, so there is no fourth answer."""
    markers = [ReplayMarker.parse(committed[each].metadata) for each in partitions]
    ours = [each for each in markers if each is not None and each.replay_id == replay_id]
    if any(each.plan_sha256 != plan_sha256 for each in ours):
        return Standing.OTHER_PLAN
    if not ours:
        return Standing.NOT_BEGUN
    return Standing.DONE if len(ours) == len(partitions) else Standing.PARTLY


def old_offsets(
    replay_id: str, committed: Committed, partitions: Sequence[PartitionId]
) -> list[OldOffset]:
    """Where the group was before this replay: what is committed, or what the replay's own markers remember of it."""
    old = []
    for partition in partitions:
        marker = ReplayMarker.parse(committed[partition].metadata)
        if marker is not None and marker.replay_id == replay_id:
            old.append(OldOffset(partition, marker.until))
        else:
            old.append(committed[partition])
    return old


def unlike(wanted: Sequence[OldOffset], committed: Committed) -> list[str]:
    """Return one sentence for each partition whose committed offset is not what was written.

    A service that is back already may have moved on from it; its marker tells.
    """
    return [
        f"{each.partition.topic}-{each.partition.partition}: offset {each.offset} was written, {found.offset} is there"
        for each in wanted
        for found in (committed[each.partition],)
        if not _holds(each, found)
    ]


def _holds(wanted: OldOffset, found: OldOffset) -> bool:
    if found.offset is None or wanted.offset is None:
        return False
    if found.offset == wanted.offset:
        return found.metadata == wanted.metadata
    marker = ReplayMarker.parse(wanted.metadata)
    return (
        marker is not None
        and found.offset > wanted.offset
        and ReplayMarker.parse(found.metadata) == marker
    )


class Fate(StrEnum):
    """What a rollback does with one partition."""

    RESTORE = "restore"
    RESTORED_ALREADY = "restored_already"
    PASSED = "passed"
    """The group has read past where it was: there is nothing to go back to."""
    HAD_NONE = "had_none"
    """The group had no offset there, and Kafka's protocol for clients cannot take one away."""


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What becomes of each partition, and what stands in the way."""

    fates: Mapping[PartitionId, Fate]
    problems: Sequence[str]


def plan_rollback(
    snapshot: Snapshot, committed: Committed, log_bounds: Mapping[PartitionId, tuple[int, int]]
) -> RollbackPlan:
    """Return what restoring the snapshot means. `log_bounds` are each log's start and end; a partition may be gone."""
    problems = []
    fates = {}
    for old in snapshot.offsets:
        where = f"{old.partition.topic}-{old.partition.partition}"
        if old.partition not in log_bounds:
            problems.append(f"{where} does not exist any more.")
            continue
        found = committed[old.partition]
        marker = ReplayMarker.parse(found.metadata)
        if marker is not None and marker.replay_id not in {snapshot.replay_id, _id_in(old)}:
            problems.append(
                f"{where} was set by replay {marker.replay_id} since; roll that one back first."
            )
        fates[old.partition] = fate = _fate(old, found)
        start, end = log_bounds[old.partition]
        if fate is Fate.RESTORE and old.offset is not None and not start <= old.offset <= end:
            problems.append(f"{where}: offset {old.offset} is outside the log, {start} to {end}.")
    return RollbackPlan(fates, problems)


def _id_in(old: OldOffset) -> str | None:
    marker = ReplayMarker.parse(old.metadata)
    return None if marker is None else marker.replay_id


def _fate(old: OldOffset, found: OldOffset) -> Fate:
    if old.offset is None:
        return Fate.HAD_NONE
    if found.offset == old.offset and found.metadata == old.metadata:
        return Fate.RESTORED_ALREADY
    if found.offset is not None and found.offset > old.offset:
        return Fate.PASSED
    return Fate.RESTORE
