"""During each outage /readyz, /status and the page tell which host, which audience, which partition, and why."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters
from tests.scenarios.harness import RunningService, World, eventually, running_service

PEOPLE = emails(5)


@dataclass(frozen=True, slots=True)
class Read:
    """What an operator reads at one moment."""

    ready: int
    remarks: str
    status: dict[str, Any]
    page: str

    @property
    def answer(self) -> str:
        """Why it is behind, in one sentence."""
        text = self.status["why_behind"]
        assert isinstance(text, str)
        return text

    def lane(self, audience: str) -> dict[str, Any]:
        """One audience's line."""
        return next(lane for lane in self.status["lanes"] if lane["audience"] == audience)


async def once(service: RunningService, seen: Callable[[Read], bool], *, why: str) -> Read:
    """What is read once it says this."""
    found: list[Read] = []

    async def look() -> bool:
        found[:] = [await read(service)]
        return seen(found[0])

    try:
        await eventually(look, why=why)
    except AssertionError as error:
        message = f"{error}; read last: {found[0].answer}"
        raise AssertionError(message) from None
    return found[0]


async def read(service: RunningService) -> Read:
    """The status is read first: what it says to last, readiness and the page say as well by then."""
    status = json.loads((await service.get("/status"))[1])
    ready, remarks = await service.ready()
    return Read(ready, remarks, status, (await service.get("/"))[1])


async def at_last(world: World, service: RunningService, *, records: int = len(PEOPLE)) -> Read:
    """What is read once the outage is over and everything is delivered."""
    world.liveintent.faults.clear()
    await world.all_committed(records)
    return await once(
        service, lambda seen: seen.status["mood"] == "good", why="nothing is behind any more"
    )


@pytest.mark.parametrize(
    ("fault", "host", "why", "waits_for", "ready"),
    [
        pytest.param(
            Fault(kind=FaultKind.UNAUTHORIZED_WRAPPED),
            "api",
            "unauthorised, our API key is refused: 401 unauthorized Token is not valid",
            "LiveIntent's API to find or create the audience",
            503,
            id="a refused API key",
        ),
        pytest.param(
            Fault(operation="mint", kind=FaultKind.STATUS, status=503),
            "api",
            "circuit open, it keeps failing: server_error: 503 service_unavailable",
            "LiveIntent's API to give a URL",
            200,
            id="an API that fails",
        ),
        pytest.param(
            Fault(operation="store", kind=FaultKind.RESET),
            "storage",
            "circuit open, it keeps failing: reset",
            "LiveIntent's storage to take the file",
            200,
            id="a storage host that breaks connections",
        ),
        pytest.param(
            Fault(operation="mint", kind=FaultKind.STATUS, status=429, retry_after=600),
            "api",
            "asked to wait: 429 too_many_requests",
            "LiveIntent's API to give a URL",
            200,
            id="an API that asks to wait",
        ),
        pytest.param(
            Fault(operation="store", kind=FaultKind.STATUS, status=503, retry_after=600),
            "storage",
            "asked to wait: 503",
            "LiveIntent's storage to take the file",
            200,
            id="a storage host that asks to wait",
        ),
    ],
)
async def test_a_host_of_liveintent_that_cannot_be_called_is_named_with_the_reason(
    kafka_cluster: KafkaCluster, fault: Fault, host: str, why: str, waits_for: str, ready: int
) -> None:
    async with running_service(kafka_cluster, DRAIN_SECONDS="1") as (world, service):
        world.liveintent.faults.add(fault)
        await world.produce(map(enters, PEOPLE))
        held = f"calls to LiveIntent ({host}) are held back"
        seen = await once(
            service,
            lambda seen: held in seen.answer and why in seen.answer and waits_for in seen.answer,
            why=f"the answer is: {held} ({why}), waiting for {waits_for}",
        )

        assert seen.ready == ready
        assert held in seen.remarks
        assert why in seen.remarks
        assert "next try in" in seen.answer
        assert f"{world.topic}-0 offset 0" in seen.answer
        assert f"waits for the upload of {VIP}" in seen.answer
        assert seen.lane(VIP)["stage"] in {"resolving", "minting", "minted"}
        assert seen.lane(VIP)["in_flight_changes"] > 0
        assert waits_for in seen.status["partitions"][0]["oldest_why"]
        assert f"({host})" in seen.page


async def test_after_an_outage_nothing_of_it_is_left_to_read(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=503))
        await world.produce(map(enters, PEOPLE))
        await once(service, lambda seen: "circuit open" in seen.answer, why="the circuit is open")
        seen = await at_last(world, service)

        assert seen.answer == "Not behind: every record is read and finished."
        assert seen.status["holds"] == []
        assert json.loads(seen.remarks)["reasons"] == []


async def test_a_spent_memory_budget_is_told_with_the_audience_that_holds_it(
    kafka_cluster: KafkaCluster,
) -> None:
    padding = "x" * 20_000
    people = emails(900)
    async with running_service(kafka_cluster, partitions=3, MEMORY_BUDGET_MB="16") as (
        world,
        service,
    ):
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK))
        await world.produce(enters(email, padding=padding) for email in people)
        seen = await once(
            service,
            lambda seen: "use up MEMORY_BUDGET_MB" in seen.answer,
            why="memory is the reason",
        )
        after = await at_last(world, service, records=len(people))

        assert seen.ready == 200
        assert "reading is held back" in seen.answer
        assert f"waits for the upload of {VIP}" in seen.answer
        assert after.status["books"]["dead_lettered"] == {}


async def test_an_audience_that_is_refused_is_named_and_the_others_go_on(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.add_audience(VIP, status="Archived")
        await world.produce(map(enters, PEOPLE))
        await world.produce([enters(PEOPLE[0], LAPSED)])
        await world.all_committed(len(PEOPLE) + 1)
        seen = await once(
            service, lambda seen: "refuses 1 audience" in seen.answer, why="it is named"
        )

        assert seen.ready == 200
        assert f"LiveIntent refuses 1 audience ({VIP})" in seen.answer
        assert "archived" in seen.lane(VIP)["refused"]
        assert seen.lane(LAPSED)["refused"] == ""
        (dead,) = seen.status["dead_letters"]
        assert (dead["reason"], dead["count"]) == ("audience_refused", len(PEOPLE))
        assert "archived" in seen.page


async def test_a_registry_outage_is_told_with_its_partition(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster, event_format="avro-confluent") as (world, service):
        world.registry.outage = 503
        await world.produce(map(enters, PEOPLE))
        seen = await once(
            service,
            lambda seen: "waits for a schema" in seen.answer and "503" in seen.answer,
            why="the schema is the reason",
        )
        world.registry.outage = None
        await at_last(world, service)

        assert seen.ready == 200
        assert "1 partition waits for a schema" in seen.answer
        assert "schema 1" in seen.answer
        assert "503" in seen.answer
        assert "waits for a schema" in seen.remarks
        assert f"({world.topic}-0 offset 0)" in seen.answer


async def test_brokers_that_are_gone_are_told(embedded_kafka: EmbeddedKafka) -> None:
    async with running_service(embedded_kafka) as (world, service):
        await world.produce(map(enters, PEOPLE))
        await world.all_committed(len(PEOPLE))
        await asyncio.to_thread(embedded_kafka.set_broker_down)
        seen = await once(service, lambda seen: "Kafka" in seen.answer, why="Kafka is the reason")
        live = (await service.get("/livez"))[0]
        await asyncio.to_thread(embedded_kafka.set_broker_up)
        after = await at_last(world, service)

        assert live == 200
        assert seen.status["mood"] == "held"
        assert "Kafka" in seen.remarks
        assert after.ready == 200
