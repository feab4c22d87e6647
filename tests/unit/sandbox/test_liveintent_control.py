"""The stand-in's control surface, as another process uses it: without a token."""

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.unit.sandbox.liveintent_caller import HASH_A, HASH_B, Caller, Clock


@pytest.fixture
def stranger(caller: Caller) -> Caller:
    """Someone without a token."""
    stranger = Caller(caller.session, caller.sandbox)
    stranger.token = None
    return stranger


async def test_the_front_page_says_that_this_is_not_liveintent(stranger: Caller) -> None:
    reply = await stranger.call("GET", "/")

    assert reply.status == 200
    assert b"It is not LiveIntent" in reply.body


async def test_members_are_told_sorted(caller: Caller, stranger: Caller) -> None:
    await caller.upload(await caller.create("vip"), HASH_B, HASH_A)

    reply = await stranger.call("GET", "/_sandbox/members?audience=vip")
    assert reply.document == {"EMAIL_HASH": [HASH_A, HASH_B]}
    assert (await stranger.call("GET", "/_sandbox/members?audience=none")).document == {}
    assert (await stranger.call("GET", "/_sandbox/members")).status == 400


async def test_the_state_is_told_whole(caller: Caller, stranger: Caller, clock: Clock) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A, "x")
    await caller.call("GET", "/audiences/1")
    reply = await stranger.call("GET", "/_sandbox/state")

    assert reply.document == {
        "audiences": [
            {
                "id": audience_id,
                "name": "vip",
                "status": "Active",
                "created_at": clock(),
                "member_count": 1,
            }
        ],
        "uploads": [
            {
                "audience_id": audience_id,
                "audience_name": "vip",
                "action": "ADD",
                "identifier_type": "EMAIL_HASH",
                "status": "Finished",
                "rows": 2,
                "invalid": 1,
                "stored_at": clock(),
                "finished_at": clock(),
                "upload_name": "b-1.txt",
            }
        ],
        "breaches": [
            {"kind": "invalid_row", "detail": "audience vip, ADD EMAIL_HASH, 1 of 2 rows"}
        ],
        "requests": {
            "create": {"201": 1},
            "get": {"404": 1},
            "mint": {"201": 1},
            "store": {"200": 1},
        },
    }


async def test_a_fault_can_be_added_and_all_cleared(caller: Caller, stranger: Caller) -> None:
    fault = {"operation": "list", "kind": "status", "status": 429}
    reply = await stranger.call("POST", "/_sandbox/faults", fault)

    assert reply.status == 201
    assert reply.document.items() >= fault.items()
    expected = Fault(operation="list", kind=FaultKind.STATUS, status=429)
    assert caller.sandbox.faults.in_force() == [expected]
    assert (await caller.call("GET", "/audiences")).status == 429

    assert (await stranger.call("DELETE", "/_sandbox/faults")).status == 204
    assert (await caller.call("GET", "/audiences")).status == 200


async def test_a_fault_that_is_none_is_400_with_the_reason(stranger: Caller) -> None:
    reply = await stranger.call("POST", "/_sandbox/faults", {"kind": "quake"})

    assert (reply.status, reply.body) == (400, b"'quake' is not a valid FaultKind")


async def test_the_token_can_be_rotated(caller: Caller, stranger: Caller) -> None:
    reply = await stranger.call("POST", "/_sandbox/token", {"token": "new"})

    assert reply.status == 204
    assert (await caller.call("GET", "/audiences")).status == 401
    caller.token = "new"
    assert (await caller.call("GET", "/audiences")).status == 200


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": 5}, {"token": "a", "b": 1}, []])
async def test_a_token_that_is_none_is_400(stranger: Caller, body: object) -> None:
    assert (await stranger.call("POST", "/_sandbox/token", body)).status == 400


async def test_an_audience_can_be_added(caller: Caller, stranger: Caller) -> None:
    body = {"name": "vip", "status": "Archived", "account_id": 7001, "created_at": 5.5}
    reply = await stranger.call("POST", "/_sandbox/audiences", body)

    (view,) = caller.sandbox.audiences()
    assert (reply.status, reply.document) == (201, {"id": view.id})
    assert (view.name, view.status, view.created_at) == ("vip", "Archived", 5.5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"name": 5},
        {"name": "vip", "status": "Gone"},
        {"name": "vip", "colour": "red"},
        {"name": "vip", "created_at": "x"},
        {"name": "vip", "account_id": "x"},
    ],
)
async def test_an_audience_that_is_none_is_400(
    caller: Caller, stranger: Caller, body: object
) -> None:
    assert (await stranger.call("POST", "/_sandbox/audiences", body)).status == 400
    assert caller.sandbox.audiences() == []


async def test_a_body_that_is_not_json_is_400(stranger: Caller) -> None:
    for path in ("faults", "token", "audiences"):
        url = f"{stranger.sandbox.url}/_sandbox/{path}"
        assert (await stranger.send("POST", url, {}, b"{")).status == 400
