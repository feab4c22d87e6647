"""A replay's plan, snapshot and outcome as people and machines read them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import as_document
from consumer.kafka.replay_plan import ReplayPlan

Times = Mapping[PartitionId, Sequence[int]]
"""Record times at both ends of what would be delivered again, in Unix milliseconds."""


def wants_json(*, as_json: bool) -> bool:
    """Whether standard output is for a machine."""
    return as_json or not Console().is_terminal


def plan_document(plan: ReplayPlan, times: Times) -> dict[str, Any]:
    """Return the plan as JSON has it, with the times of what would be delivered again."""
    document = as_document(plan)
    for move, fields in zip(plan.moves, document["partitions"], strict=True):
        fields.update(_span(times.get(move.partition, ())))
    document.update(_span([moment for each in times.values() for moment in each]))
    return document


def show_plan(plan: ReplayPlan, times: Times) -> None:
    """Print the plan for people."""
    console = Console(highlight=False)
    table = Table(title=f"Replay of group {plan.group}", title_justify="left")
    for heading in ("partition", "current", "target", "log", "records again", "oldest", "newest"):
        numeric = heading in {"current", "target", "log", "records again"}
        table.add_column(heading, justify="right" if numeric else "left")
    for move in plan.moves:
        span = _span(times.get(move.partition, ()))
        skipped = f" ({move.skipped:,} skipped)" if move.skipped else ""
        table.add_row(
            f"{move.partition.topic}-{move.partition.partition}",
            "none" if move.sight.committed is None else str(move.sight.committed),
            str(move.target),
            f"{move.sight.log_start} to {move.sight.log_end}",
            f"{move.redelivered:,}{skipped}",
            span["oldest"] or "-",
            span["newest"] or "-",
        )
    console.print(table)
    console.print(f"{plan.redelivered:,} records would be delivered again.")
    console.print(f"Plan SHA-256: {plan.sha256}", soft_wrap=True)


def write_line(document: Mapping[str, Any]) -> None:
    """Write one JSON line to standard output, at once: it may be all that is left of a Job."""
    typer.echo(json.dumps(document))


def _span(times: Sequence[int]) -> dict[str, str | None]:
    if not times:
        return {"oldest": None, "newest": None}
    return {"oldest": _moment(min(times)), "newest": _moment(max(times))}


def _moment(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="seconds")
