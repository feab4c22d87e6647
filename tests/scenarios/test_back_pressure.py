"""A backlog larger than the memory it may take."""

import asyncio

import pytest

from consumer.kafka.record_weight import UNFINISHED_BYTES
from consumer.sandbox.liveintent_server import SandboxOptions
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import RunningService, running_service

BUDGET_MB = 16
BUDGET_BYTES = BUDGET_MB * 2**20
# Beyond the budget: what may wait for its turn (a quarter of it), and the last read.
WINDOW_BYTES = BUDGET_BYTES // 4
RECORDS_PER_READ = 500
SLOW = SandboxOptions(processing_seconds=0.4)


@pytest.mark.parametrize(
    ("padding_bytes", "count"), [(1_500, 6_500), (20_000, 1_000)], ids=["small", "large"]
)
async def test_a_backlog_larger_than_the_budget_is_worked_through_with_pauses(
    kafka_cluster: KafkaCluster, padding_bytes: int, count: int
) -> None:
    people = emails(count)
    padding = "x" * padding_bytes
    read_bytes = RECORDS_PER_READ * (padding_bytes + 1_000 + UNFINISHED_BYTES)
    async with running_service(
        kafka_cluster,
        partitions=3,
        sandbox=SLOW,
        MEMORY_BUDGET_MB=str(BUDGET_MB),
        FLUSH_SECONDS="1",
    ) as (world, service):
        over = asyncio.Event()
        watching = asyncio.create_task(_watch(service, over))
        await world.produce(enters(email, padding=padding) for email in people)
        try:
            await service.has_finished(count)
        finally:
            over.set()
            most, blocked = await watching

        assert "memory" in blocked
        assert BUDGET_BYTES / 2 < most < BUDGET_BYTES + WINDOW_BYTES + read_bytes
        assert (await service.scrape()).value("memory_budget_used_bytes") == 0
        assert world.liveintent.members(VIP) == rows_of(people)


async def _watch(service: RunningService, over: asyncio.Event) -> tuple[float, set[str]]:
    """The most memory seen in use, and every reason for which intake was held back, until told to end."""
    most, blocked = 0.0, set[str]()
    while not over.is_set():
        scrape = await service.scrape()
        most = max(most, scrape.value("memory_budget_used_bytes"))
        blocked |= set(scrape.by("reason", "intake_blocked"))
    return most, blocked
