"""From a refusal to the audience after all: dead letters looked at, put back, and delivered, each once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumer.kafka.dead_letter_headers import read_failures
from consumer.kafka.dead_letter_selection import dead_letter_from
from consumer.record import KafkaRecord
from tests.contract.dead_letter_commands import EMBEDDED_PROPERTIES, Outcome, command
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import (
    PATIENT_SESSION,
    RunningService,
    World,
    eventually,
    running_service,
)
from tests.segment_events import Fields

PROPERTIES = json.dumps({**EMBEDDED_PROPERTIES, "session.timeout.ms": PATIENT_SESSION})


async def test_refused_records_are_listed_put_back_once_mended_and_delivered_once(
    kafka_cluster: KafkaCluster,
) -> None:
    people = emails(5)
    async with _serving(kafka_cluster) as (world, service):
        world.liveintent.add_audience(LAPSED, status="Archived")
        await world.produce(enters(email, name) for email in people for name in (LAPSED, VIP))
        await world.all_committed(10)
        listed = await _command(world, "list", "--json", "--audience", LAPSED)
        world.liveintent.add_audience(LAPSED)

        first = await _command(world, "redrive", "--audience", LAPSED, "--yes")
        await service.has_finished(15)
        second = await _command(world, "redrive", "--audience", LAPSED, "--yes")
        left = await _command(world, "list", "--json")

        assert [each["reason"] for each in listed.objects] == ["audience_refused"] * 5
        assert (first.code, len(first.objects)) == (0, 5)
        assert (second.code, second.objects, left.objects) == (0, [], [])
        assert world.liveintent.members(LAPSED) == rows_of(people)
        assert service.books.delivered == 10
        assert service.books.dead_lettered == {"audience_refused": 5}
        assert service.books.difference == 0


async def test_a_record_that_fails_again_tells_of_both_times_and_after_the_third_stays(
    kafka_cluster: KafkaCluster,
) -> None:
    async with _serving(kafka_cluster) as (world, service):
        await world.produce([b"no event"])
        for attempt in (1, 2):
            await service.has_finished(attempt)
            assert (await _command(world, "redrive", "--all", "--yes")).code == 0
        await service.has_finished(3)

        spent = await _command(world, "redrive", "--all", "--yes")

        assert (spent.code, [each["why"] for each in spent.objects]) == (3, ["attempts_spent"])
        histories = [read_failures(each.headers) for each in await _letters(world)]
        assert [[each.attempt for each in history] for history in histories] == [
            [1],
            [1, 2],
            [1, 2, 3],
        ]
        # Transactions take offsets too: what counts is that each way back was a later one.
        offsets = [each.offset for each in histories[-1]]
        assert offsets == sorted(set(offsets))
        assert {each.topic for each in histories[-1]} == {world.topic}
        assert service.books.dead_lettered == {"undecodable": 3}


async def test_the_part_of_a_record_that_was_delivered_is_not_sent_again_with_the_part_that_was_not(
    kafka_cluster: KafkaCluster,
) -> None:
    async with _serving(kafka_cluster, audiences=f"{VIP},{LAPSED}") as (world, service):
        world.liveintent.add_audience(LAPSED, status="Archived")
        await world.produce([_of_two_audiences("ana@example.com")])
        await world.all_committed(1)
        world.liveintent.add_audience(LAPSED)

        await _command(world, "redrive", "--all", "--yes")
        await service.has_finished(2)

        uploads = [each.audience_name for each in world.liveintent.uploads()]
        assert sorted(uploads) == [LAPSED, VIP]
        assert world.liveintent.members(LAPSED) == rows_of(["ana@example.com"])
        assert (service.books.delivered, service.books.dead_lettered) == (
            1,
            {"audience_refused": 1},
        )


async def test_an_event_put_back_does_not_undo_a_newer_one_that_was_delivered_meanwhile(
    kafka_cluster: KafkaCluster,
) -> None:
    moment = "2026-03-02T08:15:00Z"
    async with _serving(kafka_cluster) as (world, service):
        world.liveintent.add_audience(LAPSED, status="Archived")
        await world.produce([enters("ana@example.com", LAPSED), enters("ben@example.com", LAPSED)])
        await world.all_committed(2)
        world.liveintent.add_audience(LAPSED)
        # Ben leaves in the very millisecond he entered: only where the events first stood tells which was the later.
        ben_leaves = leaves("ben@example.com", LAPSED, at=moment)
        await world.produce([leaves("ana@example.com", LAPSED), ben_leaves])
        await world.all_committed(4)

        await _command(world, "redrive", "--all", "--yes")
        await service.has_finished(6)

        assert world.liveintent.members(LAPSED) == {}
        assert service.books.ignored == {"stale": 2}


@asynccontextmanager
async def _serving(
    cluster: KafkaCluster, *, audiences: str = "*"
) -> AsyncIterator[tuple[World, RunningService]]:
    async with running_service(
        cluster, KAFKA_PROPERTIES=PROPERTIES, LIVEINTENT_AUDIENCES=audiences
    ) as both:
        yield both


async def _command(world: World, *arguments: str) -> Outcome:
    return await asyncio.to_thread(command, world.environ, *arguments)


async def _letters(world: World) -> list[KafkaRecord]:
    """The dead letters, without the markers between them."""
    found = await eventually(world.dead_letters)
    return [each for each in found if dead_letter_from(each) is not None]


def _of_two_audiences(email: str) -> Fields:
    """Without personas one event may speak of several audiences."""
    event = enters(email, context={})
    return {**event, "traits": {"email": email, VIP: True, LAPSED: True}}
