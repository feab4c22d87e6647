"""The group of a replay beside the live one: where it begins and ends is fixed once, in Kafka. Blocks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from consumer.errors import OffsetsNotAsWritten, ReplayRefused, SettingsError
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.group_offsets import GroupOffsets
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import OldOffset
from consumer.kafka.replay_judgement import Committed, unlike
from consumer.kafka.replay_marker import ReplayMarker
from consumer.kafka.replay_plan import ToEarliest, ToMoment, plan_replay

log = structlog.get_logger(__name__)

_DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class SideSpan:
    """What the replay delivers: up to `ends`, from where its group is."""

    group: str
    replay_id: str
    ends: Mapping[PartitionId, int]
    is_resumed: bool
    """An earlier process has begun it."""
    is_done: bool
    """An earlier process has finished it."""


def side_group(live_group: str, replay_id: str) -> str:
    """Return the name of the replay's group."""
    return f"{live_group}-replay-{replay_id}"


def prepare(
    connection: KafkaConnection,
    topics: Collection[str],
    *,
    replay_id: str,
    start: datetime | None,
    end: datetime | None,
) -> SideSpan:
    """Fix where the replay begins and ends, unless that was done; `connection` is for the replay's own group.

    Without `start` it begins at the first record there is, without `end` it ends where the logs end now. Raises
    SettingsError, ReplayRefused, OffsetsNotAsWritten, KafkaFatal.
    """
    with GroupOffsets(connection) as offsets:
        partitions = _partitions(offsets, topics)
        committed = offsets.committed(partitions)
        markers = _markers(committed, replay_id)
        lacking = [each for each in partitions if each not in markers]
        if lacking and any(committed[each].offset is not None for each in lacking):
            message = f"Group {connection.group_id} has offsets that no replay {replay_id} has set. Choose another REPLAY_ID."
            raise ReplayRefused(message)
        if lacking:
            # Partitions added since it began hold nothing of its span.
            if markers:
                bounds = offsets.log_bounds(lacking)
                starts = {each: low for each, (low, _) in bounds.items()}
                ends = starts
            else:
                starts = _starts(offsets, lacking, start, connection.group_id)
                ends = _ends(offsets, lacking, end)
            _fix(offsets, connection.group_id, replay_id, starts, ends)
            markers = _markers(offsets.committed(partitions), replay_id)
        return SideSpan(
            connection.group_id,
            replay_id,
            {each: marker.until or 0 for each, marker in markers.items()},
            is_resumed=len(lacking) < len(partitions),
            is_done=all(_DONE in committed[each].metadata.split() for each in partitions),
        )


def log_ends(connection: KafkaConnection, topics: Collection[str]) -> dict[PartitionId, int]:
    """Return where the logs end now. Raises KafkaFatal, SettingsError."""
    with GroupOffsets(connection) as offsets:
        bounds = offsets.log_bounds(_partitions(offsets, topics))
    return {each: end for each, (_, end) in bounds.items()}


def note_done(connection: KafkaConnection, span: SideSpan) -> None:
    """Have a later process of this replay find nothing to do. The group must be empty. Raises KafkaFatal."""
    with GroupOffsets(connection) as offsets:
        committed = offsets.committed(list(span.ends))
        refused = offsets.alter(
            [
                OldOffset(
                    each.partition, each.offset, f"{each.metadata} {_DONE}", each.leader_epoch
                )
                for each in committed.values()
                if each.offset is not None
            ]
        )
    if refused:
        log.warning(
            "That the replay is done could not be noted; under the same id it would deliver again what came since.",
            error=refused[0].code,
        )  # fmt: skip


def _partitions(offsets: GroupOffsets, topics: Collection[str]) -> list[PartitionId]:
    found = {topic: offsets.partitions(topic) for topic in topics}
    if missing := [topic for topic, partitions in found.items() if not partitions]:
        problem = f"KAFKA_TOPICS: {', '.join(missing)} does not exist, or we may not see it."
        raise SettingsError([problem])
    return [partition for partitions in found.values() for partition in partitions]


def _markers(committed: Committed, replay_id: str) -> dict[PartitionId, ReplayMarker]:
    parsed = {each: ReplayMarker.parse(found.metadata) for each, found in committed.items()}
    return {
        each: marker
        for each, marker in parsed.items()
        if marker is not None and marker.replay_id == replay_id
    }


def _starts(
    offsets: GroupOffsets, partitions: Collection[PartitionId], start: datetime | None, group: str
) -> dict[PartitionId, int]:
    aim = (
        ToEarliest()
        if start is None
        else ToMoment(offsets.offsets_at(partitions, round(start.timestamp() * 1000)))
    )
    plan = plan_replay(aim, offsets.sights(partitions), group=group, chosen=partitions)
    return {move.partition: move.target for move in plan.moves}


def _ends(
    offsets: GroupOffsets, partitions: Collection[PartitionId], end: datetime | None
) -> dict[PartitionId, int]:
    now = {each: high for each, (_, high) in offsets.log_bounds(partitions).items()}
    if end is None:
        return now
    found = offsets.offsets_at(partitions, round(end.timestamp() * 1000))
    return {each: now[each] if (at := found[each]) is None else at for each in partitions}


def _fix(
    offsets: GroupOffsets,
    group: str,
    replay_id: str,
    starts: Mapping[PartitionId, int],
    ends: Mapping[PartitionId, int],
) -> None:
    sha256 = plan_replay(
        ToMoment(starts), offsets.sights(list(starts)), group=group, chosen=list(starts)
    ).sha256
    wanted = [
        OldOffset(each, start, str(ReplayMarker(replay_id, sha256, max(start, ends[each]))))
        for each, start in starts.items()
    ]
    if refused := offsets.alter(wanted):
        message = f"Kafka refused the offsets of group {group} ({refused[0].code}): another process may be at this replay."
        raise ReplayRefused(message)
    if wrong := unlike(wanted, offsets.committed(list(starts))):
        message = f"What group {group} has committed is not what was written: {wrong[0]}"
        raise OffsetsNotAsWritten(message)
