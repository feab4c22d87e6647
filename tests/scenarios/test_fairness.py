"""No audience keeps another waiting: not by failing, not by being slow, not by being large. See 0011-fairness.md."""

import pytest

from consumer.liveintent import audiences_api
from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, rows_of
from tests.scenarios.harness import HURRY, eventually, running_service

OTHER_LARGE = "newsletter"
# In three hashes each. All of it must be read before a flush is due by time, however slow the machine.
CROWD = emails(50, "crowd")
FEW = emails(3, "few")
LONG_SECONDS = 60.0


async def test_large_files_on_slow_storage_do_not_keep_a_small_one_waiting(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences_api, "SMALL_FILE_ROWS", 3 * len(CROWD) - 1)
    async with running_service(
        kafka_cluster,
        partitions=2,
        LIVEINTENT_CONCURRENCY="2",
        FLUSH_ROWS=str(3 * len(CROWD)),
        FLUSH_SECONDS="2",
        DRAIN_SECONDS="1",
    ) as (world, service):
        for audience in (VIP, OTHER_LARGE):
            world.liveintent.faults.add(
                Fault(
                    operation="store",
                    kind=FaultKind.DELAY_SECONDS,
                    delay_seconds=LONG_SECONDS,
                    audience=audience,
                )
            )
            await world.produce((enters(email, audience) for email in CROWD), partition=0)
        await eventually(
            lambda: world.liveintent.requests["mint", 201] >= 2, why="both files set out"
        )
        await world.produce([enters(email, LAPSED) for email in FEW], partition=1)
        await eventually(
            lambda: world.members().get(LAPSED) == rows_of(FEW), why="the small one is through"
        )
        await eventually(lambda: service.books.delivered == len(FEW), why="and is delivered")

        assert world.members()[VIP] == {}
        assert world.members()[OTHER_LARGE] == {}


async def test_uploads_that_are_looked_at_all_the_time_do_not_starve_a_new_file(
    kafka_cluster: KafkaCluster,
) -> None:
    crowd = [f"audience_{number}" for number in range(30)]
    async with running_service(
        kafka_cluster,
        partitions=2,
        LIVEINTENT_REQUESTS_PER_SECOND=str(40 / HURRY),
        UPLOAD_POLL_SECONDS=str(0.02 * HURRY),
        UPLOAD_POLL_MAX_SECONDS=str(0.02 * HURRY),
        DRAIN_SECONDS="1",
    ) as (world, service):
        world.liveintent.add_audience(LAPSED)
        for audience in crowd:
            world.liveintent.add_audience(audience)
            world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, audience=audience))
        await world.produce([enters("p@example.com", audience) for audience in crowd], partition=0)
        await eventually(
            lambda: len(world.liveintent.uploads()) == len(crowd), why="all are under way"
        )
        looks = world.liveintent.requests["uploads", 200]
        await world.produce([enters(email, LAPSED) for email in FEW], partition=1)
        await eventually(
            lambda: len(world.liveintent.uploads()) == len(crowd) + 1, why="the new file is stored"
        )
        looks = world.liveintent.requests["uploads", 200] - looks

        # A search and a mint wait for one look each, and the look at what was there before us for a round of looks.
        assert looks <= 2 * len(crowd)
        assert service.books.dead_lettered == {}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            Fault(operation="mint", kind=FaultKind.STATUS, status=503, audience=VIP), id="fails"
        ),
        pytest.param(Fault(operation="uploads", kind=FaultKind.RESET, audience=VIP), id="breaks"),
        pytest.param(
            Fault(
                operation="mint",
                kind=FaultKind.DELAY_SECONDS,
                delay_seconds=LONG_SECONDS,
                audience=VIP,
            ),
            id="is slow",
        ),
        pytest.param(Fault(kind=FaultKind.STUCK, audience=VIP), id="never finishes"),
        pytest.param(Fault(kind=FaultKind.UPLOAD_ERROR, audience=VIP), id="ends in error"),
    ],
)
async def test_one_audience_that_does_badly_does_not_delay_another(
    kafka_cluster: KafkaCluster, fault: Fault
) -> None:
    async with running_service(
        kafka_cluster, partitions=2, LIVEINTENT_CONCURRENCY="2", DRAIN_SECONDS="1"
    ) as (world, service):
        world.liveintent.faults.add(fault)
        await world.produce([enters(email) for email in FEW], partition=0)
        await eventually(
            lambda: any(view.name == VIP for view in world.liveintent.audiences()),
            why="the bad one has begun",
        )
        for sent in range(1, 4):
            await world.produce([enters(f"p{sent}@example.com", LAPSED)], partition=1)
            await eventually(
                lambda sent=sent: service.books.delivered >= sent,  # type: ignore[misc]
                why="the other one is delivered",
            )

        assert world.members()[LAPSED] == rows_of([f"p{n}@example.com" for n in range(1, 4)])


async def test_one_audience_that_fails_while_nothing_else_goes_on_delays_no_other_that_comes_later(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, partitions=2, DRAIN_SECONDS="1") as (world, service):
        world.liveintent.faults.add(
            Fault(operation="mint", kind=FaultKind.STATUS, status=503, audience=VIP)
        )
        await world.produce([enters(email) for email in FEW], partition=0)
        await eventually(
            lambda: world.liveintent.requests["mint", 503] >= 8, why="it fails on and on"
        )
        held_back = (await service.scrape()).value("circuit_open", host="api")

        await world.produce([enters(email, LAPSED) for email in FEW], partition=1)
        await eventually(lambda: service.books.delivered == len(FEW), why="the other is delivered")

        assert held_back == 1
        assert world.members()[LAPSED] == rows_of(FEW)


async def test_a_refused_audience_does_not_delay_another(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster, partitions=2) as (world, service):
        world.liveintent.add_audience(VIP, status="Deleted")
        await world.produce([enters(email) for email in FEW], partition=0)
        await world.produce([enters(email, LAPSED) for email in FEW], partition=1)
        await world.all_committed(2 * len(FEW))

        assert service.books.delivered == len(FEW)
        assert world.members()[LAPSED] == rows_of(FEW)
