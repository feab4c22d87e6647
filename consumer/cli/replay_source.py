"""The group a replay is about, by the service's own settings; and the plan that options or a file ask for."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import typer

from consumer.errors import ReplayRefused, SettingsError
from consumer.kafka.connection import (
    KafkaConnection,
    brokers_decide,
    consumer_properties,
    property_problems,
)
from consumer.kafka.group_offsets import GroupOffsets
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import Planned, planned_from
from consumer.kafka.replay_plan import (
    Aim,
    AsPlanned,
    NothingToShift,
    ReplayPlan,
    ShiftBy,
    ToEarliest,
    ToMoment,
    ToOffset,
    plan_replay,
)
from consumer.settings import KafkaSettings, LogFormat, LogLevel, load_part
from consumer.telemetry.logs import configure_logs

_GRACE_SECONDS: Final = 60.0
# Kafka's own default of group.consumer.session.timeout.ms, which a client is not told.
_BROKERS_SESSION_MS: Final = "45000"


@dataclass(frozen=True, slots=True)
class Goal:
    """What the options ask for: exactly one of the first five."""

    earliest: bool = False
    moment: datetime | None = None
    offset: int | None = None
    shift: int | None = None
    plan_file: Path | None = None
    topics: tuple[str, ...] = ()
    numbers: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The group, as Kafka and the settings tell of it."""

    settings: KafkaSettings
    offsets: GroupOffsets
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Planning:
    """The partitions to move, and how to make the plan from how things stand at the moment it is called."""

    chosen: Sequence[PartitionId]
    plan: Callable[[], ReplayPlan]


@contextmanager
def opened(env_file: Path | None) -> Iterator[Source]:
    """Yield the group. Raises SettingsError, and KafkaFatal when Kafka does not answer."""
    configure_logs(LogLevel.ERROR, LogFormat.AUTO, stream=sys.stderr)
    settings = load_part(
        KafkaSettings, os.environ, env_file=env_file, property_problems=property_problems
    )
    connection = KafkaConnection(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group_id,
        properties=settings.kafka_properties,
    )
    session_ms = consumer_properties(connection).get("session.timeout.ms", _BROKERS_SESSION_MS)
    if brokers_decide(settings.kafka_properties):
        session_ms = _BROKERS_SESSION_MS
    with GroupOffsets(connection) as offsets:
        yield Source(settings, offsets, int(session_ms) / 1000 + _GRACE_SECONDS)


def planning(source: Source, goal: Goal) -> Planning:
    """Return what the options ask for. Raises BadParameter, SettingsError for a topic that is not there, ReplayRefused."""
    _check(goal)
    planned = None if goal.plan_file is None else _read(goal.plan_file, source.settings)
    everything = _partitions(source, goal, planned)
    chosen = _chosen(everything, goal, planned)

    def plan() -> ReplayPlan:
        sights = source.offsets.sights(everything)
        is_known = any(
            sight.committed is not None for sight in sights
        ) or source.offsets.group().state not in {None, "DEAD"}
        try:
            return plan_replay(
                _aim(source, goal, planned, chosen),
                sights,
                group=source.settings.kafka_group_id,
                chosen=chosen,
                is_group_known=is_known,
            )
        except NothingToShift as error:
            message = f"{error}. Nothing was changed."
            raise ReplayRefused(message) from error

    return Planning(chosen, plan)


def _check(goal: Goal) -> None:
    asked = (
        goal.earliest,
        goal.moment is not None,
        goal.offset is not None,
        goal.shift is not None,
        goal.plan_file is not None,
    )
    if sum(asked) != 1:
        message = "say where to go: one of --to-earliest, --to-datetime, --to-offset, --shift-by (or --plan)"
        raise typer.BadParameter(message)
    if goal.plan_file is not None and (goal.topics or goal.numbers is not None):
        message = "--plan says which partitions: leave --topic and --partitions out"
        raise typer.BadParameter(message)


def _read(path: Path, settings: KafkaSettings) -> Planned:
    try:
        planned = planned_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be used: {error}."
        raise typer.BadParameter(message) from error
    if planned.group != settings.kafka_group_id:
        message = f"{path} is a plan for group {planned.group}, and KAFKA_GROUP_ID is {settings.kafka_group_id}."
        raise typer.BadParameter(message)
    return planned


def _partitions(source: Source, goal: Goal, planned: Planned | None) -> list[PartitionId]:
    """Every partition of the topics concerned."""
    read = source.settings.kafka_topics
    wanted = tuple(planned.partition_counts) if planned is not None else goal.topics or read
    if strange := [topic for topic in wanted if topic not in read]:
        message = f"not in KAFKA_TOPICS: {', '.join(strange)}"
        raise typer.BadParameter(message)
    if goal.numbers is not None and len(wanted) > 1:
        message = f"--partitions needs --topic: there are {len(wanted)} topics"
        raise typer.BadParameter(message)
    found = {topic: source.offsets.partitions(topic) for topic in sorted(set(wanted))}
    if missing := [topic for topic, partitions in found.items() if not partitions]:
        problem = f"KAFKA_TOPICS: {', '.join(missing)} does not exist, or we may not see it."
        raise SettingsError([problem])
    return [partition for partitions in found.values() for partition in partitions]


def _chosen(
    everything: Sequence[PartitionId], goal: Goal, planned: Planned | None
) -> list[PartitionId]:
    if planned is not None:
        wanted = set(planned.wanted)
    elif goal.numbers is not None:
        wanted = {PartitionId(everything[0].topic, number) for number in goal.numbers}
    else:
        wanted = set(everything)
    if strange := sorted(wanted - set(everything)):
        names = ", ".join(f"{each.topic}-{each.partition}" for each in strange)
        message = f"there is no partition {names}"
        raise typer.BadParameter(message)
    return sorted(wanted)


def _aim(source: Source, goal: Goal, planned: Planned | None, chosen: Sequence[PartitionId]) -> Aim:
    if planned is not None:
        return AsPlanned(planned.wanted)
    if goal.moment is not None:
        unix_ms = round(goal.moment.timestamp() * 1000)
        return ToMoment(source.offsets.offsets_at(chosen, unix_ms))
    if goal.offset is not None:
        return ToOffset(goal.offset)
    if goal.shift is not None:
        return ShiftBy(goal.shift)
    return ToEarliest()
