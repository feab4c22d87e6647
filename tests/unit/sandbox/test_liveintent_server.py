"""The LiveIntent stand-in over real sockets: its token, and what it shows to tests."""

import asyncio

import aiohttp
import pytest

from consumer.sandbox.liveintent_server import BreachKind
from tests.unit.sandbox.liveintent_caller import (
    HASH_A,
    HASH_B,
    HASH_C,
    Caller,
    Clock,
)


async def test_a_missing_token_is_401_in_the_shape_seen_on_the_wire(caller: Caller) -> None:
    caller.token = None
    reply = await caller.call("GET", "/audiences")

    expected = {"httpStatus": 401, "message": "Token not provided", "errorCode": "unauthorized"}
    assert (reply.status, reply.document) == (401, {"errors": [expected]})


async def test_a_wrong_token_is_401_in_the_declared_shape(caller: Caller) -> None:
    caller.token = "wrong"
    reply = await caller.call("GET", "/audiences")

    assert reply.status == 401
    assert set(reply.document) == {"httpStatus", "message", "errorCode"}


async def test_after_a_rotation_only_the_new_token_is_good(caller: Caller) -> None:
    caller.sandbox.rotate_token("new")

    assert (await caller.call("GET", "/audiences")).status == 401
    caller.token = "new"
    assert (await caller.call("GET", "/audiences")).status == 200


async def test_the_audience_in_use_is_the_earliest_active_one_then_the_lowest_id(
    caller: Caller,
) -> None:
    sandbox = caller.sandbox
    sandbox.add_audience("vip", status="Archived", created_at=1.0)
    sandbox.add_audience("vip", account_id=7002, created_at=1.0)
    later = sandbox.add_audience("vip", created_at=3.0)
    in_use = sandbox.add_audience("vip", created_at=2.0)
    as_early = sandbox.add_audience("vip", created_at=2.0)
    for audience_id, row in ((later, HASH_A), (in_use, HASH_B), (as_early, HASH_C)):
        await caller.upload(audience_id, row)

    assert sandbox.members("vip") == {"EMAIL_HASH": {HASH_B}}
    assert sandbox.members("other") == {}


async def test_what_members_returns_is_a_copy(caller: Caller) -> None:
    await caller.upload(await caller.create("vip"), HASH_A)
    caller.sandbox.members("vip")["EMAIL_HASH"].clear()

    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}}


async def test_views_tell_of_audiences_and_uploads(caller: Caller, clock: Clock) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A, "x")

    (audience,) = caller.sandbox.audiences()
    (upload,) = caller.sandbox.uploads()
    assert (audience.id, audience.name, audience.status) == (audience_id, "vip", "Active")
    assert (audience.created_at, audience.member_count) == (clock(), 1)
    assert (upload.audience_id, upload.audience_name) == (audience_id, "vip")
    assert (upload.action, upload.identifier_type, upload.status) == (
        "ADD",
        "EMAIL_HASH",
        "Finished",
    )
    assert (upload.rows, upload.invalid, upload.upload_name) == (2, 1, "b-1.txt")
    assert upload.stored_at == upload.finished_at == clock()


async def test_requests_are_counted_by_operation_and_status(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.search()
    await caller.call("POST", "/search/audiences", {})
    await caller.upload(audience_id, HASH_A)
    await caller.call("GET", "/audiences")
    await caller.call("GET", f"/audiences/{audience_id}")
    await caller.call("GET", "/audiences/1")
    await caller.call("PATCH", f"/audiences/{audience_id}", {})
    await caller.listed(audience_id)
    await caller.call("GET", f"/audiences/{audience_id}/counts")
    caller.token = None
    await caller.call("GET", "/audiences")

    assert caller.sandbox.requests == {
        ("create", 201): 1,
        ("search", 200): 2,
        ("mint", 201): 1,
        ("store", 200): 1,
        ("list", 200): 1,
        ("list", 401): 1,
        ("get", 200): 1,
        ("get", 404): 1,
        ("patch", 200): 1,
        ("uploads", 200): 1,
        ("counts", 200): 1,
    }


async def test_what_it_remembers_outlives_a_stop_and_a_start_on_the_same_port(
    caller: Caller,
) -> None:
    await caller.create("vip")
    port = int(caller.sandbox.url.rpartition(":")[2])
    await caller.sandbox.stop()

    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.call("GET", "/audiences")
    await caller.sandbox.start(port=port)
    assert await caller.found() == ["vip"]


async def test_a_stop_does_not_wait_for_a_client_and_may_come_twice(caller: Caller) -> None:
    await caller.found()

    async with asyncio.timeout(2.0):
        await caller.sandbox.stop()
        await caller.sandbox.stop()


async def test_signed_urls_lead_to_the_name_the_client_called_by(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    headers = {"Authorization": f"Bearer {caller.token}", "Host": "liveintent.test:8080"}
    url = f"{caller.sandbox.url}/audiences/{audience_id}/signed-urls"
    body = b'{"action": "ADD", "identifierType": "EMAIL_HASH"}'
    reply = await caller.send("POST", url, headers, body)

    assert reply.document["signedUrl"].startswith("http://liveintent.test:8080/")


async def test_created_twice_is_told_only_while_the_name_lives(caller: Caller) -> None:
    caller.sandbox.add_audience("vip", status="Deleted")
    await caller.create("vip")
    assert caller.sandbox.breaches == []

    await caller.create("vip")
    assert [breach.kind for breach in caller.sandbox.breaches] == [BreachKind.NAME_CREATED_TWICE]
