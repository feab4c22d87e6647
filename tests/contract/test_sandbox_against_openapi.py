"""Every answer of the LiveIntent stand-in has the published shape.

Compared with our own description of the shapes, always; and with LiveIntent's OpenAPI document itself where a copy
lies beside the checkout (it is not ours to ship).
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from consumer.sandbox.liveintent_server import (
    Fault,
    FaultKind,
    LiveIntentSandbox,
    Operation,
    SandboxOptions,
)
from tests.contract.json_shapes import Schema, problems
from tests.unit.sandbox.liveintent_caller import HASH_A, Caller, Clock, Reply, name_is

CONTRACTS = Path(__file__).parents[2].parent / "shared" / "contracts"
OPENAPI = CONTRACTS / "liveintent-audiences-openapi.json"


class Exchange(NamedTuple):
    verb: str
    path: str
    status: int
    document: Any


# Our own description


def an_object(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def a_list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


TEXT: Schema = {"type": "string"}
INT32: Schema = {"type": "integer", "format": "int32"}
INT64: Schema = {"type": "integer", "format": "int64"}
TIME: Schema = {"type": "string", "format": "date-time"}
ERROR = an_object({"httpStatus": INT32, "message": TEXT, "errorCode": TEXT})
METADATA: Schema = {
    "type": "object",
    "additionalProperties": an_object({"data": {"type": "object"}, "updatedAt": TIME}),
}
AUDIENCE = an_object(
    {
        "id": INT64,
        "name": TEXT,
        "accountId": INT64,
        "dataProviderId": INT32,
        "status": {"type": "string", "enum": ["Active", "Archived", "Deleted"]},
        "createdAt": TIME,
        "updatedAt": TIME,
        "metadata": METADATA,
    }
)
UPLOAD = an_object(
    {
        "status": {"type": "string", "enum": ["Pending", "Running", "Finished", "Error"]},
        "action": TEXT,
        "uploadType": TEXT,
        "scheduleAt": TIME,
        "lastUpdate": TIME,
        "uploadedHashesCount": INT64,
        "invalidHashesCount": INT64,
        "estimatedDuplicateCount": INT64,
    },
    notificationEmail={"type": ["string", "null"]},
)
COUNT = an_object(
    {"date": {"type": "string", "format": "date"}, "totalCount": INT64, "matchCount": INT64}
)


def a_page_of(entry: Schema) -> Schema:
    numbers = dict.fromkeys(("page", "pageSize", "pages", "totalCount"), INT32)
    return an_object({"entries": a_list(entry), **numbers})


ONE = "/audiences/{audienceId}"
SUCCESSES: Mapping[tuple[str, str], tuple[int, Schema]] = {
    ("POST", "/search/audiences/v2"): (
        200,
        an_object({"items": a_list(AUDIENCE)}, next={"type": ["string", "null"]}),
    ),
    ("POST", "/search/audiences"): (200, a_page_of(AUDIENCE)),
    ("GET", "/audiences"): (200, a_page_of(AUDIENCE)),
    ("POST", "/audiences"): (201, AUDIENCE),
    ("GET", ONE): (200, AUDIENCE),
    ("PATCH", ONE): (200, AUDIENCE),
    ("POST", f"{ONE}/signed-urls"): (201, an_object({"signedUrl": TEXT})),
    ("GET", f"{ONE}/uploads"): (200, a_page_of(UPLOAD)),
    ("GET", f"{ONE}/counts"): (200, an_object({"entries": a_list(COUNT)})),
}

# Sensible, and yet declared nowhere.
UNDECLARED = {("POST", f"{ONE}/signed-urls", 404), ("GET", f"{ONE}/uploads", 404)}


def own_schema(exchange: Exchange) -> Schema:
    status, schema = SUCCESSES[exchange.verb, exchange.path]
    return schema if exchange.status == status else ERROR


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({}, an_object({"a": TEXT})),
        ({"a": 1}, an_object({"a": TEXT})),
        ({"a": "x", "b": 1}, an_object({"a": TEXT})),
        ([1, "x"], a_list(INT32)),
        (True, INT32),
        (2**31, INT32),
        ("yesterday", TIME),
        ("2026-01-01T00:00:00", TIME),
        ("2026-13-01", {"type": "string", "format": "date"}),
        ("x", {"type": "string", "enum": ["y"]}),
        (1, {"type": ["string", "null"]}),
        ("x", {"anyOf": [INT32, {"type": "null"}]}),
        (1, {"oneOf": [INT32, INT64]}),
        (None, {"$ref": "#/defs/text"}),
        ({"k": 1}, {"type": "object", "additionalProperties": TEXT}),
    ],
)
def test_the_checker_sees_what_is_wrong(value: object, schema: Schema) -> None:
    assert list(problems(value, schema, root={"defs": {"text": TEXT}}))


# A walk through every operation, its good answers and its errors


class RecordingCaller(Caller):
    """Keeps every exchange with the API, under the path as the document writes it."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: LiveIntentSandbox) -> None:
        super().__init__(session, sandbox)
        self.exchanges: list[Exchange] = []

    async def call(self, verb: str, path: str, document: object = None) -> Reply:
        reply = await super().call(verb, path, document)
        template = re.sub(r"^/audiences/\w+", ONE, path.partition("?")[0])
        self.exchanges.append(Exchange(verb, template, reply.status, reply.document))
        return reply


@pytest.fixture
async def exchanges() -> AsyncIterator[list[Exchange]]:
    clock = Clock()
    sandbox = LiveIntentSandbox(SandboxOptions(processing_seconds=10.0), now=clock)
    async with sandbox, aiohttp.ClientSession() as session:
        caller = RecordingCaller(session, sandbox)
        await walk_through_audiences(caller)
        await walk_through_uploads(caller, clock)
        await walk_through_errors(caller)
        yield caller.exchanges


async def walk_through_audiences(caller: Caller) -> None:
    vip = await caller.create("vip", metadata={"seg": {"data": {"Str": {"value": "x"}}}})
    caller.sandbox.add_audience("old", status="Archived", created_at=1.5)
    caller.sandbox.add_audience("gone", status="Deleted")
    await caller.search(pageSize=2)
    await caller.search(name_is("vip"))
    await caller.search(name_is("nobody"))
    await caller.call("POST", "/search/audiences", {"pageSize": 1})
    await caller.call("GET", "/audiences")
    await caller.call("GET", "/audiences?page=9")
    await caller.call("GET", f"/audiences/{vip}")
    await caller.call("PATCH", f"/audiences/{vip}", {"status": "Archive"})
    await caller.call("PATCH", f"/audiences/{vip}", {"status": "Activate"})


async def walk_through_uploads(caller: Caller, clock: Clock) -> None:
    vip = caller.sandbox.audiences()[0].id
    caller.sandbox.faults.add(Fault(kind=FaultKind.UPLOAD_ERROR, times=1))
    await caller.upload(vip, HASH_A)
    await caller.listed(vip)
    clock.advance(10.0)
    await caller.upload(vip, HASH_A, HASH_A)
    for _ in range(3):
        await caller.listed(vip)
        clock.advance(5.0)
    await caller.call("GET", f"/audiences/{vip}/counts")


async def walk_through_errors(caller: Caller) -> None:
    one = f"/audiences/{caller.sandbox.audiences()[0].id}"
    wrong = [
        ("POST", "/search/audiences/v2", {"matches": {}}),
        ("POST", "/search/audiences", {"page": 0}),
        ("GET", "/audiences?page=0", None),
        ("POST", "/audiences", {}),
        ("GET", "/audiences/x", None),
        ("PATCH", one, {"status": "Gone"}),
        ("POST", f"{one}/signed-urls", {"action": "REPLACE", "identifierType": "AAID"}),
        ("POST", f"{one}/signed-urls", {"action": "ADD", "identifierType": "PHONE"}),
        ("GET", f"{one}/uploads?page=0", None),
        ("GET", "/audiences/x/counts", None),
        ("GET", "/audiences/1", None),
        ("PATCH", "/audiences/1", {}),
        ("POST", "/audiences/1/signed-urls", {"action": "ADD", "identifierType": "AAID"}),
        ("GET", "/audiences/1/uploads", None),
        ("GET", "/audiences/1/counts", None),
    ]
    for verb, path, body in wrong:
        await caller.call(verb, path, body)
    caller.token = "wrong"
    for verb, path, body in wrong:
        await caller.call(verb, path, body)


async def test_the_walk_meets_every_operation_and_every_status(exchanges: list[Exchange]) -> None:
    met = {(exchange.verb, exchange.path, exchange.status) for exchange in exchanges}
    by_id = {operation for operation in SUCCESSES if ONE in operation[1]}

    assert len(SUCCESSES) == len(Operation), "two searches, and storage is not of the document"
    for (verb, path), (success, _) in SUCCESSES.items():
        assert met >= {(verb, path, success), (verb, path, 401)}
        assert (verb, path, 404) in met if (verb, path) in by_id else (verb, path, 400) in met


async def test_every_answer_has_the_shape_we_describe(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        wrong = list(problems(exchange.document, own_schema(exchange), root={}))

        assert wrong == [], f"{exchange.verb} {exchange.path} {exchange.status}"


@pytest.fixture
def openapi() -> Schema | None:
    """LiveIntent's document, where there is a copy of it."""
    document: Schema | None = json.loads(OPENAPI.read_text()) if OPENAPI.exists() else None
    return document


async def test_every_answer_has_the_shape_liveintent_publishes(
    exchanges: list[Exchange], openapi: Schema | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if openapi is None:
        with capsys.disabled():
            print(f"\nNot compared with LiveIntent's OpenAPI: no {OPENAPI.name} lies beside us.")
        return
    for exchange in exchanges:
        if (exchange.verb, exchange.path, exchange.status) in UNDECLARED:
            continue
        responses = openapi["paths"][exchange.path][exchange.verb.lower()]["responses"]
        schema = responses[str(exchange.status)]["content"]["application/json"]["schema"]
        wrong = list(problems(exchange.document, schema, root=openapi))

        assert wrong == [], f"{exchange.verb} {exchange.path} {exchange.status}"
