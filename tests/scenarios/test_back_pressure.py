"""A backlog larger than the memory it may take."""

import asyncio

import pytest

from consumer.sandbox.liveintent_server import SandboxOptions
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import RunningService, eventually, running_service

MEBIBYTE = 2**20
BUDGET_MB = 16


async def watch(service: RunningService, until: asyncio.Event) -> tuple[float, set[str]]:
    """The most memory ever seen in use, and why intake was blocked, scraping until told to end."""
    most, blocked = 0.0, set[str]()
    while not until.is_set():
        scrape = await service.scrape()
        most = max(most, scrape.value("memory_budget_used_bytes"))
        blocked |= set(scrape.by("reason", "intake_blocked"))
    return most, blocked


@pytest.mark.parametrize(
    ("padding_bytes", "count"), [(1_500, 12_000), (20_000, 2_000)], ids=["small", "large"]
)
async def test_a_backlog_larger_than_the_budget_is_worked_through(
    kafka_cluster: KafkaCluster, padding_bytes: int, count: int
) -> None:
    people = emails(count)
    padding = "x" * padding_bytes
    slow = SandboxOptions(processing_seconds=0.5)
    async with running_service(
        kafka_cluster,
        partitions=3,
        sandbox=slow,
        MEMORY_BUDGET_MB=str(BUDGET_MB),
        FLUSH_SECONDS="3",
    ) as (world, service):
        over = asyncio.Event()
        watching = asyncio.create_task(watch(service, over))
        await world.produce(enters(email, padding=padding) for email in people)
        try:
            await eventually(lambda: service.finished == count, why="the backlog is worked through")
        finally:
            over.set()
            most, blocked = await watching
            print(most/MEBIBYTE, blocked, service.books)

        assert "memory" in blocked
        assert BUDGET_MB * 0.5 < most / MEBIBYTE < BUDGET_MB + 4
