"""Every way LiveIntent is known to go wrong, through the whole service, named for what its user sees.

The list is that of docs/decisions/0009-liveintent-points.md. LiveIntent's seconds pass 20 times faster here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from consumer.liveintent import client
from consumer.liveintent.policies import Timeouts
from consumer.record import RejectReason
from consumer.sandbox import liveintent_api
from consumer.sandbox.liveintent_server import (
    BodyShape,
    Fault,
    FaultKind,
    SandboxOptions,
)
from consumer.sandbox.liveintent_wire import audience_document
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import HURRY, RunningService, World, eventually, running_service

PEOPLE = emails(5)
RETRY_AFTER_SECONDS = 30
ERROR_ATTEMPTS = 2
LATE_SECONDS = 0.6
PATIENCE_SECONDS = 0.3


@asynccontextmanager
async def a_service_that_meets(
    cluster: KafkaCluster, *faults: Fault, list_deadline_seconds: float = 900.0
) -> AsyncIterator[tuple[World, RunningService]]:
    """A service whose LiveIntent goes wrong like this."""
    async with running_service(
        cluster,
        UPLOAD_LIST_DEADLINE_SECONDS=str(list_deadline_seconds),
        UPLOAD_ERROR_ATTEMPTS=str(ERROR_ATTEMPTS),
    ) as (world, service):
        for fault in faults:
            world.liveintent.faults.add(fault)
        yield world, service


async def all_is_well(world: World, service: RunningService, *, times_stored: int = 1) -> None:
    """Have five people enter; in the end they are members, and nothing was given up for the fault.

    `times_stored` is how often a row of the file that meets the fault is stored.
    """
    await world.produce(map(enters, PEOPLE))
    await world.all_committed(len(PEOPLE))

    assert (service.books.delivered, service.books.dead_lettered) == (len(PEOPLE), {})
    assert world.liveintent.members(VIP) == rows_of(PEOPLE)
    assert len(world.liveintent.audiences()) == 1
    uploads = world.liveintent.uploads()
    once = sum(upload.rows for upload in uploads if upload.status == "Finished")
    in_vain = [upload.rows for upload in uploads if upload.status != "Finished"]
    assert once == len(rows_of(PEOPLE)["EMAIL_HASH"])
    assert len(in_vain) == times_stored - 1
    assert world.liveintent.breaches == []


# Refusals of the token


@pytest.mark.parametrize("shape", [FaultKind.UNAUTHORIZED_BARE, FaultKind.UNAUTHORIZED_WRAPPED])
async def test_a_401_in_either_shape_makes_the_service_unready_and_costs_no_record(
    kafka_cluster: KafkaCluster, shape: FaultKind
) -> None:
    async with a_service_that_meets(kafka_cluster, Fault(kind=shape)) as (world, service):
        await world.produce(map(enters, PEOPLE))
        await eventually(lambda: _says(service, "Token is not valid"), why="readiness says so")
        status, _ = await service.ready()
        before = service.books.delivered, service.books.dead_lettered
        world.liveintent.faults.clear()
        await world.all_committed(len(PEOPLE))

        assert status == 503
        assert before == (0, {})
        assert service.books.delivered == len(PEOPLE)
        assert (await service.ready())[0] == 200


# Refusals of what is asked


async def test_an_action_liveintent_does_not_know_dead_letters_the_records_with_a_hint(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, LIVEINTENT_ACTION_ADD="INSERT") as (world, service):
        await world.produce(map(enters, PEOPLE))
        await world.all_committed(len(PEOPLE))
        page = (await service.get("/"))[1]

        assert service.books.dead_lettered == {RejectReason.UPLOAD_REFUSED: len(PEOPLE)}
        assert len(await world.dead_letters()) == len(PEOPLE)
        assert "spelling of the action" in page
        assert world.liveintent.uploads() == []


async def test_a_400_that_passes_costs_a_second_look_at_the_audience_and_nothing_else(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(operation="mint", kind=FaultKind.STATUS, status=400, times=1)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)


# Creating an audience


async def test_a_create_that_succeeds_after_we_gave_up_waiting_makes_one_audience(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    _give_up_soon(monkeypatch)
    fault = Fault(
        operation="create", kind=FaultKind.DELAY_AFTER_EFFECT, delay_seconds=LATE_SECONDS, times=1
    )
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)


async def test_a_search_that_lags_behind_a_create_of_unknown_outcome_makes_one_audience(
    kafka_cluster: KafkaCluster,
) -> None:
    lagging = SandboxOptions(processing_seconds=0.05, search_lag_seconds=0.5)
    async with running_service(kafka_cluster, sandbox=lagging) as (world, service):
        world.liveintent.faults.add(
            Fault(operation="create", kind=FaultKind.RESET_AFTER_EFFECT, times=1)
        )
        await all_is_well(world, service)


async def test_an_audience_whose_status_is_a_word_we_do_not_know_is_used_not_doubled(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        liveintent_api,
        "audience_document",
        lambda audience: {**audience_document(audience), "status": "Warming"},
    )
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.add_audience(VIP)
        await all_is_well(world, service)


# Uploads


async def test_an_upload_that_is_never_listed_is_sent_once_more(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(kind=FaultKind.NEVER_LISTED, times=1)
    async with a_service_that_meets(kafka_cluster, fault, list_deadline_seconds=0.5 * HURRY) as (
        world,
        service,
    ):
        await all_is_well(world, service, times_stored=2)


async def test_an_upload_that_ends_in_error_is_sent_again_with_a_new_url(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(kind=FaultKind.UPLOAD_ERROR, times=2)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service, times_stored=3)


async def test_an_upload_that_always_ends_in_error_is_dead_lettered_and_its_audience_goes_on(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(kind=FaultKind.UPLOAD_ERROR, times=ERROR_ATTEMPTS + 1)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await world.produce([enters(PEOPLE[0])])
        await eventually(lambda: service.books.dead_lettered, why="the first is given up")
        await world.produce(map(enters, PEOPLE[1:]))
        await world.all_committed(len(PEOPLE))

        assert service.books.dead_lettered == {RejectReason.UPLOAD_REFUSED: 1}
        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])


async def test_uploads_listed_in_no_order_are_still_told_apart(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(kind=FaultKind.REORDER_UPLOADS)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        for sent, email in enumerate(PEOPLE, start=1):
            await world.produce([enters(email)])
            await world.all_committed(sent)
        await world.produce([leaves(PEOPLE[0])])
        await world.all_committed(len(PEOPLE) + 1)

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.delivered == len(PEOPLE) + 1
        assert world.liveintent.breaches == []


async def test_an_upload_others_would_overtake_is_waited_for(kafka_cluster: KafkaCluster) -> None:
    fault = Fault(kind=FaultKind.SLOW_UPLOAD, delay_seconds=0.6, times=1)
    async with a_service_that_meets(kafka_cluster, fault) as (world, _):
        await world.produce([enters(PEOPLE[0])])
        await eventually(world.liveintent.uploads, why="the slow one is under way")
        await world.produce([leaves(PEOPLE[0])])
        await world.all_committed(2)

        assert world.liveintent.members(VIP) == {}
        assert world.liveintent.breaches == []


async def test_an_upload_in_a_status_we_do_not_know_is_waited_for(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(kind=FaultKind.UNKNOWN_STATUS, upload_status="Queued", times=1)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await world.produce(map(enters, PEOPLE))
        await eventually(
            lambda: _says(service, "LiveIntent to finish it", "/status"), why="it is followed"
        )
        await service.has_committed_again()
        before = await world.committed_in_all()
        world.liveintent.faults.clear()
        await world.all_committed(len(PEOPLE))

        assert before == 0
        assert service.books.dead_lettered == {}


# Storage


async def test_a_signature_storage_refuses_costs_new_urls_and_no_second_upload(
    kafka_cluster: KafkaCluster,
) -> None:
    fault = Fault(kind=FaultKind.STORAGE_403, times=2)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)
        assert world.liveintent.requests["mint", 201] >= 3


async def test_a_file_that_is_stored_after_we_gave_up_waiting_is_not_sent_twice(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    _give_up_soon(monkeypatch)
    fault = Fault(
        operation="store", kind=FaultKind.DELAY_AFTER_EFFECT, delay_seconds=LATE_SECONDS, times=1
    )
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)


# Too much, too slow, broken


@pytest.mark.parametrize(
    ("status", "operation"),
    [
        (429, "search"),
        (429, "create"),
        (429, "mint"),
        (429, "uploads"),
        (429, "store"),
        (503, "create"),
        (503, "mint"),
        (503, "store"),
    ],
)
async def test_a_retry_after_is_kept_by_every_call_to_its_host(
    kafka_cluster: KafkaCluster, status: int, operation: str
) -> None:
    fault = Fault(
        operation=operation,
        kind=FaultKind.STATUS,
        status=status,
        retry_after=RETRY_AFTER_SECONDS,
        times=1,
    )
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await world.produce(map(enters, PEOPLE))
        await eventually(lambda: world.liveintent.requests[operation, status], why="it is told")
        asked_at = time.monotonic()
        await world.produce([enters(PEOPLE[0], LAPSED)])
        asked = _requests(world, storage=operation == "store")
        quiet = asked
        while time.monotonic() < asked_at + 0.75 * RETRY_AFTER_SECONDS / HURRY:
            quiet = _requests(world, storage=operation == "store")
            await asyncio.sleep(0.02)
        await world.all_committed(len(PEOPLE) + 1)

        assert quiet - asked <= 1  # what was on its way when the answer came
        assert service.books.dead_lettered == {}
        assert world.liveintent.members(VIP) == rows_of(PEOPLE)
        assert {view.name for view in world.liveintent.audiences()} == {VIP, LAPSED}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, BodyShape.BARE),
        (502, BodyShape.TEXT),
        (503, BodyShape.WRAPPED),
        (504, BodyShape.EMPTY),
    ],
)
async def test_errors_of_the_server_are_waited_out_whatever_their_body(
    kafka_cluster: KafkaCluster, status: int, body: BodyShape
) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=status, body=body, times=3)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)


@pytest.mark.parametrize("operation", ["search", "create", "mint", "store", "uploads"])
@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.RESET_AFTER_EFFECT])
async def test_a_connection_that_breaks_costs_nothing(
    kafka_cluster: KafkaCluster, operation: str, kind: FaultKind
) -> None:
    fault = Fault(operation=operation, kind=kind, times=1)
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)


@pytest.mark.parametrize("operation", ["search", "mint", "uploads"])
async def test_an_answer_that_does_not_come_is_asked_for_again(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    _give_up_soon(monkeypatch)
    fault = Fault(
        operation=operation, kind=FaultKind.DELAY_SECONDS, delay_seconds=LATE_SECONDS, times=1
    )
    async with a_service_that_meets(kafka_cluster, fault) as (world, service):
        await all_is_well(world, service)


async def test_a_redirect_is_followed_by_nobody(kafka_cluster: KafkaCluster) -> None:
    faults = [
        Fault(operation=operation, kind=FaultKind.STATUS, status=302, times=1)
        for operation in ("search", "store")
    ]
    async with a_service_that_meets(kafka_cluster, *faults) as (world, service):
        await all_is_well(world, service)


async def _says(service: RunningService, text: str, path: str = "/readyz") -> bool:
    return text in (await service.get(path))[1]


def _requests(world: World, *, storage: bool) -> int:
    """How many requests one of the two hosts has had."""
    counts: Mapping[tuple[str, int], int] = world.liveintent.requests
    return sum(n for (operation, _), n in counts.items() if (operation == "store") is storage)


def _give_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = Timeouts(request_seconds=PATIENCE_SECONDS, store_seconds=PATIENCE_SECONDS)
    monkeypatch.setattr(client, "Timeouts", lambda: soon)
