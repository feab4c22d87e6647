"""Delivered again: by a group that was set back, and by one beside it; the members end as they were."""

import asyncio
from functools import partial
from typing import Any

import pytest

from consumer.errors import ReplayUnfinished
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.group_offsets import GroupOffsets
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_marker import ReplayMarker
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import RunningService, World, eventually, running_service

REPLAY: dict[str, Any] = {
    "REPLAY_ID": "lost-afternoon",
    "REPLAY_FROM": "earliest",
    "KAFKA_FIRST_START": "",
}


async def test_a_replay_beside_the_live_group_delivers_all_again_and_ends_by_itself(
    kafka_cluster: KafkaCluster,
) -> None:
    people = emails(20)
    async with running_service(kafka_cluster, partitions=2) as (world, live):
        await world.produce(enters(email, name) for email in people for name in (VIP, LAPSED))
        await world.produce(leaves(email, LAPSED) for email in people[:5])
        await world.all_committed(45)
        before = world.members()
        _lose_members(world)

        side = await world.start_service(**REPLAY)
        ended_with = await side.end()

        assert ended_with is None
        assert world.members() == before
        assert side.books.consumed == 45
        assert side.books.difference == 0
        assert live.books.consumed == 45
        assert await world.committed_in_all() == 45


async def test_a_change_that_the_live_group_sent_meanwhile_is_not_undone(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, partitions=2) as (world, live):
        ana, ben, cleo = emails(3)
        await world.produce([enters(ana), enters(ben)])
        await world.all_committed(2)

        # Its first files are made when the live group has sent what is newer.
        side = await world.start_service(**REPLAY, FLUSH_SECONDS="1.5")
        await eventually(lambda: side.books.pending == 2, why="the replay has read its span")
        await world.produce([leaves(ana), enters(cleo)])
        await live.has_finished(4)
        assert world.liveintent.members(VIP) == rows_of([ben, cleo])
        ended_with = await side.end()

        assert ended_with is None
        assert world.liveintent.members(VIP) == rows_of([ben, cleo])
        assert side.books.ignored == {"not_replayed": 1}
        assert (side.books.delivered, side.books.difference) == (3, 0)


async def test_a_replay_that_was_stopped_half_way_goes_on_when_it_is_started_again(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, partitions=2) as (world, live):
        ana, ben, cleo = emails(3)
        await world.produce([enters(ana), enters(ben)])
        await world.all_committed(2)
        _lose_members(world)
        stopped = await world.start_service(**REPLAY, FLUSH_SECONDS="60")
        await eventually(lambda: stopped.books.pending == 2, why="the replay has read its span")
        with pytest.raises(ReplayUnfinished, match="Start it again with the same REPLAY_ID"):
            await stopped.stop()
        await world.produce([leaves(ana), enters(cleo)])
        await live.has_finished(4)

        again = await world.start_service(**REPLAY)
        assert await again.end() is None

        assert world.liveintent.members(VIP) == rows_of([ben, cleo])
        # It does not know whom the first has sent, so it sends everything since.
        assert (again.books.delivered, again.books.ignored) == (4, {})


async def test_a_replay_beside_the_live_group_says_so_in_its_metrics(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, live):
        await world.produce([enters(email) for email in emails(3)])
        await world.all_committed(3)
        side = await world.start_service(**REPLAY, FLUSH_SECONDS="2")

        await eventually(partial(_is_active, side), why="the replay shows")
        scrape = await side.scrape()

        assert scrape.value("replay_info", replay_id="lost-afternoon") == 1
        assert (await live.scrape()).value("replay_active") == 0
        assert await side.end() is None


async def test_a_marker_outlives_the_commits_of_the_service(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster) as (world, _):
        await world.produce([enters(email) for email in emails(3)])
        await world.all_committed(3)
        side = await world.start_service(**REPLAY)
        assert await side.end() is None

        markers = await asyncio.to_thread(_markers, world)

        assert [(each.replay_id, each.until) for each in markers if each] == [("lost-afternoon", 3)]


async def _is_active(service: RunningService) -> bool:
    return (await service.scrape()).value("replay_active") == 1


def _lose_members(world: World) -> None:
    """LiveIntent forgets who is in its audiences."""
    for audience in world.liveintent._state.audiences:
        audience.members.clear()


def _markers(world: World) -> list[ReplayMarker | None]:
    connection = KafkaConnection(
        world.cluster.bootstrap_servers, f"{world.environ['KAFKA_GROUP_ID']}-replay-lost-afternoon"
    )
    with GroupOffsets(connection) as offsets:
        found = offsets.committed([PartitionId(world.topic, 0)])
    return [ReplayMarker.parse(each.metadata) for each in found.values()]
