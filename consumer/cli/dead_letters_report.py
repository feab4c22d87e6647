"""What became of the dead letters a redrive was asked for: one JSON line each, and a summary for people."""

import json
from collections import Counter
from types import TracebackType
from typing import Self

import typer
from rich.console import Console

from consumer.cli.dead_letters_view import as_fields, breakdown
from consumer.errors import CheckFailed
from consumer.kafka.dead_letter_selection import WHY_LEFT, DeadLetter
from consumer.kafka.redriving import RedriveResult, Settled

_IN_WORDS = {
    RedriveResult.PUT_BACK: "put back",
    RedriveResult.WOULD_BE_PUT_BACK: "would be put back",
    RedriveResult.ALREADY_PUT_BACK: "put back by somebody else meanwhile",
    RedriveResult.LEFT: "left",
}
_BACK = frozenset({RedriveResult.PUT_BACK, RedriveResult.ALREADY_PUT_BACK})


class RedriveReport:
    """A context manager around a redrive: however it ends, it says on standard error what was done by then.

    Raises CheckFailed at the end when something was left.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json or not Console().is_terminal
        self._settled: dict[RedriveResult, list[DeadLetter]] = {}
        self._why: Counter[str] = Counter()

    def note(self, settled: Settled) -> None:
        """Tell of one dead letter."""
        self._settled.setdefault(settled.result, []).append(settled.letter)
        if settled.why is not None:
            code = f" ({settled.code})" if settled.code else ""
            self._why[f"{settled.why}: {WHY_LEFT[settled.why]}{code}"] += 1
        if self._as_json:
            fields = as_fields(settled.letter, redriven=settled.result in _BACK)
            outcome = {"result": settled.result, "why": settled.why, "code": settled.code}
            typer.echo(json.dumps({**fields, **outcome}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for result, letters in self._settled.items():
            typer.echo(f"{len(letters):,} {_IN_WORDS[result]}: {breakdown(letters)}.", err=True)
        for why, count in self._why.most_common():
            typer.echo(f"  {count:,} left, {why}.", err=True)
        if not self._settled and error is None:
            typer.echo("No dead letter that was not put back yet is asked for.", err=True)
        if error is None and (left := self._settled.get(RedriveResult.LEFT)):
            message = f"{len(left):,} of the dead letters asked for were left."
            raise CheckFailed(message)
