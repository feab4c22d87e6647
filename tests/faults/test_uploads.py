"""What may go wrong at LiveIntent while a file is under way, seen from both ends of the service."""

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import HURRY, running_service

PEOPLE = emails(5)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("search", FaultKind.UNAUTHORIZED_BARE),
        ("create", FaultKind.UNAUTHORIZED_WRAPPED),
        ("mint", FaultKind.UNAUTHORIZED_BARE),
        ("uploads", FaultKind.UNAUTHORIZED_WRAPPED),
    ],
)
async def test_a_token_refused_in_the_middle_costs_nothing(
    kafka_cluster: KafkaCluster, operation: str, kind: FaultKind
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(Fault(operation=operation, kind=kind, times=2))
        await world.produce(map(enters, PEOPLE))
        await world.all_committed(len(PEOPLE))

        assert (service.books.delivered, service.books.dead_lettered) == (len(PEOPLE), {})
        assert len(world.liveintent.uploads()) == 1
        assert world.liveintent.breaches == []


@pytest.mark.parametrize("operation", ["create", "mint", "store", "uploads"])
async def test_an_answer_that_is_lost_costs_nothing(
    kafka_cluster: KafkaCluster, operation: str
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(
            Fault(operation=operation, kind=FaultKind.RESET_AFTER_EFFECT, times=1)
        )
        await world.produce(map(enters, PEOPLE))
        await world.all_committed(len(PEOPLE))

        assert (service.books.delivered, service.books.dead_lettered) == (len(PEOPLE), {})
        assert len(world.liveintent.audiences()) == 1
        assert world.liveintent.members(VIP) == rows_of(PEOPLE)
        assert world.liveintent.breaches == []


async def test_an_upload_that_is_never_listed_is_sent_again_before_its_offsets_are_committed(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, UPLOAD_LIST_DEADLINE_SECONDS=str(0.5 * HURRY)) as (
        world,
        service,
    ):
        world.liveintent.faults.add(Fault(kind=FaultKind.NEVER_LISTED, times=1))
        await world.produce(map(enters, PEOPLE))
        await world.all_committed(len(PEOPLE))

        assert [upload.status for upload in world.liveintent.uploads()] == ["Lost", "Finished"]
        assert world.liveintent.members(VIP) == rows_of(PEOPLE)
        assert service.books.delivered == len(PEOPLE)
