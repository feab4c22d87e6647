import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from consumer.segment.registry_authorization import SecretAuthorization
from consumer.segment.registry_client import (
    Found,
    NotFound,
    RegistryClient,
    SchemaReference,
    Unavailable,
    basic_authorization,
    bearer_authorization,
)
from consumer.telemetry.metrics import Metrics

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Registry:
    """A server with one answer to everything, which remembers the requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None]] = []
        self.status = 200
        self.body = b'{"schema": "\\"int\\""}'
        self.headers: dict[str, str] = {}
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.raw_path, request.headers.get("Authorization")))
        await self.hangs.wait()
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def says(self, status: int, body: object, **headers: str) -> None:
        self.status, self.body = status, json.dumps(body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
async def url(registry: Registry) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", registry.answer)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(session: aiohttp.ClientSession, url: str) -> RegistryClient:
    return RegistryClient(session, url)


async def test_a_schema_is_found(client: RegistryClient, registry: Registry) -> None:
    registry.says(200, {"schema": '"int"'})

    assert await client.get("/schemas/ids/7") == Found('"int"', "AVRO")
    assert registry.requests == [("/schemas/ids/7", None)]


async def test_a_schema_tells_its_type_and_what_it_refers_to(
    client: RegistryClient, registry: Registry
) -> None:
    reference = {"name": "tests.Id", "subject": "ids", "version": 3}
    registry.says(200, {"schema": "{}", "schemaType": "JSON", "references": [reference]})

    assert await client.get("/x") == Found("{}", "JSON", (SchemaReference("ids", 3),))


@pytest.mark.parametrize("url_end", ["", "/", "/registry", "/registry/"])
async def test_the_url_may_have_a_path_and_end_in_a_slash(
    session: aiohttp.ClientSession, url: str, registry: Registry, url_end: str
) -> None:
    await RegistryClient(session, url.rstrip("/") + url_end).get("/schemas/ids/7")

    assert registry.requests == [(url_end.rstrip("/") + "/schemas/ids/7", None)]


async def test_a_subject_may_hold_any_character(client: RegistryClient, registry: Registry) -> None:
    await client.get(SchemaReference("a/b c?d#é", 2).path)

    assert registry.requests == [("/subjects/a%2Fb%20c%3Fd%23%C3%A9/versions/2", None)]


async def test_the_secret_of_the_moment_is_sent(
    session: aiohttp.ClientSession, url: str, registry: Registry
) -> None:
    secrets = iter([basic_authorization("ada", "s:ecret"), bearer_authorization("t0ken"), None])
    client = RegistryClient(session, url, authorization=SecretAuthorization(lambda: next(secrets)))

    for _ in range(3):
        await client.get("/x")

    assert [sent for _, sent in registry.requests] == [
        "Basic YWRhOnM6ZWNyZXQ=",
        "Bearer t0ken",
        None,
    ]


@pytest.mark.parametrize("code", [40401, 40402, 40403])
async def test_not_found_is_what_a_registry_calls_so(
    client: RegistryClient, registry: Registry, code: int
) -> None:
    registry.says(404, {"error_code": code, "message": "not found"})

    assert await client.get("/x") == NotFound()


@pytest.mark.parametrize(
    "body",
    [{"error_code": 404, "message": "HTTP 404 Not Found"}, {}, [], "<html>", {"error_code": "x"}],
    ids=str,
)
async def test_a_404_about_the_address_is_not_about_the_schema(
    client: RegistryClient, registry: Registry, body: object
) -> None:
    registry.says(404, body)

    assert await client.get("/x") == Unavailable("HTTP 404", needs_someone=True)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 422])
async def test_a_refusal_needs_someone(
    client: RegistryClient, registry: Registry, status: int
) -> None:
    registry.says(status, {"error_code": status})

    assert await client.get("/x") == Unavailable(f"HTTP {status}", needs_someone=True)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_an_outage_passes_by_itself(
    client: RegistryClient, registry: Registry, status: int
) -> None:
    registry.says(status, {"error_code": 50001})

    assert await client.get("/x") == Unavailable(f"HTTP {status}")


@pytest.mark.parametrize(
    "body",
    [
        "sign in first",
        {},
        {"schema": None},
        {"schema": {"type": "int"}},
        {"schema": "{}", "references": ["a"]},
        {"schema": "{}", "references": [{"subject": "a", "version": "1"}]},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_a_registrys_is_no_answer(
    client: RegistryClient, registry: Registry, body: object
) -> None:
    registry.says(200, body)

    assert await client.get("/x") == Unavailable("not a registry's answer", needs_someone=True)


async def test_an_answer_that_is_not_json_is_no_answer(
    client: RegistryClient, registry: Registry
) -> None:
    registry.body = b"<html>"

    assert await client.get("/x") == Unavailable("not a registry's answer", needs_someone=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "17"}, 17),
        (
            {
                "Retry_After": "Wed, 14 Jan 2026 09:31:00 GMT",
                "Date": "Wed, 14 Jan 2026 09:30:00 GMT",
            },
            60,
        ),
        (
            {
                "Retry_After": "Wed, 14 Jan 2026 09:29:00 GMT",
                "Date": "Wed, 14 Jan 2026 09:30:00 GMT",
            },
            0,
        ),
        ({"Retry_After": "Wed, 14 Jan 2026 09:31:00 GMT", "Date": "now"}, 0),
        ({"Retry_After": "Wed, 14 Jan 2026 09:31:00", "Date": "Wed, 14 Jan 2026 09:30:00 GMT"}, 0),
        ({"Retry_After": "later"}, 0),
        ({"Retry_After": "-5"}, 0),
        ({}, 0),
    ],
    ids=str,
)
async def test_retry_after_is_read_in_both_its_forms(
    client: RegistryClient, registry: Registry, headers: dict[str, str], seconds: float
) -> None:
    registry.says(429, {}, **headers)

    assert await client.get("/x") == Unavailable("HTTP 429", retry_after_seconds=seconds)


async def test_no_answer_in_time_is_an_outage(
    session: aiohttp.ClientSession, url: str, registry: Registry
) -> None:
    registry.hangs.clear()
    client = RegistryClient(session, url, timeout_seconds=0.05)

    assert await client.get("/x") == Unavailable("no answer in time")
    registry.hangs.set()


async def test_no_server_is_an_outage_and_its_address_is_not_told(
    session: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    client = RegistryClient(session, f"http://ada:secret@127.0.0.1:{unused_tcp_port}")

    assert await client.get("/x") == Unavailable("ClientConnectorError")


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[::1"])
async def test_an_impossible_url_is_no_crash(session: aiohttp.ClientSession, url: str) -> None:
    assert isinstance(await RegistryClient(session, url).get("/x"), Unavailable)


async def test_requests_are_counted_by_their_result(
    session: aiohttp.ClientSession, url: str, registry: Registry
) -> None:
    counted = CollectorRegistry()
    client = RegistryClient(session, url, metrics=Metrics(counted))

    for status, code in ((200, 0), (404, 40403), (503, 50001), (503, 50001)):
        registry.says(status, {"schema": "{}", "error_code": code})
        await client.get("/x")

    name = "segment_liveintent_schema_registry_requests_total"
    assert {
        result: counted.get_sample_value(name, {"result": result})
        for result in ("ok", "not_found", "failed")
    } == {"ok": 1, "not_found": 1, "failed": 2}


def test_an_answer_does_not_print_the_schema() -> None:
    assert repr(Found("secret", "AVRO")) == "Found(schema_type='AVRO', references=())"
