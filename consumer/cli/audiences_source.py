"""Where the audience commands ask: LiveIntent, by the service's own settings, each call made once."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry
from rich.console import Console

from consumer.cli.checks.findings import Check
from consumer.cli.checks.liveintent_trouble import trouble_finding
from consumer.cli.quiet import quiet
from consumer.errors import CheckFailed
from consumer.liveintent.audience_lookup import AudienceFinder, Unreadable
from consumer.liveintent.audiences_api import AudiencesApi
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Account, LiveIntentLimits, Timeouts
from consumer.liveintent.shapes import AudienceCount, AudienceId, AudienceRow, UploadEntry
from consumer.liveintent.single_attempt import SingleAttempts, Undecided
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import NotFound, Success
from consumer.settings import (
    LiveIntentSettings,
    LogFormat,
    LogLevel,
    MembershipSettings,
    load_part,
)
from consumer.telemetry.logs import configure_logs
from consumer.telemetry.metrics import Metrics

T = TypeVar("T")

EVER = datetime.min.replace(tzinfo=UTC)
_ADVICE = (
    "Check LIVEINTENT_ACCOUNT_ID and LIVEINTENT_DATA_PROVIDER_ID, and ask your LiveIntent contact."
)


class AudienceSettings(MembershipSettings, LiveIntentSettings):
    """What is needed to ask LiveIntent for our audiences."""


@dataclass(frozen=True, slots=True)
class AudienceSource:
    """LiveIntent's audiences, uploads and counts. Every method raises CheckFailed, with what to do, or Undecided."""

    settings: AudienceSettings
    api: AudiencesApi

    async def every(self) -> list[AudienceRow]:
        """Every audience of our account and data provider, of any status, by name and then by age."""
        rows = await self._finder().find_all()
        if isinstance(rows, Unreadable):
            message = f"LiveIntent's audiences cannot be listed. {rows.detail}. {_ADVICE}"
            raise CheckFailed(message)
        return sorted(rows, key=lambda row: (row.name, row.created_at, row.id))

    async def of_name(self, name: str) -> list[AudienceRow]:
        """The audiences of this name at LiveIntent, or of this key of Segment's; none, when there is none."""
        audience_id = self.settings.liveintent_audience_ids.get(name)
        if audience_id is not None:
            return [await self.of_id(AudienceId(audience_id))]
        for each in dict.fromkeys((name, self.settings.liveintent_audience_name_prefix + name)):
            rows = await self._finder().find(each)
            if isinstance(rows, Unreadable):
                message = f"LiveIntent's audiences cannot be searched. {rows.detail}. {_ADVICE}"
                raise CheckFailed(message)
            if rows:
                return sorted(rows, key=lambda row: (row.created_at, row.id))
        return []

    async def named(self, name: str | None, audience_id: int | None) -> list[AudienceRow]:
        """The audiences a command names, by name or id. Raises CheckFailed when there is none."""
        if name is None:
            return [] if audience_id is None else [await self.of_id(AudienceId(audience_id))]
        if not (rows := await self.of_name(name)):
            raise CheckFailed(no_such(name))
        return rows

    async def of_id(self, audience: AudienceId) -> AudienceRow:
        """The audience of this id."""
        row = decided(await self.api.get(audience), f"audience {audience}")
        ours = Account(
            self.settings.liveintent_account_id, self.settings.liveintent_data_provider_id
        )
        if Account(row.account_id, row.data_provider_id) != ours:
            message = (
                f"Audience {audience} belongs to account {row.account_id} and data provider {row.data_provider_id}, "
                "not to ours."
            )
            raise CheckFailed(message)
        return row

    async def uploads(self, audience: AudienceId, *, since: datetime = EVER) -> list[UploadEntry]:
        """The uploads of an audience scheduled at `since` or later, newest first: LiveIntent promises no order."""
        entries = decided(
            await self.api.uploads_since(audience, since), f"the uploads of audience {audience}"
        )
        return sorted(entries, key=lambda entry: (entry.schedule_at, entry.last_update))[::-1]

    async def counts(self, audience: AudienceId) -> list[AudienceCount]:
        """The audience's counts by day, newest first."""
        counts = decided(await self.api.counts(audience), f"the counts of audience {audience}")
        return sorted(counts, key=lambda each: each.date, reverse=True)

    def _finder(self) -> AudienceFinder:
        account = Account(
            self.settings.liveintent_account_id, self.settings.liveintent_data_provider_id
        )
        return AudienceFinder(self.api, account, start=self.settings.liveintent_audience_lookup)


def ask(
    env_file: Path | None,
    question: Callable[[AudienceSource], Awaitable[T]],
    *,
    seconds: float,
) -> T:
    """Return what comes of the question. Raises SettingsError, and CheckFailed when LiveIntent gives no answer."""
    configure_logs(LogLevel.ERROR, LogFormat.AUTO, stream=sys.stderr)
    settings = load_part(
        AudienceSettings, os.environ, env_file=env_file, defaults={"LIVEINTENT_AUDIENCES": ""}
    )
    with quiet(), _waiting():
        return asyncio.run(_ask(settings, question, seconds=seconds))


async def _ask(
    settings: AudienceSettings,
    question: Callable[[AudienceSource], Awaitable[T]],
    *,
    seconds: float,
) -> T:
    metrics, clock = Metrics(CollectorRegistry()), Clock()
    limits = LiveIntentLimits(
        requests_per_second=settings.liveintent_requests_per_second,
        concurrency=settings.liveintent_concurrency,
        page_size=settings.liveintent_page_size,
    )
    timeouts = Timeouts(connect_seconds=seconds, read_seconds=seconds, request_seconds=seconds)
    async with LiveIntentClient(settings.liveintent_url, metrics, timeouts=timeouts) as client:
        token = Token(settings.liveintent_api_key.read, clock=clock)
        exchange = SingleAttempts(token, limits, metrics, clock=clock)
        api = AudiencesApi(client, exchange, page_size=limits.page_size)
        try:
            return await question(AudienceSource(settings, api))
        except Undecided as undecided:
            raise CheckFailed(in_words(undecided)) from None


def in_words(undecided: Undecided) -> str:
    """What went wrong, and what to do about it."""
    finding = trouble_finding(Check.LIVEINTENT, undecided.outcome)
    detail = finding.detail.removesuffix(".").removeprefix("LiveIntent ")
    about = "LiveIntent " if detail != finding.detail.removesuffix(".") else "LiveIntent: "
    return f"{about}{detail}. {finding.advice or ''}".rstrip()


def decided(outcome: Decided[T], what: str) -> T:
    """Return the value of a success. Raises CheckFailed for everything else LiveIntent can decide."""
    if isinstance(outcome, Success):
        return outcome.value
    if isinstance(outcome, NotFound):
        message = f"LiveIntent does not know {what}. {_ADVICE}"
    else:
        message = f"LiveIntent refuses this for {what}: {outcome}"
    raise CheckFailed(message)


def no_such(name: str) -> str:
    """The sentence for a name that LiveIntent does not have."""
    return f"LiveIntent has no audience {name!r} for us. `segment-liveintent audiences list` names all it has."


def in_words_of(rows: Sequence[AudienceRow]) -> str:
    """Return audiences of one name, told apart."""
    return ", ".join(f"{row.id} ({row.status}, created {row.created_at:%Y-%m-%d})" for row in rows)


def served_rows(settings: AudienceSettings, rows: Iterable[AudienceRow]) -> list[AudienceRow]:
    """Of all audiences, those that our settings name."""
    prefix = settings.liveintent_audience_name_prefix
    ids = set(settings.liveintent_audience_ids.values())
    listed = {prefix + key for key in settings.listed_audiences}
    return [
        row
        for row in rows
        if row.id in ids
        or row.name in listed
        or (settings.serves_every_audience and row.name.startswith(prefix))
    ]


@contextmanager
def _waiting() -> Iterator[None]:
    """Show that something is under way: at two requests per second, many pages take their time."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status("Asking LiveIntent"):
        yield
