"""What the service does while others do not answer: wait, say so, and go on by itself."""

import asyncio
import json
from functools import partial
from pathlib import Path

import structlog

from consumer.errors import OffsetsUnknown
from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind, Operation
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, emails, enters, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    RunningService,
    World,
    a_world,
    eventually,
    running_service,
)

WRONG = "a-token-nobody-issued"


async def test_records_wait_while_liveintent_fails_and_are_delivered_once_it_does_not(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=500))
        await world.produce(map(enters, emails(5)))
        await eventually(lambda: _metric(service, "circuit_open", host="api"), why="calls are held")
        ready, remarks = await service.ready()
        await service.has_committed_again()
        held_back = await world.committed()

        world.liveintent.faults.clear()
        await world.all_committed(5)

        assert held_back == {0: 0}
        assert ready == 200
        assert "calls to LiveIntent (api) are held back" in remarks
        assert service.books.dead_lettered == {}
        assert world.liveintent.members(VIP) == rows_of(emails(5))
        assert not await _metric(service, "circuit_open", host="api")


async def test_a_refused_token_makes_the_service_unready_and_it_recovers_when_liveintent_takes_it(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, LIVEINTENT_API_KEY=WRONG) as (world, service):
        await world.produce(map(enters, emails(5)))
        await _is_refused(world, service)

        world.liveintent.rotate_token(WRONG)
        await _recovers(world, service)


async def test_a_token_replaced_in_its_file_is_taken_up_without_a_restart(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    await asyncio.to_thread(file.write_text, f"{WRONG}\n")
    async with running_service(
        kafka_cluster, LIVEINTENT_API_KEY="", LIVEINTENT_API_KEY_FILE=str(file)
    ) as (world, service):
        await world.produce(map(enters, emails(5)))
        await _is_refused(world, service)

        await asyncio.to_thread(file.write_text, world.liveintent.options.token)
        await _recovers(world, service)


async def test_a_service_that_finds_no_broker_is_alive_and_not_ready_and_begins_once_it_does(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka) as world:
        await world.produce(map(enters, emails(3)))
        embedded_kafka.set_broker_down()
        with structlog.testing.capture_logs() as lines:
            service = await world.start_service()
            await eventually(
                lambda: _names(lines, "Kafka reported an error"), why="the log says so"
            )
        live, _ = await service.get("/livez")
        ready, why = await service.ready()

        embedded_kafka.set_broker_up()
        await world.all_committed(3)

        assert (live, ready) == (200, 503)
        assert "no partitions were assigned yet" in why
        assert (await service.ready())[0] == 200
        assert world.liveintent.members(VIP) == rows_of(emails(3))


async def test_a_broker_that_goes_away_for_a_while_loses_nothing(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with running_service(embedded_kafka) as (world, service):
        await world.produce(map(enters, emails(3)))
        await world.all_committed(3)
        await world.produce(map(enters, emails(3, "q")))
        await eventually(lambda: service.books.consumed == 6, why="the records are read")
        embedded_kafka.set_broker_down()
        await eventually(lambda: service.books.pending == 0, why="LiveIntent has them")
        live, _ = await service.get("/livez")

        embedded_kafka.set_broker_up()
        await world.all_committed(6)

        assert live == 200
        assert world.liveintent.members(VIP) == rows_of([*emails(3), *emails(3, "q")])


async def test_a_broker_that_is_away_for_longer_than_a_session_sends_nothing_that_could_be_somebody_elses(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with running_service(embedded_kafka, session_ms=QUICK_SESSION) as (world, service):
        storage_down = Fault(kind=FaultKind.STATUS, status=503, operation=Operation.STORE)
        world.liveintent.faults.add(storage_down)
        await world.produce(map(enters, emails(3)))
        retries = partial(
            _metric, service, "liveintent_retries_total", operation="put_file", cause="server_error"
        )
        await eventually(retries, why="the file waits for storage")
        embedded_kafka.set_broker_down()
        await eventually(lambda: service.books.released == 3, why="the session is over")
        world.liveintent.faults.clear()
        await eventually(lambda: _lanes_busy(service, 0), why="the file is given up")
        stored = world.liveintent.uploads()

        embedded_kafka.set_broker_up()
        await world.all_committed(3)

        assert stored == []
        assert world.liveintent.members(VIP) == rows_of(emails(3))


async def test_a_registry_outage_holds_records_and_dead_letters_none(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, event_format="avro-confluent") as (world, service):
        world.registry.outage = 503
        await world.produce(map(enters, emails(5)))
        await eventually(lambda: service.books.consumed == 5, why="the records are read")
        await eventually(
            lambda: _metric(service, "partitions_waiting_for_schema"),
            why="the schema is waited for",
        )
        await service.has_committed_again()
        held_back = await world.committed()
        status = json.loads((await service.get("/status"))[1])

        world.registry.outage = None
        await world.all_committed(5)

        assert held_back == {0: 0}
        assert "503" in status["registry_waiting"]
        assert service.books.dead_lettered == {}
        assert service.books.delivered == 5


async def test_a_group_without_offsets_and_without_a_first_start_is_an_error_that_says_so(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, KAFKA_FIRST_START="") as (world, service):
        error = await service.end()

        assert isinstance(error, OffsetsUnknown)
        assert "set KAFKA_FIRST_START to earliest, latest or a date and time" in str(error)
        assert await world.committed() == {}


async def _is_refused(world: World, service: RunningService) -> None:
    """The service says that its token is refused, and gives no record up for it."""

    async def unready() -> bool:
        return (await service.ready())[0] == 503

    await eventually(
        lambda: _metric(service, "liveintent_unauthorised"), why="the token is refused"
    )
    await eventually(unready, why="the service is unready")
    await service.has_committed_again()
    assert "unauthorised" in (await service.ready())[1]
    assert (await service.get("/livez"))[0] == 200
    assert (service.books.pending, service.books.dead_lettered) == (5, {})
    assert await world.committed() == {0: 0}


async def _recovers(world: World, service: RunningService) -> None:
    await world.all_committed(5)
    assert (await service.ready())[0] == 200
    assert not await _metric(service, "liveintent_unauthorised")
    assert service.books.delivered == 5


async def _metric(service: RunningService, name: str, **labels: str) -> float:
    return (await service.scrape()).value(name, **labels)


async def _lanes_busy(service: RunningService, number: int) -> bool:
    return await _metric(service, "lanes_busy") == number


def _names(lines: list[structlog.typing.EventDict], beginning: str) -> bool:
    return any(line["event"].startswith(beginning) for line in lines)
