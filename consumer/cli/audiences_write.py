"""`segment-liveintent audiences archive` and `activate`: the two things a person may change at LiveIntent."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consumer.choices import OnArchived
from consumer.cli.audiences_options import (
    ANSWER_SECONDS,
    AsJson,
    AudienceIdOption,
    Name,
    Seconds,
    one_of,
)
from consumer.cli.audiences_serving import servings
from consumer.cli.audiences_source import (
    AudienceSettings,
    AudienceSource,
    ask,
    decided,
    in_words,
    in_words_of,
)
from consumer.cli.audiences_view import show, status_text
from consumer.cli.dead_letters_view import printable
from consumer.cli.run import EnvFile
from consumer.errors import CheckFailed
from consumer.liveintent.audience_choice import ACTIVE, ARCHIVED, DELETED
from consumer.liveintent.shapes import AudienceRow
from consumer.liveintent.single_attempt import Undecided

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class Change(StrEnum):
    """What is done; the value is the word for people."""

    ARCHIVE = "archive"
    ACTIVATE = "activate"

    @property
    def status(self) -> str:
        """The status it leads to."""
        return ARCHIVED if self is Change.ARCHIVE else ACTIVE


def archive_audience(
    name: Name = None,
    *,
    audience_id: AudienceIdOption = None,
    yes: Yes = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    seconds: Seconds = ANSWER_SECONDS,
) -> None:
    """Take an audience out of use at LiveIntent. `activate` brings it back.

    Asks first, and says what it would mean for the running service. Without a
    terminal it needs --yes. Of several with one name it takes none: say which
    with --id. LiveIntent's API cannot delete an audience; its UI can.

    Exits with 0 when it is archived (or was already), 2 when settings or
    arguments cannot be used, 3 when nothing was changed or LiveIntent does
    not answer or refuses.

    Example: segment-liveintent audiences archive spring_sale_2024

    Example: segment-liveintent audiences archive --id 900002 --yes --json
    """
    _write(Change.ARCHIVE, _Wanted(name, audience_id), _How(yes, as_json, env_file, seconds))


def activate_audience(
    name: Name = None,
    *,
    audience_id: AudienceIdOption = None,
    yes: Yes = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    seconds: Seconds = ANSWER_SECONDS,
) -> None:
    """Bring an archived audience back into use at LiveIntent.

    Asks first. Without a terminal it needs --yes. Of several with one name it
    takes none: say which with --id. A deleted one cannot be brought back.

    Exits with 0 when it is active (or was already), 2 when settings or
    arguments cannot be used, 3 when nothing was changed or LiveIntent does
    not answer or refuses.

    Example: segment-liveintent audiences activate vip_customers
    """
    _write(Change.ACTIVATE, _Wanted(name, audience_id), _How(yes, as_json, env_file, seconds))


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str | None
    audience_id: int | None


@dataclass(frozen=True, slots=True)
class _How:
    yes: bool
    as_json: bool
    env_file: Path | None
    seconds: float


def _write(change: Change, wanted: _Wanted, how: _How) -> None:
    one_of(wanted.name, wanted.audience_id)
    if not how.yes and not somebody_is_there():
        message = "there is nobody to ask: say --yes"
        raise typer.BadParameter(message)

    async def find(source: AudienceSource) -> tuple[AudienceSettings, list[AudienceRow]]:
        return source.settings, await source.named(wanted.name, wanted.audience_id)

    settings, rows = ask(how.env_file, find, seconds=how.seconds)
    before = _the_one(rows)
    if before.status == change.status:
        _report(before, before, as_json=how.as_json)
        return
    if not how.yes:
        typer.echo(_meaning(change, before, settings), err=True)
        if not typer.confirm(f"{change.value.capitalize()} it?", err=True):
            raise CheckFailed("Nothing was changed.")
    after = _changed(change, before, how)
    _report(before, after, as_json=how.as_json)
    if after.status != change.status:
        message = f"LiveIntent took the request, and tells of the audience as {after.status}."
        raise CheckFailed(message)


def _changed(change: Change, before: AudienceRow, how: _How) -> AudienceRow:
    """The audience as LiveIntent tells of it after the change. Raises CheckFailed."""

    async def write(source: AudienceSource) -> AudienceRow:
        call = source.api.archive if change is Change.ARCHIVE else source.api.activate
        try:
            return decided(await call(before.id), f"audience {before.id}")
        except Undecided as undecided:
            message = f"{in_words(undecided)} {_UNKNOWN}"
            raise CheckFailed(message) from None

    return ask(how.env_file, write, seconds=how.seconds)


def somebody_is_there() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


_UNKNOWN = "Whether it was changed all the same, `segment-liveintent audiences list` tells."


def _the_one(rows: Sequence[AudienceRow]) -> AudienceRow:
    """The audience to change. Raises BadParameter when the name is that of several, CheckFailed of a deleted one."""
    living = [row for row in rows if row.status != DELETED]
    if len(living) > 1:
        message = f"several audiences have this name: {in_words_of(living)}. Say which with --id"
        raise typer.BadParameter(message)
    if not living:
        message = f"It was deleted at LiveIntent, for good: {in_words_of(rows)}."
        raise CheckFailed(message)
    return living[0]


def _meaning(change: Change, row: AudienceRow, settings: AudienceSettings) -> str:
    """What the change is, and what the service would make of it."""
    what = f"{printable(row.name)} ({row.id}) is {row.status} at {settings.liveintent_url}."
    serving = servings([row], settings).get(row.id)
    if change is Change.ACTIVATE or serving is None:
        return what
    if settings.liveintent_on_archived is OnArchived.ACTIVATE:
        return (
            f"{what} The settings name it, as {printable(serving.key)}: the service would activate it again at its "
            "next file (LIVEINTENT_ON_ARCHIVED=activate)."
        )
    return (
        f"{what} The settings name it, as {printable(serving.key)}: once it is archived, the service puts its records "
        "on the dead-letter topic (LIVEINTENT_ON_ARCHIVED=fail)."
    )


def _report(before: AudienceRow, after: AudienceRow, *, as_json: bool) -> None:
    fields = {
        "id": before.id,
        "name": before.name,
        "before": before.status,
        "after": after.status,
        "changed": before.status != after.status,
    }
    line = Text(f"{printable(before.name)} ({before.id}): ")
    if before.status == after.status:
        line.append_text(status_text(before.status)).append(" already; nothing was changed.")
    else:
        line.append_text(status_text(before.status)).append(" -> ")
        line.append_text(status_text(after.status))
    show(as_json, [fields], line)
