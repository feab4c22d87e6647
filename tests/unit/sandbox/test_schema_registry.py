import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from consumer.sandbox.schema_registry import SchemaRegistrySandbox

SCHEMA = {"type": "record", "name": "Seen", "fields": [{"name": "id", "type": "string"}]}
OTHER = {"type": "record", "name": "Other", "fields": []}


@pytest.fixture
async def registry() -> AsyncIterator[SchemaRegistrySandbox]:
    async with SchemaRegistrySandbox() as registry:
        yield registry


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


async def get(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    async with http.get(url, headers=headers) as response:
        assert response.content_type == "application/vnd.schemaregistry.v1+json"
        return response.status, await response.json(content_type=None)


async def post(http: aiohttp.ClientSession, url: str, body: object) -> tuple[int, Any]:
    async with http.post(url, json=body) as response:
        return response.status, await response.json(content_type=None)


async def test_a_registered_schema_is_found_by_its_id(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession
) -> None:
    schema_id = registry.register("events-value", SCHEMA)

    status, body = await get(http, f"{registry.url}/schemas/ids/{schema_id}")

    assert status == 200
    assert '"name":"Seen"' in body["schema"]


async def test_a_schema_posted_over_http_keeps_its_text(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession
) -> None:
    text = '{"type":  "string"}'

    posted = await post(http, f"{registry.url}/subjects/a-value/versions", {"schema": text})

    assert posted == (200, {"id": 1})
    assert (await get(http, f"{registry.url}/schemas/ids/1"))[1]["schema"] == text


async def test_one_schema_has_one_id_under_every_subject(registry: SchemaRegistrySandbox) -> None:
    first = registry.register("a-value", SCHEMA)

    assert registry.register("a-value", SCHEMA) == first
    assert registry.register("b-value", SCHEMA) == first
    assert registry.register("b-value", OTHER) == first + 1


async def test_versions_are_counted_by_subject(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession
) -> None:
    registry.register("a-value", OTHER)
    registry.register("b-value", SCHEMA)
    registry.register("b-value", OTHER)
    url = f"{registry.url}/subjects/b-value/versions"

    latest = (await get(http, f"{url}/latest"))[1]
    first = (await get(http, f"{url}/1"))[1]

    assert (latest["version"], latest["id"]) == (2, 1)
    assert (first["version"], first["id"], first["subject"]) == (1, 2, "b-value")
    assert (await get(http, f"{url}/-1"))[1] == latest
    assert (await get(http, f"{registry.url}/subjects"))[1] == ["a-value", "b-value"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/schemas/ids/77", 404, 40403),
        ("/schemas/ids/none", 404, 40403),
        ("/schemas/guids/00000000-0000-0000-0000-000000000000", 404, 40403),
        ("/subjects/nobody/versions/1", 404, 40401),
        ("/subjects/a-value/versions/9", 404, 40402),
        ("/subjects/a-value/versions/0", 422, 42202),
        ("/subjects/a-value/versions/first", 422, 42202),
    ],
)
async def test_what_is_not_there_is_refused_with_confluents_code(
    registry: SchemaRegistrySandbox,
    http: aiohttp.ClientSession,
    path: str,
    status: int,
    code: int,
) -> None:
    registry.register("a-value", SCHEMA)

    answered, body = await get(http, registry.url + path)

    assert (answered, body["error_code"]) == (status, code)


@pytest.mark.parametrize("body", [{}, {"schema": "{"}, {"schema": 7}, ["schema"]])
async def test_a_body_without_a_schema_is_refused(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession, body: object
) -> None:
    status, answer = await post(http, f"{registry.url}/subjects/a-value/versions", body)

    assert (status, answer["error_code"]) == (422, 42201)


async def test_a_schema_is_found_by_its_guid(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession
) -> None:
    guid = registry.guid_of(registry.register("a-value", SCHEMA))

    status, body = await get(http, f"{registry.url}/schemas/guids/{guid}")

    assert (status, body["guid"]) == (200, guid)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", guid)


async def test_an_outage_answers_everything_with_its_status_until_it_ends(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession
) -> None:
    url = f"{registry.url}/schemas/ids/{registry.register('a-value', SCHEMA)}"

    registry.outage = 503
    during = await get(http, url)
    registry.outage = None
    after = await get(http, url)

    assert (during[0], during[1]["error_code"]) == (503, 50301)
    assert after[0] == 200


async def test_every_request_is_counted_refused_ones_included(
    registry: SchemaRegistrySandbox, http: aiohttp.ClientSession
) -> None:
    registry.outage = 503

    await get(http, f"{registry.url}/schemas/ids/1")
    await get(http, f"{registry.url}/schemas/ids/1")
    await get(http, f"{registry.url}/subjects")

    assert registry.requests == 3
    assert registry.requests_by_path == {"/schemas/ids/1": 2, "/subjects": 1}


@pytest.mark.parametrize(
    "authorization",
    ["Basic " + base64.b64encode(b"reader:secret").decode(), "Bearer opaque"],
)
async def test_the_right_credentials_are_let_in(
    http: aiohttp.ClientSession, authorization: str
) -> None:
    async with SchemaRegistrySandbox(
        basic_auth=("reader", "secret"), bearer_token="opaque"
    ) as registry:
        url = f"{registry.url}/subjects"

        allowed = await get(http, url, headers={"Authorization": authorization})
        wrong = await get(http, url, headers={"Authorization": authorization + "x"})
        missing = await get(http, url)

    assert allowed == (200, [])
    assert (wrong[0], missing[0]) == (401, 401)
    assert missing[1] == {"error_code": 401, "message": "Unauthorized"}


async def test_what_was_registered_outlives_a_restart(http: aiohttp.ClientSession) -> None:
    registry = SchemaRegistrySandbox()
    await registry.start()
    registry.register("a-value", SCHEMA)
    await registry.stop()
    await registry.stop()

    url = await registry.start()

    assert (await get(http, f"{url}/schemas/ids/1"))[0] == 200
    await registry.stop()
