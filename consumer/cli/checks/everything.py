"""All checks, one after the other: whatever one finds, the next is made."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from consumer.cli.checks.direct_calls import direct_call_findings
from consumer.cli.checks.findings import Check, Finding, Result, ok, warning
from consumer.cli.checks.kafka import kafka_findings
from consumer.cli.checks.liveintent import look_at_liveintent
from consumer.cli.checks.lookups import lookup_findings
from consumer.cli.checks.privacy import privacy_findings
from consumer.cli.checks.schemas import schema_findings
from consumer.cli.checks.uploads import upload_findings
from consumer.service.from_settings import spelling
from consumer.settings import Settings

T = TypeVar("T")


async def findings(settings: Settings, *, seconds: float, live: bool) -> AsyncIterator[Finding]:
    """Look at everything the service needs, each answer waited for at most `seconds`; findings come as they are made.

    Changes nothing anywhere. With `live`, LiveIntent is asked for upload URLs as well, which are not used.
    """
    yield ok(Check.SETTINGS, "all in order")
    async for finding in _in_threads(kafka_findings(settings, seconds=seconds)):
        yield finding
    async for finding in schema_findings(settings, seconds=seconds):
        yield finding
    async for finding in liveintent_findings(settings, seconds=seconds, live=live):
        yield finding
    if live:
        async for finding in privacy_findings(settings, seconds=seconds):
            yield finding
        async for finding in direct_call_findings(settings, seconds=seconds):
            yield finding


async def liveintent_findings(
    settings: Settings, *, seconds: float, live: bool
) -> AsyncIterator[Finding]:
    """Look at LiveIntent, one attempt of at most `seconds` for each question."""
    async with look_at_liveintent(settings, seconds=seconds) as look:
        reached = await look.reach()
        yield reached
        if reached.result is Result.FAILED:
            for check in (Check.AUDIENCE, *((Check.LOOKUP, Check.UPLOAD) if live else ())):
                yield warning(check, "not looked at, after this failure")
            return
        async for finding in look.audiences():
            yield finding
        if live:
            async for finding in lookup_findings(look):
                yield finding
            async for finding in upload_findings(
                look, spelling(settings), frozenset(settings.liveintent_identifier_types)
            ):
                yield finding


async def _in_threads(blocking: Iterator[T]) -> AsyncIterator[T]:
    """What the iterator gives, each step made in a thread: it blocks."""
    end = object()
    while (item := await asyncio.to_thread(next, blocking, end)) is not end:
        yield item  # type: ignore[misc] # `end` is the only other thing it can be
