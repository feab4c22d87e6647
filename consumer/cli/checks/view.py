"""Findings as JSON lines, and as lines for people."""

import json
from collections import Counter
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from consumer.cli.checks.findings import Check, Finding, Result

_TITLES: Mapping[Check, str] = {
    Check.SETTINGS: "Settings",
    Check.KAFKA: "Kafka",
    Check.GROUP: "Group",
    Check.TOPIC: "Topic",
    Check.DEAD_LETTER_TOPIC: "Dead-letter topic",
    Check.START: "Start of topic",
    Check.SCHEMA_REGISTRY: "Schema registry",
    Check.SCHEMAS: "Schemas",
    Check.LIVEINTENT: "LiveIntent",
    Check.AUDIENCE: "Audience",
    Check.LOOKUP: "Lookup",
    Check.UPLOAD: "Upload",
    Check.PRIVACY: "Privacy",
}
_GLYPHS: Mapping[Result, str] = {Result.OK: "✔", Result.WARNING: "!", Result.FAILED: "✘"}
_STYLES: Mapping[Result, str] = {
    Result.OK: "green",
    Result.WARNING: "bold yellow",
    Result.FAILED: "bold red",
}
_WIDEST = max(len(result) for result in Result)


def as_json_line(finding: Finding) -> str:
    """Return the finding as one line of JSON, in ASCII."""
    return json.dumps(
        {
            "check": finding.check,
            "subject": finding.subject,
            "result": finding.result,
            "detail": finding.detail,
            "advice": finding.advice,
        }
    )


def as_line(finding: Finding, *, glyphs: bool) -> Table:
    """Return the finding for a terminal: its line, and under it what to do. `glyphs`: the terminal can show them."""
    style = _STYLES[finding.result]
    mark = f"{_GLYPHS[finding.result]} {finding.result}" if glyphs else finding.result.value
    title = " ".join(filter(None, (_TITLES[finding.check], finding.subject)))
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=_WIDEST + 2, no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(
        Text(mark, style),
        Text.assemble((_printable(title), "bold"), ": ", _printable(finding.detail)),
    )
    if finding.advice is not None:
        line.add_row("", Text(_printable(finding.advice), "cyan"))
    return line


def summary(results: Counter[Result]) -> str:
    """Return how it came out, in one sentence."""
    total, bad = results.total(), results[Result.FAILED]
    if bad:
        return f"{bad} of {total} checks failed."
    warnings = results[Result.WARNING]
    noun = "warning" if warnings == 1 else "warnings"
    return f"Nothing failed in {total} checks" + (f"; {warnings} {noun}." if warnings else ".")


def _printable(text: str) -> str:
    """Return the text without what could move a terminal's cursor or not be written to it."""
    return "".join(character if character.isprintable() else "?" for character in text)
