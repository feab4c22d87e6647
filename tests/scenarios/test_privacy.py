"""No email, hash, device id, token or signed URL leaves the service, but in uploads and in dead letters' values.

A feed of every kind meets every kind of fault, with everything the service says written down: log lines before and
after the last net of redaction, what is printed, every HTTP answer, the headers of dead letters.
"""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog

from consumer.sandbox.liveintent_server import BodyShape, Fault, FaultKind
from consumer.sandbox.segment_feed import AUDIENCES, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem
from consumer.settings import LogFormat, LogLevel
from consumer.telemetry.logs import configure_logs
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import enters, leaves
from tests.scenarios.harness import (
    HURRY,
    QUICK_SESSION,
    RunningService,
    World,
    eventually,
    running_service,
)
from tests.segment_events import hashes_of

TOKEN, NEXT_TOKEN = "token-4f1d9c-of-today", "token-77ab02-of-tomorrow"
PATHS = ("/", "/livez", "/metrics", "/readyz", "/status")
REFUSED, FAILING, GOOD = AUDIENCES[:3]
EMAIL = "dora.dash@example.com"
EVENTS = 600
FEED = list(segment_feed(FeedOptions(seed=5, events=EVENTS, people=60, undecodable=2)))

HALF_AN_EVENT = json.dumps(enters(EMAIL)).encode()[:-40]
NOT_NAMED = enters(EMAIL, "näme nobody could take")
WITHOUT_TYPE = {**enters(EMAIL), "type": None}
BAD_TIME = {**enters(EMAIL), "timestamp": EMAIL}
TOO_LARGE = enters(EMAIL, padding="x" * 20_000)


async def test_nothing_personal_and_no_secret_is_ever_said(
    kafka_cluster: KafkaCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    async with (
        _everything_written_down() as said,
        running_service(
            kafka_cluster,
            partitions=2,
            session_ms=QUICK_SESSION,
            LIVEINTENT_API_KEY=TOKEN,
            LIVEINTENT_AUDIENCES="*",
            SEGMENT_CONSENT_CATEGORIES="Advertising",
            EVENT_MAX_BYTES="10000",
            UPLOAD_ERROR_ATTEMPTS="1",
            UPLOAD_LIST_DEADLINE_SECONDS=str(0.5 * HURRY),
            LOG_LEVEL="DEBUG",
        ) as (world, service),
    ):
        async with _listening(service, said):
            await _live_through_everything(world, service)
        said.extend(await _headers_of_dead_letters(world))
        secrets = {*_people(FEED), *_secrets(world)}
        outcomes = service.books
    printed = capfd.readouterr()
    text = "\n".join([*said, printed.out, printed.err]).lower()

    assert len(secrets) > 200
    assert len(outcomes.ignored) > 8
    assert len(outcomes.dead_lettered) > 4
    assert found_in(text, secrets) == []
    # The same search finds what is there.
    planted = [TOKEN, EMAIL, *hashes_of(EMAIL)]
    assert found_in(text + f" {' '.join(planted)}".upper().lower(), planted) == planted


def found_in(text: str, secrets: Iterable[str]) -> list[str]:
    """Those of the secrets that stand anywhere in a lower-case text."""
    return [secret for secret in secrets if secret.lower() in text]


async def _live_through_everything(world: World, service: RunningService) -> None:
    faults = world.liveintent.faults
    world.liveintent.rotate_token(TOKEN)
    world.liveintent.add_audience(REFUSED, status="Archived")
    faults.add(Fault(kind=FaultKind.UPLOAD_ERROR, audience=FAILING))
    for body in BodyShape:
        faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=503, body=body, times=1))
    for kind in (FaultKind.STORAGE_403, FaultKind.NEVER_LISTED, FaultKind.UNKNOWN_STATUS):
        faults.add(Fault(operation="store", kind=kind, audience=GOOD, times=1))
    faults.add(Fault(operation="store", kind=FaultKind.STATUS, status=307, times=1))
    for kind in (FaultKind.RESET, FaultKind.RESET_AFTER_EFFECT):
        faults.add(Fault(operation="store", kind=kind, times=1))
        faults.add(Fault(operation="uploads", kind=kind, times=1))
    await world.produce_feed(FEED)
    odd = (HALF_AN_EVENT, NOT_NAMED, WITHOUT_TYPE, BAD_TIME, TOO_LARGE, EMAIL.encode())
    await world.produce([*odd, leaves(EMAIL)])
    await world.produce_records([NewRecord(EMAIL.encode(), None)])
    everything = EVENTS + len(odd) + 2
    await eventually(lambda: service.books.delivered, why="something is delivered")
    world.liveintent.rotate_token(NEXT_TOKEN)
    await world.produce(enters(f"late{number}@example.com", GOOD) for number in range(5))
    await eventually(lambda: _is_refused(service), why="the token is refused")
    world.liveintent.rotate_token(TOKEN)
    await eventually(lambda: _is_known_by_status(world), why="the unknown status is seen")
    faults.clear()
    await service.has_finished(everything + 5)


async def _is_refused(service: RunningService) -> bool:
    return (await service.scrape()).value("liveintent_unauthorised") == 1


def _is_known_by_status(world: World) -> bool:
    return any(upload.status == "Paused" for upload in world.liveintent.uploads())


def _people(feed: Iterable[FeedItem]) -> Iterator[str]:
    for item in feed:
        if isinstance(item.intent, ChangeIntent):
            contact = item.intent.contact
            for rows in contact.members.values():
                yield from rows
            if contact.email_as_sent is not None:
                yield contact.email_as_sent.strip()
            if contact.device is not None:
                yield contact.device.advertising_id


def _secrets(world: World) -> Iterator[str]:
    yield from (TOKEN, NEXT_TOKEN, EMAIL, *hashes_of(EMAIL), "dora.dash")
    yield from world.liveintent._state.uploads._signed_urls


@asynccontextmanager
async def _listening(service: RunningService, said: list[str]) -> AsyncIterator[None]:
    """Every HTTP answer of the service, over and over."""

    async def listen(said: list[str] = said) -> None:
        while True:
            for path in PATHS:
                said += [(await service.get(path))[1]]

    listening = asyncio.create_task(listen())
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.wait({listening})
        assert listening.cancelled(), "the service stopped answering"


async def _headers_of_dead_letters(world: World) -> list[str]:
    return [str(dead.headers) for dead in await world.dead_letters()]


class _Raw(logging.Handler):
    """Keeps what is handed to the log, before anything is masked."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        exception = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self._said.append(f"{record.msg!r} {record.args!r} {exception}")


@asynccontextmanager
async def _everything_written_down() -> AsyncIterator[list[str]]:
    """All log lines of the process at DEBUG, raw and as they would be written."""
    said: list[str] = []
    stream, raw, root = io.StringIO(), _Raw(said), logging.getLogger()
    before = list(root.handlers), root.level
    configure_logs(LogLevel.DEBUG, LogFormat.JSON, stream=stream)
    root.addHandler(raw)
    try:
        yield said
    finally:
        said.append(stream.getvalue())
        root.handlers[:], root.level = before
        structlog.reset_defaults()
