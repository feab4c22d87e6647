"""`segment-liveintent replay plan`: what a replay would do, to the offset."""

from collections.abc import Mapping
from typing import Annotated

import typer

from consumer.cli.replay_options import (
    AllowSkip,
    AllowTruncated,
    AllowUnknownGroup,
    Earliest,
    MaxRecords,
    Moment,
    Offset,
    Partitions,
    Shift,
    Topics,
)
from consumer.cli.replay_source import Goal, Source, opened, planning
from consumer.cli.replay_view import plan_document, show_plan, wants_json, write_line
from consumer.cli.run import EnvFile
from consumer.errors import ReplayRefused
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_plan import Move, ReplayPlan, ReplayRules, problems_of


def plan_replay_of_group(
    *,
    earliest: Earliest = False,
    moment: Moment = None,
    offset: Offset = None,
    shift: Shift = None,
    topics: Topics = None,
    partitions: Partitions = None,
    allow_truncated: AllowTruncated = False,
    allow_skip: AllowSkip = False,
    allow_unknown_group: AllowUnknownGroup = False,
    max_records: MaxRecords = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The plan as JSON, also on a terminal.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Say what a replay would do, to the offset. Changes nothing; may be run while the service runs.

    The SHA-256 stands for the group, the partitions and their targets. Hand it
    to `replay apply`, which makes the plan again and refuses another one.

    Exits with 0 when the plan could be carried out, 10 when a guard is against
    it (the plan is printed all the same), 2 when settings or arguments cannot
    be used, 4 when Kafka does not answer.

    Example: segment-liveintent replay plan --to-datetime 2026-11-22T13:00:00+01:00

    Example: segment-liveintent replay plan --shift-by -5000 --topic events --partitions 0,3-5 --json > plan.json
    """
    goal = Goal(
        earliest=earliest,
        moment=moment,
        offset=offset,
        shift=shift,
        topics=tuple(topics or ()),
        numbers=partitions,
    )
    rules = ReplayRules(
        allow_truncated=allow_truncated,
        allow_skip=allow_skip,
        allow_unknown_group=allow_unknown_group,
        max_records=max_records,
    )
    with opened(env_file) as source:
        plan = planning(source, goal).plan()
        times = _times(source, plan)
    if wants_json(as_json=as_json):
        write_line(plan_document(plan, times))
    else:
        show_plan(plan, times)
    if problems := problems_of(plan, rules):
        raise ReplayRefused("The plan cannot be carried out:\n  - " + "\n  - ".join(problems))


def _times(source: Source, plan: ReplayPlan) -> Mapping[PartitionId, list[int]]:
    return source.offsets.times({move.partition: _again(move) for move in plan.moves})


def _again(move: Move) -> tuple[int, int]:
    return move.target, move.target + move.redelivered
