"""`segment-liveintent dead-letters redrive`: dead letters back on their topics, once each."""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from consumer.cli.dead_letters_options import (
    Audiences,
    Reasons,
    Since,
    Topics,
    Until,
    wanted_from,
)
from consumer.cli.dead_letters_report import RedriveReport
from consumer.cli.dead_letters_source import Source, opened, survey_of, tracked
from consumer.cli.dead_letters_view import breakdown, counted
from consumer.cli.run import EnvFile
from consumer.errors import CheckFailed
from consumer.kafka.dead_letter_selection import (
    RedrivePlan,
    RedriveRules,
    Survey,
    plan_redrive,
)
from consumer.kafka.redrive import Redrive
from consumer.kafka.redriving import Pace, RedriveResult, Settled, put_back_all

_MAX_ATTEMPTS = 3


def redrive_dead_letters(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every dead letter that was not put back yet.")
    ] = False,
    reasons: Reasons = None,
    audiences: Audiences = None,
    topics: Topics = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Put back at most so many, the oldest first."),
    ] = None,
    max_attempts: Annotated[
        int,
        typer.Option(
            "--max-attempts", min=1, help="Leave what has failed so often: it would fail again."
        ),
    ] = _MAX_ATTEMPTS,
    per_second: Annotated[
        float | None, typer.Option("--rate", min=0.01, help="Put back at most so many per second.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per dead letter, also on a terminal.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Put dead letters back on the topics they were read from, once each.

    Mend the cause first: what fails again is a new dead letter that tells of
    every attempt, and counts against the service's DEAD_LETTER_LIMIT.

    Each goes to its own partition, with its key, value, headers and time, and
    a header that names the dead letter. A mark on the dead-letter topic keeps
    it from being put back again, also when this is killed half way, or when
    two people do it at once.

    Do it soon. An event older than one of the same person that was delivered
    meanwhile is ignored as stale, but only while a running service still
    remembers the newer one.

    Needs at least one of --reason, --audience, --topic, --since, --until, or
    --all. Needs READ and WRITE on the dead-letter topic, WRITE on the others,
    and WRITE and DESCRIBE on the transactional id
    segment-liveintent.redrive.<dead-letter topic>.

    Exits with 0 when all that was asked for is back, 3 when some of it was
    left (each with its reason) or somebody else took over, 2 when settings or
    arguments cannot be used, 4 when Kafka does not answer. Asked again, it
    goes on with what is left.

    Example: segment-liveintent dead-letters redrive --reason audience_refused --audience vip_customers --dry-run

    Example: segment-liveintent dead-letters redrive --since 2026-01-31T08:00:00Z --rate 100 --yes
    """
    wanted = wanted_from(reasons, audiences, topics, since, until)
    if wanted.is_everything != everything:
        message = "say which dead letters: by --reason, --audience, --topic, --since or --until, or else --all"
        raise typer.BadParameter(message)
    if not (dry_run or yes or _somebody_is_there()):
        message = "there is nobody to ask: say --yes, or --dry-run to see what would be done"
        raise typer.BadParameter(message)
    with opened(env_file) as source:
        survey, seen_to = survey_of(source.reader, wanted)
        rules = RedriveRules(source.settings.kafka_topics, source.partitions, max_attempts, limit)
        plan = plan_redrive(survey.waiting, rules)
        if not dry_run and not yes and plan.put_back and not _agreed(plan):
            raise CheckFailed("Nothing was put back.")
        with RedriveReport(as_json=as_json) as report:
            for settled in _left(survey, plan):
                report.note(settled)
            pace = Pace(per_second, time.monotonic, time.sleep)
            done = _foretold(plan) if dry_run else _put_back(source, plan, seen_to, pace)
            for settled in tracked(done, total=len(plan.put_back), what="Putting back"):
                report.note(settled)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _left(survey: Survey, plan: RedrivePlan) -> Iterator[Settled]:
    for letter in survey.letters:
        if letter.place in plan.left:
            yield Settled(letter, RedriveResult.LEFT, plan.left[letter.place])


def _agreed(plan: RedrivePlan) -> bool:
    text = f"{counted(len(plan.put_back), 'dead letter')} ({breakdown(plan.put_back)})"
    return typer.confirm(f"Put {text} back?", err=True)


def _foretold(plan: RedrivePlan) -> Iterator[Settled]:
    for letter in plan.put_back:
        yield Settled(letter, RedriveResult.WOULD_BE_PUT_BACK)


def _put_back(
    source: Source, plan: RedrivePlan, seen_to: Mapping[int, int], pace: Pace
) -> Iterator[Settled]:
    if plan.put_back:
        with Redrive(source.connection, source.settings.kafka_dead_letter_topic) as redrive:
            yield from put_back_all(plan, source.reader, redrive, seen_to=seen_to, pace=pace)
