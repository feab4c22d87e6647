"""A change's way to LiveIntent, and its offset's way to Kafka."""

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import QUICK_SESSION, eventually, running_service
from tests.scenarios.scraping import books_of


async def test_a_change_reaches_liveintent_before_its_offset_is_committed(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK))
        await world.produce([enters("ana@example.com")])
        await eventually(world.liveintent.uploads, why="the file is stored")
        await service.has_committed_again()
        before = await world.committed()

        world.liveintent.faults.clear()
        await eventually(world.committed_in_all, why="the offset is committed")

        assert before == {0: 0}
        assert world.liveintent.members(VIP) == rows_of(["ana@example.com"])
        assert await world.committed() == {0: 1}


async def test_a_change_counts_as_delivered_once_it_is_stored_if_that_is_asked_for(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, DELIVERY_ACK="stored") as (world, service):
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK))
        await world.produce([enters("ana@example.com")])

        await eventually(world.committed_in_all, why="the offset is committed")

        assert service.books.delivered == 1
        assert [upload.status for upload in world.liveintent.uploads()] == ["Pending"]
        world.liveintent.faults.clear()


async def test_a_later_change_waits_for_the_upload_before_it_though_that_counts_as_delivered(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, DELIVERY_ACK="stored") as (world, service):
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, times=1))
        await world.produce([enters("ana@example.com")])
        await service.has_finished(1)
        await world.produce([leaves("ana@example.com")])
        await eventually(lambda: service.books.pending == 1, why="the second change waits")

        world.liveintent.faults.clear()
        await service.has_finished(2)
        await eventually(
            lambda: [upload.status for upload in world.liveintent.uploads()] == ["Finished"] * 2
        )

        assert world.liveintent.members(VIP) == {}
        assert world.liveintent.breaches == []


@pytest.mark.parametrize("event_format", ["avro-confluent", "avro-single-object", "json"])
async def test_every_format_ends_the_same(kafka_cluster: KafkaCluster, event_format: str) -> None:
    async with running_service(kafka_cluster, event_format=event_format) as (world, service):
        people = emails(20)
        await world.produce([enters(email) for email in people])
        await world.produce([leaves(email) for email in people[:5]])
        await world.produce([b"no event"])
        await service.has_finished(26)

        books = books_of(await service.scrape())
        assert world.liveintent.members(VIP) == rows_of(people[5:])
        assert books.dead_lettered == {"undecodable": 1}
        assert books.difference == 0
        assert world.liveintent.breaches == []


async def test_a_restarted_service_goes_on_where_the_last_one_stopped(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, session_ms=QUICK_SESSION) as (world, first):
        await world.produce([enters(email) for email in emails(30)])
        await first.has_finished(30)
        await first.stop()
        at_the_stop = await world.committed()
        await world.produce([leaves(email) for email in emails(10)])

        second = await world.start_service()
        await second.has_finished(10)

        assert at_the_stop == {0: 30}
        assert second.books.consumed == 10
        assert world.liveintent.members(VIP) == rows_of(emails(30)[10:])


async def test_an_audience_liveintent_lacks_is_created_and_one_it_has_is_used(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        existing = world.liveintent.add_audience(LAPSED)
        await world.produce([enters("ana@example.com"), enters("ben@example.com", LAPSED)])
        await service.has_finished(2)

        audiences = {audience.name: audience.id for audience in world.liveintent.audiences()}
        assert audiences.keys() == {VIP, LAPSED}
        assert audiences[LAPSED] == existing
        assert (await service.scrape()).value("audiences_created_total") == 1
