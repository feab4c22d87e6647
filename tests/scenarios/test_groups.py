"""Several services of one group: they share the partitions, hand over, and lose nothing."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import aiohttp

from consumer.cli.demo_verdict import differences_between
from consumer.sandbox.liveintent_server import BreachKind
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import AUDIENCES, Disorder, FeedOptions, segment_feed
from consumer.telemetry.books import BooksSnapshot
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    RunningService,
    World,
    a_world,
    eventually,
)
from tests.scenarios.scraping import books_of

PARTITIONS = 4
EVENTS = 1_500
# In order within a key: what is read again after a hand-over then ends the same without any memory of it.
FEED = list(
    segment_feed(
        FeedOptions(seed=11, events=EVENTS, people=300, disorder=Disorder.NONE, undecodable=0)
    )
)
ORACLE = Oracle.of(FEED)
CHUNK, AHEAD = 20, 100
# Two replicas may each have an upload of one audience under way; one client may not.
BETWEEN_REPLICAS = {BreachKind.TWO_UNFINISHED_UPLOADS}


async def test_services_that_come_and_go_lose_nothing_and_their_books_balance_at_every_scrape(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(
        kafka_cluster,
        partitions=PARTITIONS,
        session_ms=QUICK_SESSION,
        FLUSH_SECONDS="0.2",
        LIVEINTENT_AUDIENCES=",".join(AUDIENCES),
        SEGMENT_CONSENT_CATEGORIES="Advertising",
    ) as world:
        first = await world.start_service()
        over = asyncio.Event()
        scraping = asyncio.create_task(_scrape_all_the_time(world, over))
        producing = asyncio.create_task(_produce_by_and_by(world))
        await eventually(lambda: first.books.delivered, why="the first is at work")
        second = await world.start_service()
        await eventually(lambda: _shares([first, second]) == [2, 2], why="they share")
        await eventually(lambda: second.books.delivered, why="the second is at work")
        await first.stop()
        await eventually(lambda: second.partitions == PARTITIONS, why="the second has them all")
        await producing
        await world.all_committed(EVENTS)
        over.set()

        books = await scraping
        assert {each.difference for each in books} == {0}
        assert any(each.released for each in books)
        assert differences_between(ORACLE.members(), world.members()) == ()
        assert {breach.kind for breach in world.liveintent.breaches} <= BETWEEN_REPLICAS
        assert first.books.dead_lettered == second.books.dead_lettered == {}


async def test_an_audience_that_two_services_meet_at_once_ends_as_one(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        services = [await world.start_service(), await world.start_service()]
        await eventually(lambda: _shares(services) == [1, 1], why="they share")
        people = emails(10)
        await asyncio.gather(
            world.produce(map(enters, people[:5]), partition=0),
            world.produce(map(enters, people[5:]), partition=1),
        )
        await world.all_committed(10)

        used = {upload.audience_id for upload in world.liveintent.uploads()}
        assert [service.books.delivered for service in services] == [5, 5]
        assert len(used) == 1
        assert world.liveintent.members(VIP) == rows_of(people)


async def _produce_by_and_by(world: World) -> None:
    """The feed, never far ahead of what is finished: there is something to read and to give up all the time."""
    for start in range(0, EVENTS, CHUNK):
        await eventually(partial(_has_finished, world, start - AHEAD), why="the feed is worked on")
        await world.produce_feed(FEED[start : start + CHUNK])


def _has_finished(world: World, records: int) -> bool:
    return sum(service.finished for service in world.services) >= records


def _shares(services: Sequence[RunningService]) -> list[int]:
    return sorted(service.partitions for service in services)


async def test_a_replica_for_which_no_partition_is_left_is_ready_and_says_so(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=1, session_ms=QUICK_SESSION) as world:
        first = await world.start_service()
        await eventually(lambda: first.partitions == 1, why="the first has the partition")
        spare = await world.start_service()

        async def is_ready() -> bool:
            return (await spare.ready())[0] == 200

        await eventually(is_ready, why="the spare one is ready")
        assert spare.partitions + first.partitions == 1


async def _scrape_all_the_time(world: World, over: asyncio.Event) -> list[BooksSnapshot]:
    books: list[BooksSnapshot] = []
    while not over.is_set():
        for service in world.services:
            with suppress(aiohttp.ClientError):  # it is stopping, or has stopped
                books += [books_of(await service.scrape())]
    return books
