"""A whole service set back on a real Kafka, by our command and by Kafka's own tool: the members end as they were."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.dead_letter_commands import Outcome
from tests.contract.replay_commands import replay
from tests.kafka_cluster.real_kafka import RealKafka
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves
from tests.scenarios.harness import RunningService, World, eventually, running_service
from tests.segment_events import Fields

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

PARTITIONS = 2
MORNING = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=9)
AFTERNOON = MORNING + timedelta(hours=5)


def a_day() -> list[tuple[datetime, Fields]]:
    """Twenty people enter two audiences in the morning; in the afternoon ten leave one, and three come back."""
    people = emails(20)
    entered = [
        (MORNING, enters(email, name, at=MORNING.isoformat()))
        for email in people
        for name in (VIP, LAPSED)
    ]
    left = [(AFTERNOON, leaves(email, VIP, at=AFTERNOON.isoformat())) for email in people[:10]]
    evening = AFTERNOON + timedelta(hours=2)
    back = [(evening, enters(email, VIP, at=evening.isoformat())) for email in people[:3]]
    return [*entered, *left, *back]


async def produce_day(world: World) -> int:
    """Write the day, each record with the time of its event; how many."""
    day = a_day()
    await world.produce_records(
        NewRecord(
            str(event["userId"]).encode(),
            world.encoded(event),
            timestamp_ms=int(at.timestamp() * 1000),
        )
        for at, event in day
    )
    return len(day)


def lose_the_afternoon(world: World) -> None:
    """LiveIntent has again what it had at noon."""
    for audience in world.liveintent._state.audiences:
        for values in audience.members.values():
            values.clear()


async def _replay(world: World, *arguments: str) -> Outcome:
    return await asyncio.to_thread(replay, world.environ, *arguments)


async def _applied(world: World, *aim: str) -> Outcome:
    planned = await _replay(world, "plan", "--json", *aim)
    assert planned.code == 0, planned.said
    sha256 = planned.objects[0]["plan_sha256"]
    return await _replay(
        world, "apply", *aim, "--expect-plan", sha256, "--id", "lost-afternoon", "--wait", "30"
    )


async def test_after_a_replay_the_members_are_those_before(real_kafka: RealKafka) -> None:
    async with running_service(real_kafka, partitions=PARTITIONS) as (world, service):
        records = await produce_day(world)
        await world.all_committed(records)
        before = world.members()
        lose_the_afternoon(world)
        await service.stop()

        applied = await _applied(world, "--to-earliest")
        again = await world.start_service(FLUSH_SECONDS="3")
        await eventually(lambda: _is_active(again), why="the replay shows")
        await world.all_committed(records)

        assert applied.code == 0, applied.said
        assert world.members() == before
        await eventually(lambda: _is_over(again), why="the replay is over")
        assert again.books.difference == 0
        once_more = await _replay(
            world, "apply", "--to-earliest", "--id", "lost-afternoon", "--expect-plan",
            applied.objects[-1]["plan_sha256"],
        )  # fmt: skip
        # The service has committed since, is running, and carried the marker on.
        assert (once_more.code, once_more.objects[-1]["was_done_already"]) == (0, True)


@pytest.mark.parametrize("by", ["our command", "Kafka's tool"])
async def test_a_replay_by_time_begins_with_the_first_record_of_the_afternoon(
    real_kafka: RealKafka, by: str
) -> None:
    async with running_service(real_kafka, partitions=PARTITIONS) as (world, service):
        records = await produce_day(world)
        await world.all_committed(records)
        before = world.members()
        await service.stop()

        if by == "our command":
            assert (await _applied(world, "--to-datetime", AFTERNOON.isoformat())).code == 0
        else:
            await asyncio.to_thread(_reset_by_kafkas_tool, real_kafka, world)
        set_back = await world.committed_in_all()
        again = await world.start_service()
        await again.has_finished(13)
        await world.all_committed(records)

        assert set_back == records - 13
        assert world.members() == before
        assert again.books.consumed == 13


async def test_a_replay_beside_the_live_group_begins_and_ends_at_the_times_given(
    real_kafka: RealKafka,
) -> None:
    async with running_service(real_kafka, partitions=PARTITIONS) as (world, live):
        records = await produce_day(world)
        await world.all_committed(records)
        before = world.members()

        side = await world.start_service(
            KAFKA_FIRST_START="", REPLAY_ID="lost-afternoon", REPLAY_FROM=AFTERNOON.isoformat(),
            REPLAY_TO=(AFTERNOON + timedelta(hours=1)).isoformat(),
        )  # fmt: skip
        assert await side.end() is None
        again = await world.start_service(
            KAFKA_FIRST_START="", REPLAY_ID="lost-afternoon", REPLAY_FROM=AFTERNOON.isoformat()
        )
        assert await again.end() is None

        # Ten left in that hour; of those who came back after it, three are sent again.
        assert side.books.ignored == {}
        assert (side.books.consumed, side.books.delivered) == (13, 13)
        assert world.members() == before
        assert again.books.consumed == 0
        assert live.books.consumed == records


def _reset_by_kafkas_tool(kafka: RealKafka, world: World) -> None:
    moment = AFTERNOON.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kafka.consumer_groups(
        "--reset-offsets", "--group", world.environ["KAFKA_GROUP_ID"], "--topic", world.topic,
        "--to-datetime", moment, "--execute",
    )  # fmt: skip


async def _is_active(service: RunningService) -> bool:
    scrape = await service.scrape()
    return scrape.value("replay_info", replay_id="lost-afternoon") == 1


async def _is_over(service: RunningService) -> bool:
    scrape = await service.scrape()
    return scrape.value("replay_active") == 0 == scrape.value("replay_records_left")
