"""The service as people meet it: each state brought about in the real service, against the sandbox, and held there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from consumer.errors import ReplayUnfinished
from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.telemetry.status import LaneTotals
from tests.scenarios.events import LAPSED, VIP, emails, enters
from tests.scenarios.harness import RunningService, World, a_world, eventually

PEOPLE = emails(40)
AUDIENCES = (VIP, LAPSED, "newsletter_readers", "cart_abandoners")


@dataclass(frozen=True, slots=True)
class Scene:
    """One service in its state. `url` is its status page."""

    world: World
    service: RunningService

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.service.http_port}/"


@dataclass(frozen=True, slots=True)
class State:
    """How to get there, and what the page says then."""

    name: str
    begin: Callable[[EmbeddedKafka], AbstractAsyncContextManager[Scene]]
    headline: str
    says: tuple[str, ...]
    """What is to be read on the page."""
    mood: str = "held"


@asynccontextmanager
async def healthy(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
    """Everything is delivered."""
    async with a_world(kafka, partitions=3) as world:
        service = await world.start_service()
        await world.produce(enters(email, name) for email in PEOPLE for name in AUDIENCES)
        await world.all_committed(len(PEOPLE) * len(AUDIENCES))
        yield Scene(world, service)


def broken_by(fault: Fault) -> Callable[[EmbeddedKafka], AbstractAsyncContextManager[Scene]]:
    """LiveIntent goes wrong after a good beginning."""

    @asynccontextmanager
    async def begin(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
        async with a_world(kafka, partitions=3, DRAIN_SECONDS="1") as world:
            service = await world.start_service()
            await world.produce(enters(email) for email in PEOPLE)
            await world.all_committed(len(PEOPLE))
            world.liveintent.faults.add(fault)
            later = emails(len(PEOPLE), "later")
            await world.produce(enters(email, name) for email in later for name in AUDIENCES)
            yield Scene(world, service)

    return begin


@asynccontextmanager
async def refused_audience(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
    """One audience is archived; the others go on."""
    async with a_world(kafka, partitions=3) as world:
        service = await world.start_service()
        world.liveintent.add_audience(VIP, status="Archived")
        await world.produce(enters(email, name) for email in PEOPLE for name in AUDIENCES)
        await world.all_committed(len(PEOPLE) * len(AUDIENCES))
        yield Scene(world, service)


@asynccontextmanager
async def waiting_for_a_schema(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
    """The registry is down, and nothing is known yet."""
    async with a_world(kafka, partitions=3, event_format="avro-confluent") as world:
        service = await world.start_service(DRAIN_SECONDS="1")
        world.registry.outage = 503
        await world.produce(map(enters, PEOPLE))
        yield Scene(world, service)


@asynccontextmanager
async def replaying(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
    """A replay beside the live group, whose first files LiveIntent does not finish."""
    async with a_world(kafka, partitions=3) as world:
        live = await world.start_service()
        await world.produce(enters(email, name) for email in PEOPLE for name in AUDIENCES)
        await world.all_committed(len(PEOPLE) * len(AUDIENCES))
        await live.stop()
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK))
        replay: dict[str, Any] = {
            "REPLAY_ID": "lost-afternoon",
            "REPLAY_FROM": "earliest",
            "KAFKA_FIRST_START": "",
        }
        service = await world.start_service(**replay, DRAIN_SECONDS="1")
        yield Scene(world, service)
        with suppress(ReplayUnfinished):  # it was not to come to an end
            await service.stop()


@asynccontextmanager
async def starting(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
    """The group is rebalancing, and does not come to an end with it."""
    async with a_world(kafka, partitions=3) as world:
        kafka.set_rtt(1, 1_500)
        yield Scene(world, await world.start_service())
        kafka.set_rtt(1, 1)


@asynccontextmanager
async def stopping(kafka: EmbeddedKafka) -> AsyncIterator[Scene]:
    """Told to stop while LiveIntent works on its last files."""
    async with a_world(kafka, partitions=3) as world:
        service = await world.start_service(DRAIN_SECONDS="60")
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK))
        await world.produce(enters(email, name) for email in PEOPLE for name in AUDIENCES)
        await eventually(lambda: _all_uploading(service), why="every record is in a file")
        ended = asyncio.create_task(service.stop())
        yield Scene(world, service)
        world.liveintent.faults.clear()
        await ended


def _all_uploading(service: RunningService) -> bool:
    status = service.service.status()
    totals = LaneTotals() if status is None else status.lane_totals
    return service.books.pending == len(PEOPLE) * len(AUDIENCES) and not totals.waiting_changes


STATES = (
    State("healthy", healthy, "All is well", ("Not behind", "not refused"), "good"),
    State(
        "paused-by-401",
        broken_by(Fault(kind=FaultKind.UNAUTHORIZED_WRAPPED)),
        "LiveIntent refuses our API key",
        ("Put a valid key into the Secret", "SegmentLiveIntentTokenRefused", "refused for"),
    ),
    State(
        "liveintent-down",
        broken_by(Fault(kind=FaultKind.STATUS, status=503)),
        "LiveIntent is down for us",
        ("503", "SegmentLiveIntentCircuitOpen", "circuit open"),
    ),
    State(
        "audience-refused",
        refused_audience,
        "LiveIntent refuses an audience",
        (
            f"LiveIntent refuses 1 audience ({VIP})",
            "audience_refused",
            "archived",
            str(len(PEOPLE)),
        ),
    ),
    State(
        "rate-limited",
        broken_by(Fault(kind=FaultKind.STATUS, status=429, retry_after=6_000)),
        "LiveIntent asks us to wait",
        ("it asked us to wait", "LIVEINTENT_REQUESTS_PER_SECOND"),
    ),
    State(
        "behind",
        broken_by(Fault(kind=FaultKind.STUCK)),
        "It is working",
        ("on the way", "waits for the upload of", "Nothing, while lag falls"),
        "busy",
    ),
    State(
        "waiting-for-a-schema",
        waiting_for_a_schema,
        "A record waits for its schema",
        ("wait for a schema", "SegmentLiveIntentSchemaAwaited"),
    ),
    State(
        "replaying",
        replaying,
        "A replay is under way",
        ("lost-afternoon", "Alerts on lag are silent"),
        "busy",
    ),
    State("starting", starting, "It is starting", ("no partitions were assigned yet",), "busy"),
    State(
        "stopping", stopping, "It is stopping", ("nothing more is read", "DRAIN_SECONDS"), "busy"
    ),
)
