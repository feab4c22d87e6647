"""`audiences diff`: what was sent, against what LiveIntent counts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from consumer.telemetry.health import serve_health
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.status import LANES_SHOWN, LaneStatus, Status, Verdict
from tests.contract.audience_commands import CARTS, ON_A_TERMINAL, VIP, World, a_world
from tests.unit.telemetry.invented_status import a_healthy_status


class _Fixed:
    """A service whose status is always the same."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def live(self) -> Verdict:
        return self._status.ready

    def ready(self) -> Verdict:
        return self._status.ready

    def status(self, *, lanes_max: int = LANES_SHOWN) -> Status:
        return self._status


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def test_counts_that_go_with_the_uploads_fit(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)
    await world.upload(audience, 5)
    await world.upload(audience, 2, action="REMOVE")

    told, about = (await world.command("diff", VIP)).objects
    assert (told["total"], told["added"], told["removed"], told["verdict"]) == (3, 5, 2, "fits")
    assert about["compared"]
    assert about["not_known"]


async def test_rows_that_were_sent_twice_show_as_fewer_than_added(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)
    await world.upload(audience, 5)
    await world.upload(audience, 5)

    told, _ = (await world.command("diff", LIVEINTENT_AUDIENCES=VIP)).objects
    assert (told["total"], told["added"], told["verdict"]) == (5, 10, "fewer_than_added")


async def test_a_missing_audience_ends_a_diff(world: World) -> None:
    assert (await world.command("diff", VIP)).code == 3


async def test_what_services_stored_is_held_against_what_liveintent_finished(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)
    metrics = Metrics(CollectorRegistry())
    metrics.upload_rows.labels("add", "EMAIL_HASH").inc(7)
    lanes = (LaneStatus(VIP, audience_id=audience), LaneStatus(CARTS))
    status = replace(a_healthy_status(), started_at=datetime.now(UTC), lanes=lanes)
    await world.upload(audience, 5)

    async with serve_health(_Fixed(status), metrics.registry, host="127.0.0.1", port=0) as port:
        url = f"http://127.0.0.1:{port}"
        compared = await world.command("diff", VIP, "--url", url)
        shown = await world.command("diff", VIP, "--url", url, "--url", url, **ON_A_TERMINAL)
    _, service, about = compared.objects
    assert (service["action"], service["identifier_type"]) == ("add", "EMAIL_HASH")
    assert (service["stored"], service["finished"], service["difference"]) == (7, 5, -2)
    assert len(about["compared"]) == 2
    assert "-9" in shown.out, "two replicas' rows are added up"


async def test_a_service_that_does_not_answer_is_a_failure(world: World) -> None:
    world.liveintent.add_audience(VIP)

    nobody = await world.command("diff", VIP, "--url", "http://127.0.0.1:9")
    stranger = await world.command("diff", VIP, "--url", world.liveintent.url)
    assert (nobody.code, stranger.code) == (3, 3)
    assert "127.0.0.1:9" in nobody.said


async def test_whatever_else_answers_is_not_taken_for_a_service(world: World) -> None:
    world.liveintent.add_audience(VIP)

    async def anything(_request: web.Request) -> web.Response:
        return web.json_response({"lanes": []})

    application = web.Application()
    application.router.add_get("/{any}", anything)
    async with TestServer(application) as server:
        asked = await world.command("diff", VIP, "--url", str(server.make_url("")))
    assert (asked.code, "not a segment-liveintent service" in asked.said) == (3, True)
