"""Plans and snapshots as JSON: what `replay plan` writes and `replay apply` reads, and the way back. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_marker import is_replay_id
from consumer.kafka.replay_plan import (
    PLAN_VERSION,
    Edge,
    Move,
    PartitionSight,
    ReplayPlan,
    Wanted,
)

_SNAPSHOT: Final = "replay_snapshot"
_SNAPSHOT_VERSION: Final = 1


def as_document(plan: ReplayPlan) -> dict[str, Any]:
    """Return the plan as JSON has it. `planned_from` reads it back."""
    return {
        "kind": "replay_plan",
        "version": PLAN_VERSION,
        "group": plan.group,
        "plan_sha256": plan.sha256,
        "redelivered": plan.redelivered,
        "topics": dict(plan.partition_counts),
        "partitions": [
            {
                "topic": move.partition.topic,
                "partition": move.partition.partition,
                "wanted": move.wanted,
                "current": move.sight.committed,
                "target": move.target,
                "log_start": move.sight.log_start,
                "log_end": move.sight.log_end,
                "redelivered": move.redelivered,
                "skipped": move.skipped,
            }
            for move in plan.moves
        ],
    }


@dataclass(frozen=True, slots=True)
class Planned:
    """An earlier plan, as far as it binds."""

    group: str
    partition_counts: Mapping[str, int]
    wanted: Mapping[PartitionId, Wanted]


def planned_from(document: Any) -> Planned:  # noqa: ANN401 - whatever somebody's JSON file holds
    """Read a plan back. Raises ValueError, in words, for anything else, an altered plan included."""
    try:
        if document["kind"] != "replay_plan" or document["version"] != PLAN_VERSION:
            message = "it is no plan of this version"
            raise ValueError(message)
        counts = {str(topic): int(count) for topic, count in document["topics"].items()}
        wanted: dict[PartitionId, Wanted] = {}
        for each in document["partitions"]:
            target = each["wanted"]
            where = PartitionId(str(each["topic"]), int(each["partition"]))
            wanted[where] = target if isinstance(target, int) else Edge(target)
        planned = Planned(str(document["group"]), counts, wanted)
        given = document["plan_sha256"]
    except (KeyError, TypeError, AttributeError) as error:
        message = "it is no plan that `replay plan --json` wrote"
        raise ValueError(message) from error
    sights = [PartitionSight(each, None, 0, 0) for each in wanted]
    if any(each.topic not in counts for each in wanted) or given != _sha256_of(planned, sights):
        message = "its SHA-256 is not that of what it holds: somebody has changed it"
        raise ValueError(message)
    return planned


def _sha256_of(planned: Planned, sights: Sequence[PartitionSight]) -> str:
    moves = [Move(each, planned.wanted[each.partition], None) for each in sights]
    return ReplayPlan(planned.group, planned.partition_counts, moves).sha256


@dataclass(frozen=True, slots=True)
class OldOffset:
    """What a group had committed for one partition: nothing where `offset` is None."""

    partition: PartitionId
    offset: int | None
    metadata: str = ""
    leader_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a group was before a replay."""

    group: str
    replay_id: str
    plan_sha256: str
    taken_at: str
    """ISO 8601, UTC."""
    offsets: Sequence[OldOffset]

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON has it, to be written on one line. `snapshot_in` reads it back."""
        return {
            "kind": _SNAPSHOT,
            "version": _SNAPSHOT_VERSION,
            "group": self.group,
            "replay_id": self.replay_id,
            "plan_sha256": self.plan_sha256,
            "taken_at": self.taken_at,
            "partitions": [
                {
                    "topic": each.partition.topic,
                    "partition": each.partition.partition,
                    "offset": each.offset,
                    "metadata": each.metadata,
                    "leader_epoch": each.leader_epoch,
                }
                for each in self.offsets
            ],
        }


def snapshot_in(text: str) -> Snapshot:
    """Find the one snapshot in a text: a file of it, or the log of the Job that took it. Raises ValueError, in words."""
    found = {json.dumps(each, sort_keys=True): each for each in _objects_in(text)}
    if len(found) != 1:
        message = "no snapshot is in it" if not found else f"{len(found)} snapshots are in it"
        raise ValueError(message)
    try:
        return _snapshot_from(*found.values())
    except (KeyError, TypeError, AttributeError) as error:
        message = "the snapshot in it is not whole"
        raise ValueError(message) from error


def _objects_in(text: str) -> Iterator[dict[str, Any]]:
    for part in (text, *text.splitlines()):
        try:
            given = json.loads(part)
        except ValueError:
            continue
        if isinstance(given, dict) and given.get("kind") == _SNAPSHOT:
            yield given


def _snapshot_from(document: Mapping[str, Any]) -> Snapshot:
    if document["version"] != _SNAPSHOT_VERSION or not is_replay_id(document["replay_id"]):
        message = "the snapshot in it is not of this version"
        raise ValueError(message)
    return Snapshot(
        str(document["group"]),
        document["replay_id"],
        str(document["plan_sha256"]),
        str(document["taken_at"]),
        [
            OldOffset(
                PartitionId(str(each["topic"]), int(each["partition"])),
                None if each["offset"] is None else int(each["offset"]),
                str(each["metadata"]),
                None if each["leader_epoch"] is None else int(each["leader_epoch"]),
            )
            for each in document["partitions"]
        ],
    )
