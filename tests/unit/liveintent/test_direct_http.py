"""One exchange of a direct call: no cookie comes back, no redirect is followed, nothing is repeated unseen."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from yarl import URL

from consumer.liveintent.direct_http import DirectHttp
from consumer.liveintent.policies import Timeouts
from consumer.liveintent.upload_outcome import Answer, Operation, TransportFailure
from consumer.telemetry.metrics import Metrics

QUICK = Timeouts(connect_seconds=1, read_seconds=0.2, request_seconds=0.5)


class Host:
    """A host that sets cookies, redirects, breaks off and dawdles."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.cookies: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        self.cookies += [request.headers["Cookie"]] if "Cookie" in request.headers else []
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        if request.path == "/broken" and request.transport is not None:
            request.transport.abort()
        if request.path == "/half":
            return await self._half(request)
        response = web.Response(text="{}")
        response.set_cookie("lidid", "the first person's")
        return response

    async def _half(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        if request.transport is not None:
            request.transport.abort()
        return response


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
async def url(host: Host) -> AsyncIterator[URL]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", host.answer)
    async with TestServer(application) as server:
        yield server.make_url("/")


@pytest.fixture
async def http() -> AsyncIterator[DirectHttp]:
    metrics = Metrics(CollectorRegistry())
    async with DirectHttp(metrics, concurrency=2, timeouts=QUICK) as http:
        yield http


async def test_a_cookie_that_was_set_is_not_brought_back(
    http: DirectHttp, host: Host, url: URL
) -> None:
    for _ in range(3):
        assert isinstance(await http.get(Operation.COLLECT, url, {}), Answer)

    assert host.asked["/"] == 3
    assert host.cookies == []


async def test_a_redirect_is_not_followed(http: DirectHttp, host: Host, url: URL) -> None:
    reply = await http.get(Operation.COLLECT, url / "moved", {})

    assert isinstance(reply, Answer)
    assert reply.status == 302
    assert host.asked["/elsewhere"] == 0


async def test_a_connection_that_broke_is_not_tried_again_unseen(
    http: DirectHttp, host: Host, url: URL
) -> None:
    await http.get(Operation.COLLECT, url, {})  # so that the next goes over a used connection
    reply = await http.get(Operation.COLLECT, url / "broken", {})

    assert reply is TransportFailure.RESET
    assert host.asked["/broken"] == 1


async def test_a_status_counts_though_its_body_never_comes_where_only_the_status_matters(
    http: DirectHttp, url: URL
) -> None:
    collected = await http.get(Operation.COLLECT, url / "half", {})
    converted = await http.post(Operation.CONVERT, url / "half", b"[]", {})

    assert isinstance(collected, Answer)
    assert collected.status == 200
    assert converted is TransportFailure.RESET


async def test_a_host_that_is_not_there_was_sent_nothing(http: DirectHttp) -> None:
    reply = await http.get(Operation.COLLECT, URL("http://127.0.0.1:9"), {})

    assert reply is TransportFailure.UNREACHABLE
