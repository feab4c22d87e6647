"""`segment-liveintent check`: whether the service could run and deliver with these settings, before it does."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consumer.cli.checks.everything import findings
from consumer.cli.checks.findings import Finding, Result
from consumer.cli.checks.view import as_json_line, as_line, summary
from consumer.cli.quiet import quiet
from consumer.errors import CheckFailed
from consumer.kafka.connection import property_problems
from consumer.settings import LogFormat, LogLevel, Settings, load_settings
from consumer.telemetry.logs import configure_logs

_ANSWER_SECONDS = 10.0


def check(
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Also ask LiveIntent for upload URLs, one for each action and identifier type, on the first audience "
            "that is there, to learn what it accepts. They are not used: nothing is uploaded. With PRIVACY_REQUESTS, rehearse a "
            "privacy request about nobody. With DIRECT_CALLS, look whether each sink is there, without a call that counts.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per check, also on a terminal.")
    ] = False,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            help="File of NAME=value lines; the environment wins over it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            "--timeout", min=0.1, max=600, help="Longest wait for one answer, in seconds."
        ),
    ] = _ANSWER_SECONDS,
) -> None:
    """Look at everything the service needs, and say what stands in its way.

    Settings, Kafka, topics and our rights on them, where the group would
    start, schemas, LiveIntent, our API key, and each audience.

    Changes nothing: joins no group, commits no offset, writes no record,
    creates no audience, uploads no file. Every check is made once, whatever
    the others find; a failed one says what to do.

    Exits with 0 when nothing failed (warnings do not count), 3 when something
    did, 2 when the settings cannot be used.

    Example: segment-liveintent check --env-file production.env

    Example: segment-liveintent check --live --json | jq -r .detail
    """
    configure_logs(LogLevel.ERROR, LogFormat.AUTO, stream=sys.stderr)
    settings = load_settings(os.environ, env_file=env_file, property_problems=property_problems)
    console = Console(highlight=False)
    glyphs = console.encoding.startswith("utf")

    def show(finding: Finding) -> None:
        if as_json or not console.is_terminal:
            typer.echo(as_json_line(finding))
            sys.stdout.flush()
        else:
            console.print(as_line(finding, glyphs=glyphs))

    with quiet():
        results = asyncio.run(_check(settings, show, seconds=seconds, live=live))
    if results[Result.FAILED]:
        raise CheckFailed(summary(results))
    if console.is_terminal and not as_json:
        console.print(summary(results))


async def _check(
    settings: Settings, show: Callable[[Finding], None], *, seconds: float, live: bool
) -> Counter[Result]:
    results = Counter[Result]()
    async for finding in findings(settings, seconds=seconds, live=live):
        show(finding)
        results[finding.result] += 1
    return results
