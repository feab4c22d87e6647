"""`segment-liveintent replay apply`: the group's offsets set, as approved."""

import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
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
    PlanFile,
    Shift,
    Topics,
    WaitSeconds,
    replay_id,
    sha256,
)
from consumer.cli.replay_source import Goal, opened, planning
from consumer.cli.replay_view import write_line
from consumer.cli.run import EnvFile
from consumer.errors import SettingsError
from consumer.kafka.group_offsets import GroupSight
from consumer.kafka.replay_documents import Snapshot
from consumer.kafka.replay_plan import ReplayRules
from consumer.kafka.replaying import Applied, Order, Patience, apply_replay


def apply_replay_to_group(
    *,
    expected: Annotated[
        str,
        typer.Option(
            "--expect-plan",
            parser=sha256,
            metavar="SHA256",
            help="The plan that was approved, as `replay plan` printed it.",
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--id",
            parser=replay_id,
            metavar="ID",
            help="A name of its own for this replay. Run again under the same name, it changes nothing.",
        ),
    ],
    plan_file: PlanFile = None,
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
    wait_seconds: WaitSeconds = None,
    snapshot_file: Annotated[
        Path | None,
        typer.Option(
            "--snapshot-file",
            metavar="FILE",
            dir_okay=False,
            help="Write the old offsets there too. They go to standard output in any case.",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the record that is printed.")
    ] = "",
    env_file: EnvFile = None,
) -> None:
    """Set the group's offsets as approved. Stop every replica of the service first.

    Makes the plan again and compares its SHA-256; waits until the group was
    empty three times running; prints the old offsets; sets the new ones, each
    with a marker that names the replay; reads them again and compares. Then
    start the service: it delivers from there.

    Killed at any moment, run it again under the same --id: it goes on, or
    changes nothing when all was done. Standard output is JSON lines.

    Exits with 0 when the group is where the plan wants it, also when it was
    already; and changes nothing with 2 (settings or arguments), 10 (a guard is
    against it), 11 (another plan than approved), 12 (the group has members),
    13 (Kafka refused, a member came back). 14 means that the offsets are not
    what was written, and 4 that Kafka does not answer: look, and run it again.

    Example: segment-liveintent replay apply --to-datetime 2026-11-22T13:00:00+01:00 --expect-plan 3f5a... --id lost-afternoon

    Example: segment-liveintent replay apply --plan plan.json --expect-plan 3f5a... --id lost-afternoon --snapshot-file before.json
    """
    goal = Goal(
        earliest=earliest,
        moment=moment,
        offset=offset,
        shift=shift,
        plan_file=plan_file,
        topics=tuple(topics or ()),
        numbers=partitions,
    )
    rules = ReplayRules(
        allow_truncated=allow_truncated,
        allow_skip=allow_skip,
        allow_unknown_group=allow_unknown_group,
        max_records=max_records,
    )

    def keep(snapshot: Snapshot) -> None:
        write_line(snapshot.as_document())
        if snapshot_file is not None:
            _write(snapshot_file, snapshot)

    with opened(env_file) as source:
        asked = planning(source, goal)
        order = Order(name, expected, rules, asked.chosen, asked.plan)
        patience = Patience(
            source.wait_seconds if wait_seconds is None else wait_seconds,
            time.monotonic,
            time.sleep,
            tell_waiting,
        )
        applied = apply_replay(
            source.offsets, order, patience=patience, utc_now=lambda: datetime.now(UTC), keep=keep
        )
    if applied.was_done_already:
        keep(applied.snapshot)
    write_line(_outcome(applied, reason))
    _say(applied, snapshot_file)


def tell_waiting(seen: GroupSight, left_seconds: float) -> None:
    """Say on standard error what is waited for."""
    state = "of unknown state" if seen.state is None else seen.state.lower()
    typer.echo(
        f"The group is {state} with {seen.members} member(s); waiting {left_seconds:.0f} s more.",
        err=True,
    )


def _write(path: Path, snapshot: Snapshot) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(f"{json.dumps(snapshot.as_document())}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        problem = f"--snapshot-file {path} cannot be written: {error.strerror}. Nothing was changed"
        raise SettingsError([problem]) from error
    sys.stdout.flush()


def _outcome(applied: Applied, reason: str) -> dict[str, object]:
    snapshot = applied.snapshot
    return {
        "kind": "replay_applied",
        "group": snapshot.group,
        "replay_id": snapshot.replay_id,
        "plan_sha256": snapshot.plan_sha256,
        "at": snapshot.taken_at,
        "was_done_already": applied.was_done_already,
        "reason": reason,
        "partitions": _moves(applied),
    }


def _moves(applied: Applied) -> Sequence[dict[str, object]]:
    return [
        {
            "topic": old.partition.topic,
            "partition": old.partition.partition,
            "old": old.offset,
            "new": applied.committed[old.partition].offset,
        }
        for old in applied.snapshot.offsets
    ]


def _say(applied: Applied, snapshot_file: Path | None) -> None:
    where = "-" if snapshot_file is None else str(snapshot_file)
    piped = " with this output on its standard input" if snapshot_file is None else ""
    headline = (
        "This replay was carried out before; nothing was changed."
        if applied.was_done_already
        else "The offsets are set, and were read again. Start the service to deliver from there."
    )
    typer.echo(headline, err=True)
    typer.echo(f"To go back: segment-liveintent replay rollback {where}{piped}", err=True)
