"""A change's way to LiveIntent, and its offset's way to Kafka."""

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import eventually, running_service
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


@pytest.mark.parametrize("event_format", ["avro-confluent", "avro-single-object", "json"])
async def test_every_format_ends_the_same(kafka_cluster: KafkaCluster, event_format: str) -> None:
    async with running_service(kafka_cluster, event_format=event_format) as (world, service):
        people = emails(20)
        await world.produce([enters(email) for email in people])
        await world.produce([leaves(email) for email in people[:5]])
        await world.produce([b"no event"])
        await eventually(lambda: service.finished == 26, why="everything is finished")

        books = books_of(await service.scrape())
        assert world.liveintent.members(VIP) == rows_of(people[5:])
        assert books.dead_lettered == {"undecodable": 1}
        assert books.difference == 0
        assert world.liveintent.breaches == []
