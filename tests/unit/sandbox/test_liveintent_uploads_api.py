"""Uploads over real sockets: signed URLs, files, listings and counts."""

import hashlib

import pytest

from tests.unit.sandbox.liveintent_caller import (
    HASH_A,
    HASH_B,
    HASH_C,
    Caller,
    Clock,
    with_options,
)


async def test_an_added_identifier_is_a_member_and_a_removed_one_is_not(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A, HASH_B)
    await caller.upload(audience_id, HASH_B, HASH_C, action="REMOVE")
    device = "6f1c2b3a-0d4e-4f5a-8b6c-7d8e9f0a1b2c"
    await caller.upload(audience_id, device, identifier_type="AAID")

    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}, "AAID": {device}}
    assert caller.sandbox.breaches == []


@with_options(processing_seconds=10.0)
async def test_an_upload_is_listed_from_pending_to_finished_and_then_counted(
    caller: Caller, clock: Clock
) -> None:
    audience_id = await caller.create("vip")
    body = {
        "action": "ADD",
        "identifierType": "EMAIL_HASH",
        "notificationEmail": "team@example.com",
        "uploadName": None,
    }
    reply = await caller.call("POST", f"/audiences/{audience_id}/signed-urls", body)
    await caller.put(reply.document["signedUrl"], f"{HASH_A}\n{HASH_A}\nx\n".encode())

    seen = []
    for _ in range(3):
        seen += await caller.listed(audience_id)
        clock.advance(5.0)

    def entry(status: str, at: str, *counts: int) -> dict[str, object]:
        return {
            "status": status,
            "action": "ADD",
            "uploadType": "EMAIL_HASH",
            "scheduleAt": "2027-01-15T08:00:00.000Z",
            "lastUpdate": f"2027-01-15T08:00:{at}.000Z",
            "uploadedHashesCount": counts[0],
            "invalidHashesCount": counts[1],
            "estimatedDuplicateCount": counts[2],
            "notificationEmail": "team@example.com",
        }

    assert seen == [
        entry("Pending", "00", 0, 0, 0),
        entry("Running", "05", 0, 0, 0),
        entry("Finished", "10", 3, 1, 1),
    ]


async def test_a_minted_url_without_a_file_is_not_listed(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.mint(audience_id)

    assert await caller.listed(audience_id) == []


async def test_uploads_are_listed_in_pages_the_oldest_first(caller: Caller, clock: Clock) -> None:
    audience_id = await caller.create("vip")
    for _ in range(3):
        await caller.upload(audience_id, HASH_A)
        clock.advance(1.0)
    reply = await caller.call("GET", f"/audiences/{audience_id}/uploads?page=2&pageSize=2")

    (entry,) = reply.document.pop("entries")
    assert entry["scheduleAt"] == "2027-01-15T08:00:02.000Z"
    assert reply.document == {"page": 2, "pageSize": 2, "pages": 2, "totalCount": 3}


async def test_a_page_behind_the_last_is_empty(caller: Caller) -> None:
    path = f"/audiences/{await caller.create('vip')}/uploads"

    assert (await caller.call("GET", f"{path}?page=9")).document["entries"] == []
    assert (await caller.call("GET", f"{path}?page=0")).status == 400


async def test_members_are_counted_for_today(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A, HASH_B)
    reply = await caller.call("GET", f"/audiences/{audience_id}/counts")

    expected = [{"date": "2027-01-15", "totalCount": 2, "matchCount": 1}]
    assert reply.document == {"entries": expected}


@pytest.mark.parametrize("status", ["Archived", "Deleted"])
async def test_an_audience_that_is_not_active_takes_no_upload(caller: Caller, status: str) -> None:
    audience_id = caller.sandbox.add_audience("vip", status=status)
    body = {"action": "ADD", "identifierType": "EMAIL_HASH"}
    reply = await caller.call("POST", f"/audiences/{audience_id}/signed-urls", body)

    assert reply.status == 400


@with_options(actions=("add", "remove"), processing_seconds=0.0)
async def test_actions_can_be_in_lower_case(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A, HASH_B, action="add")
    await caller.upload(audience_id, HASH_A, action="remove")

    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_B}}


@with_options(url_lifetime_seconds=60.0)
async def test_an_expired_url_is_403_and_stores_nothing(caller: Caller, clock: Clock) -> None:
    url = await caller.mint(await caller.create("vip"))
    clock.advance(60.0)

    assert (await caller.put(url, HASH_A.encode())).status == 403
    assert caller.sandbox.uploads() == []


async def test_an_unknown_signature_is_403(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))

    assert (await caller.put(url + "x", HASH_A.encode())).status == 403


async def test_the_secret_of_a_signed_url_is_in_its_query(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    first, second = await caller.mint(audience_id), await caller.mint(audience_id)

    assert first != second
    assert first.partition("?")[0] == second.partition("?")[0]


async def test_a_big_file_is_taken_whole(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    rows = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(50_000)]
    await caller.upload(audience_id, *rows)

    assert caller.sandbox.members("vip") == {"EMAIL_HASH": set(rows)}
