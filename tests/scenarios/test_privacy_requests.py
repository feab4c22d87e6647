"""Requests to LiveIntent's Privacy API, through the whole service: made once it is told to, and never given up."""

import logging

import structlog

from consumer.sandbox.liveintent_server import Fault, FaultKind, Operation
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, enters, rows_of
from tests.scenarios.harness import QUICK_SESSION, RunningService, World, a_world, eventually
from tests.scenarios.withdrawals import CONSENT, USER_ID, consent_event, deletion, privacy_settings
from tests.segment_events import hashes_of

ANA, BEN = "ana@example.com", "ben@example.com"
WRONG = "a-token-nobody-issued"


def failing(status: int) -> Fault:
    return Fault(operation=Operation.PRIVACY, kind=FaultKind.STATUS, status=status)


def asked(world: World) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.action, each.email_hashes) for each in world.liveintent.privacy.requests]


async def started(world: World, **settings: str) -> RunningService:
    world.environ.update(privacy_settings(world.liveintent, **settings))
    return await world.start_service()


async def accepted(service: RunningService) -> float:
    scrape = await service.scrape()
    return scrape.value("privacy_requests_total", action="ERASURE", result="accepted")


async def test_a_deletion_asks_for_erasure_and_the_log_proves_it(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await started(world, PRIVACY_SCOPE="advertiser:12", EMAIL_HASHES="sha256")
        with structlog.testing.capture_logs() as lines:
            await world.produce([enters(ANA), deletion(ANA)])
            await world.all_committed(2)

        (request,) = world.liveintent.privacy.requests
        (line,) = [each for each in lines if "accepted a privacy request" in each["event"]]
        assert asked(world) == [("ERASURE", hashes_of(ANA))]
        assert request.scope == {"entity_type": "advertiser", "id": 12}
        assert request.jurisdiction is None
        assert request.submitter == f"segment-liveintent {world.topic}-0-1"
        assert (line["transaction_id"], line["request_id"], line["log_level"]) == (
            request.transaction_id,
            f"{world.topic}-0-1",
            "info",
        )
        assert world.liveintent.members(VIP) == {}
        assert not world.liveintent.privacy.breaches
        assert service.books.pending == 0
        assert await accepted(service) == 1


async def test_nothing_is_asked_of_the_privacy_api_for_an_exit_or_for_consent_alone(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, SEGMENT_CONSENT_CATEGORIES=CONSENT) as world:
        await started(world)
        leaves = enters(ANA, at="2026-03-03T08:15:00Z")
        leaves["traits"] = {"email": ANA, VIP: False}
        await world.produce([leaves, consent_event(ANA, agrees=False), deletion()])
        await world.all_committed(3)

        assert asked(world) == []


async def test_consent_that_was_taken_back_asks_to_restrict_when_that_is_wanted(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, SEGMENT_CONSENT_CATEGORIES=CONSENT) as world:
        law = "US_PRIVACY"
        await started(world, PRIVACY_REQUESTS="restrict", PRIVACY_JURISDICTION=law)
        await world.produce([consent_event(ANA, agrees=False), deletion(BEN)])
        await world.all_committed(2)

        (request,) = world.liveintent.privacy.requests
        assert asked(world) == [("RESTRICT", hashes_of(ANA))]
        assert request.jurisdiction == law


async def test_an_outage_of_the_privacy_api_holds_the_record_back_until_it_is_over(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(failing(503))
        service = await started(world)
        await world.produce([deletion(ANA), enters(BEN)])
        await eventually(lambda: _is_held(service, "failing"), why="requests are held back")
        await eventually(
            lambda: world.liveintent.members(VIP) == rows_of([BEN]), why="others go on"
        )
        await service.has_committed_again()
        held_back, (ready, remarks) = await world.committed(), await service.ready()
        status = (await service.get("/status"))[1]

        world.liveintent.faults.clear()
        await world.all_committed(2)

        assert held_back == {0: 0}
        assert ready == 200
        assert "privacy requests are held back: server_error" in remarks
        assert "LiveIntent's Privacy API to accept its request" in status
        assert asked(world) == [("ERASURE", hashes_of(ANA))]
        assert not await _is_held(service, "failing")
        assert service.books.dead_lettered == {}


async def test_a_refused_privacy_token_is_waited_out_and_taken_up_once_it_is_right(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await started(world, LIVEINTENT_PRIVACY_TOKEN=WRONG)
        await world.produce([deletion(ANA)])
        await eventually(lambda: _is_held(service, "unauthorised"), why="requests are held back")
        statuses = dict(world.liveintent.privacy.statuses)

        world.liveintent.privacy.token = WRONG
        await world.all_committed(1)

        assert set(statuses) == {403}
        assert service.books.dead_lettered == {}
        assert asked(world) == [("ERASURE", hashes_of(ANA))]


async def test_a_request_that_is_refused_goes_to_the_dead_letters_and_the_removal_is_sent_all_the_same(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await started(world)
        await world.produce([enters(ANA), enters(BEN)])
        await world.all_committed(2)
        world.liveintent.faults.add(failing(400))
        await world.produce([deletion(ANA)])
        await world.all_committed(3)

        assert service.books.dead_lettered == {"privacy_refused": 1}
        assert len(await world.dead_letters()) == 1
        await eventually(lambda: world.liveintent.members(VIP) == rows_of([BEN]), why="Ana is out")


async def test_a_request_under_way_when_the_service_stops_is_made_by_the_next(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, session_ms=QUICK_SESSION) as world:
        world.liveintent.faults.add(failing(503))
        first = await started(world)
        await world.produce([deletion(ANA)])
        await eventually(lambda: _is_held(first, "failing"), why="requests are held back")
        await first.stop()
        committed = await world.committed()

        world.liveintent.faults.clear()
        await started(world)
        await world.all_committed(1)

        assert committed in ({}, {0: 0})
        assert asked(world) == [("ERASURE", hashes_of(ANA))]


async def test_requests_of_a_partition_that_moves_are_made_by_its_next_owner(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        fault = failing(503)
        world.liveintent.faults.add(fault)
        first = await started(world)
        for partition, email in enumerate((ANA, BEN)):
            await world.produce([deletion(email)], partition=partition)
        await eventually(lambda: first.books.pending == 2, why="both are read")
        second = await started(world)
        await eventually(lambda: first.partitions == second.partitions == 1, why="they share")
        await eventually(lambda: second.books.pending == 1, why="it is read again")
        released = first.books.released

        world.liveintent.faults.end(fault)
        await world.all_committed(2)

        assert released == 1
        assert {hashes for _, hashes in asked(world)} == {hashes_of(ANA), hashes_of(BEN)}
        assert (first.books.difference, second.books.difference) == (0, 0)
        assert {**first.books.dead_lettered, **second.books.dead_lettered} == {}


async def test_deletions_and_their_requests_leave_no_trace_of_anybody(
    kafka_cluster: KafkaCluster,
) -> None:
    heard = _Everything()
    root = logging.getLogger()
    root.addHandler(heard)
    try:
        async with a_world(kafka_cluster, SEGMENT_CONSENT_CATEGORIES=CONSENT) as world:
            for status in (503, 403, 401):
                world.liveintent.faults.add(
                    Fault(operation="privacy", kind=FaultKind.STATUS, status=status, times=1)
                )
            with structlog.testing.capture_logs() as lines:
                service = await started(world, PRIVACY_REQUESTS="erase,restrict")
                await world.produce([deletion(ANA), deletion(), consent_event(BEN, agrees=False)])
                await world.all_committed(3)
                pages = [(await service.get(path))[1] for path in ("/", "/metrics", "/status")]
            letters = [str(letter.headers) for letter in await world.dead_letters()]
            token = world.liveintent.privacy.token
    finally:
        root.removeHandler(heard)
    text = "\n".join([*map(str, lines), *heard.said, *pages, *letters]).lower()

    people = [each for email in (ANA, BEN) for each in (email, *hashes_of(email))]
    assert "accepted a privacy request" in text
    assert [each for each in (*people, USER_ID, token) if each in text] == []


class _Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.msg!r} {record.args!r}")


async def _is_held(service: RunningService, cause: str) -> bool:
    return (await service.scrape()).value("privacy_requests_held", cause=cause) == 1
