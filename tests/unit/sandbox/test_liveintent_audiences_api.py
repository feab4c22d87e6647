"""Audiences over real sockets: search, list, create, get and change, as the published contract has them."""

import pytest

from tests.unit.sandbox.liveintent_caller import (
    Caller,
    Clock,
    name_is,
    with_options,
)


async def test_a_search_finds_the_exact_name_and_nothing_else(caller: Caller) -> None:
    for name in ("vip", "VIP", "vip_2"):
        await caller.create(name)

    assert await caller.found(name_is("vip")) == ["vip"]


async def test_a_search_without_filter_finds_every_status_of_the_account(caller: Caller) -> None:
    caller.sandbox.add_audience("a")
    caller.sandbox.add_audience("b", status="Archived")
    caller.sandbox.add_audience("c", status="Deleted")
    caller.sandbox.add_audience("d", account_id=7002)

    assert await caller.found() == ["a", "b", "c"]


async def test_the_cursor_leads_through_every_audience_once(caller: Caller) -> None:
    names = [f"audience_{number}" for number in range(5)]
    for name in names:
        caller.sandbox.add_audience(name)

    found, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        reply = await caller.search(pageSize=2, next=cursor)
        found += [item["name"] for item in reply.document["items"]]
        cursor, pages = reply.document["next"], pages + 1

    assert (found, pages) == (names, 3)


async def test_a_full_last_page_has_no_cursor(caller: Caller) -> None:
    caller.sandbox.add_audience("a")

    assert (await caller.search(pageSize=1)).document["next"] is None


async def test_a_page_holds_thirty_unless_asked_otherwise(caller: Caller) -> None:
    for number in range(31):
        caller.sandbox.add_audience(f"audience_{number}")

    assert len((await caller.search()).document["items"]) == 30


async def test_the_first_version_of_search_has_numbered_pages(caller: Caller) -> None:
    for name in ("a", "b", "c"):
        caller.sandbox.add_audience(name)
    reply = await caller.call("POST", "/search/audiences", {"page": 2, "pageSize": 2})

    document = reply.document
    assert [entry["name"] for entry in document.pop("entries")] == ["c"]
    assert document == {"page": 2, "pageSize": 2, "pages": 2, "totalCount": 3}


@with_options(name_filter="refused")
async def test_a_name_in_a_filter_can_be_refused(caller: Caller) -> None:
    await caller.create("vip")
    tree = {"and": {"values": [name_is("vip"), {"status": {"value": "Active"}}]}}

    assert (await caller.search(tree)).status == 400
    assert await caller.found({"status": {"value": "Active"}}) == ["vip"]


@with_options(search_lag_seconds=5.0)
async def test_a_new_audience_is_found_after_the_lag_and_got_at_once(
    caller: Caller, clock: Clock
) -> None:
    audience_id = await caller.create("vip")

    assert (await caller.call("GET", f"/audiences/{audience_id}")).status == 200
    assert await caller.found() == []
    clock.advance(5.0)
    assert await caller.found() == ["vip"]


@pytest.mark.parametrize(
    "body",
    [
        {"pageSize": 0},
        {"pageSize": 2**31},
        {"pageSize": "x"},
        {"pageSize": True},
        {"next": "x"},
        {"next": 5},
        {"next": "after-x"},
        {"matches": {}},
        {"matches": {"nameMatches": {"value": {"eq": {"value": None}}}}},
    ],
)
async def test_a_search_that_is_not_one_is_400(caller: Caller, body: dict[str, object]) -> None:
    assert (await caller.call("POST", "/search/audiences/v2", body)).status == 400


async def test_an_account_id_that_is_no_number_is_400(caller: Caller) -> None:
    path = "/search/audiences/v2?accountId=" + "9" * 5000

    assert (await caller.call("POST", path, {})).status == 400


async def test_a_body_that_is_not_a_json_object_is_400(caller: Caller) -> None:
    headers = {"Authorization": f"Bearer {caller.token}"}
    url = f"{caller.sandbox.url}/audiences"

    for body in (b"", b"{", b"[]", b"\xff"):
        assert (await caller.send("POST", url, headers, body)).status == 400


async def test_a_list_has_audiences_of_every_account(caller: Caller) -> None:
    caller.sandbox.add_audience("a")
    caller.sandbox.add_audience("b", account_id=7002)
    reply = await caller.call("GET", "/audiences")

    assert [entry["name"] for entry in reply.document["entries"]] == ["a", "b"]


async def test_a_list_can_be_limited_to_what_was_updated_after_a_time(
    caller: Caller, clock: Clock
) -> None:
    await caller.create("a")
    since_ms = int(clock() * 1000)
    clock.advance(1.0)
    await caller.create("b")
    reply = await caller.call("GET", f"/audiences?updatedAfter={since_ms}")

    assert [entry["name"] for entry in reply.document["entries"]] == ["b"]


async def test_a_created_audience_is_answered_with_201_and_all_its_fields(caller: Caller) -> None:
    metadata = {"seg": {"data": {"Str": {"value": "x"}}}}
    body = {"name": "vip", "accountId": 7001, "dataProviderId": 84, "metadata": metadata}
    reply = await caller.call("POST", "/audiences", body)

    at = "2027-01-15T08:00:00.000Z"
    assert reply.status == 201
    assert reply.document == {
        "id": 900001,
        "name": "vip",
        "accountId": 7001,
        "dataProviderId": 84,
        "status": "Active",
        "createdAt": at,
        "updatedAt": at,
        "metadata": {"seg": {"data": {"Str": {"value": "x"}}, "updatedAt": at}},
    }
    assert await caller.found({"hasMetadata": {"value": name_is("seg")}}) == ["vip"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": " "},
        {"name": 5},
        {"accountId": 1},
        {"dataProviderId": "84"},
        {"metadata": []},
        {"metadata": {"seg": {}}},
        {"metadata": {"seg": "x"}},
    ],
)
async def test_a_create_that_lacks_something_is_400(
    caller: Caller, wrong: dict[str, object]
) -> None:
    body = {"name": "vip", "accountId": 7001, "dataProviderId": 84, **wrong}

    assert (await caller.call("POST", "/audiences", body)).status == 400
    assert caller.sandbox.audiences() == []


async def test_a_name_may_be_created_twice(caller: Caller) -> None:
    first, second = await caller.create("vip"), await caller.create("vip")

    assert first < second
    assert [view.name for view in caller.sandbox.audiences()] == ["vip", "vip"]


@pytest.mark.parametrize("path", ["", "/counts", "/uploads"])
async def test_an_unknown_audience_is_404_and_an_id_that_is_none_is_400(
    caller: Caller, path: str
) -> None:
    assert (await caller.call("GET", f"/audiences/1{path}")).status == 404
    assert (await caller.call("GET", f"/audiences/x{path}")).status == 400


async def test_an_audience_can_be_renamed_archived_and_activated(
    caller: Caller, clock: Clock
) -> None:
    path = f"/audiences/{await caller.create('vip')}"
    clock.advance(1.0)

    reply = await caller.call("PATCH", path, {"name": "gold", "status": "Archive"})
    assert reply.status == 200
    assert (reply.document["name"], reply.document["status"]) == ("gold", "Archived")
    assert reply.document["createdAt"] < reply.document["updatedAt"]

    reply = await caller.call("PATCH", path, {"name": None, "status": "Activate"})
    assert (reply.document["name"], reply.document["status"]) == ("gold", "Active")

    reply = await caller.call("PATCH", path, {})
    assert (reply.document["name"], reply.document["status"]) == ("gold", "Active")


async def test_a_patch_with_a_status_to_be_read_only_is_400(caller: Caller) -> None:
    path = f"/audiences/{await caller.create('vip')}"

    assert (await caller.call("PATCH", path, {"status": "Archived"})).status == 400
    assert (await caller.call("PATCH", path, {"name": ""})).status == 400


async def test_a_deleted_audience_can_be_got_and_not_changed(caller: Caller) -> None:
    audience_id = caller.sandbox.add_audience("vip", status="Deleted")

    reply = await caller.call("GET", f"/audiences/{audience_id}")
    assert reply.document["status"] == "Deleted"
    reply = await caller.call("PATCH", f"/audiences/{audience_id}", {"status": "Activate"})
    assert reply.status == 400
