"""Faults over real sockets: what a client sees of each."""

import time
from typing import Any

import aiohttp
import pytest

from consumer.sandbox.faults import (
    BodyShape,
    Fault,
    FaultKind,
)
from tests.unit.sandbox.liveintent_caller import (
    HASH_A,
    Caller,
    Clock,
    name_is,
    with_options,
)

# Faults of an answer


async def test_a_status_is_answered_so_often_and_nothing_is_done(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault(operation="create", kind=FaultKind.STATUS, times=2))
    body = {"name": "vip", "accountId": 7001, "dataProviderId": 84}

    statuses = [(await caller.call("POST", "/audiences", body)).status for _ in range(3)]
    assert statuses == [503, 503, 201]
    assert len(caller.sandbox.audiences()) == 1


@pytest.mark.parametrize(
    ("retry_after", "header"),
    [
        (2, "2"),
        (1.5, "1.5"),
        ("Fri, 15 Jan 2027 08:00:00 GMT", "Fri, 15 Jan 2027 08:00:00 GMT"),
        (None, None),
    ],
)
async def test_a_status_can_say_when_to_come_back(
    caller: Caller, retry_after: str | float | None, header: str | None
) -> None:
    fault = Fault(operation="list", kind=FaultKind.STATUS, status=429, retry_after=retry_after)
    caller.sandbox.faults.add(fault)
    reply = await caller.call("GET", "/audiences")

    assert (reply.status, reply.headers.get("Retry-After")) == (429, header)


@pytest.mark.parametrize(
    ("shape", "document", "body"),
    [
        (BodyShape.BARE, {"httpStatus", "message", "errorCode"}, None),
        (BodyShape.WRAPPED, {"errors"}, None),
        (BodyShape.TEXT, None, b"A fault asked for this"),
        (BodyShape.EMPTY, None, b""),
    ],
)
async def test_an_error_comes_in_every_shape(
    caller: Caller, shape: BodyShape, document: set[str] | None, body: bytes | None
) -> None:
    fault = Fault(operation="list", kind=FaultKind.STATUS, status=599, body=shape)
    caller.sandbox.faults.add(fault)
    reply = await caller.call("GET", "/audiences")

    assert reply.status == 599
    if document is None:
        assert reply.body == body
    else:
        assert set(reply.document) == document


async def test_401_comes_in_both_shapes(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault(kind=FaultKind.UNAUTHORIZED_BARE, times=1))
    caller.sandbox.faults.add(Fault(kind=FaultKind.UNAUTHORIZED_WRAPPED, times=1))
    bare = await caller.call("GET", "/audiences")
    wrapped = await caller.call("GET", "/audiences")

    assert (bare.status, wrapped.status) == (401, 401)
    assert wrapped.document == {"errors": [bare.document]}


async def test_a_reset_drops_the_connection_and_does_nothing(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault(operation="create", kind=FaultKind.RESET, times=1))

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.create("vip")
    assert caller.sandbox.requests["create", 0] == 1
    assert caller.sandbox.audiences() == []


async def test_a_create_can_succeed_although_its_connection_drops(caller: Caller) -> None:
    caller.sandbox.faults.add(
        Fault(operation="create", kind=FaultKind.RESET_AFTER_EFFECT, audience="vip", times=1)
    )
    await caller.create("other")

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.create("vip")
    assert await caller.found(name_is("vip")) == ["vip"]


async def test_a_file_can_be_stored_although_its_connection_drops(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    caller.sandbox.faults.add(Fault(operation="store", kind=FaultKind.RESET_AFTER_EFFECT, times=1))

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await caller.upload(audience_id, HASH_A)
    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}}
    assert caller.sandbox.requests["store", 0] == 1


@pytest.mark.parametrize("kind", [FaultKind.DELAY_SECONDS, FaultKind.DELAY_AFTER_EFFECT])
async def test_a_delayed_answer_comes_late_and_is_the_true_one(
    caller: Caller, kind: FaultKind
) -> None:
    caller.sandbox.faults.add(Fault(operation="create", kind=kind, delay_seconds=0.05, times=1))

    started = time.monotonic()
    await caller.create("vip")
    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize(
    ("kind", "found"), [(FaultKind.DELAY_SECONDS, []), (FaultKind.DELAY_AFTER_EFFECT, ["vip"])]
)
async def test_a_delay_is_before_the_effect_or_after_it_and_a_stop_ends_it(
    caller: Caller, kind: FaultKind, found: list[str]
) -> None:
    caller.sandbox.faults.add(Fault(operation="create", kind=kind, delay_seconds=600.0))

    with pytest.raises(TimeoutError):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as hasty:
            await Caller(hasty, caller.sandbox).create("vip")
    assert await caller.found() == found
    started = time.monotonic()
    await caller.sandbox.stop()
    assert time.monotonic() - started < 5.0


async def test_a_storage_403_leaves_the_url_unused(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))
    caller.sandbox.faults.add(Fault(kind=FaultKind.STORAGE_403, audience="vip", times=1))

    statuses = [(await caller.put(url, HASH_A.encode())).status for _ in range(2)]
    assert statuses == [403, 200]
    assert caller.sandbox.breaches == []


async def test_a_redirect_points_to_where_nobody_may_go(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))
    caller.sandbox.faults.add(Fault(operation="store", kind=FaultKind.STATUS, status=307))
    reply = await caller.put(url, HASH_A.encode())

    assert (reply.status, reply.headers["Location"]) == (307, "/_storage/elsewhere")


async def test_a_fault_of_one_audience_is_met_by_every_request_for_it(caller: Caller) -> None:
    vip, other = await caller.create("vip"), await caller.create("other")
    mints = {
        name: await caller.mint(audience) for name, audience in (("vip", vip), ("other", other))
    }
    caller.sandbox.faults.add(Fault(kind=FaultKind.STATUS, audience="vip"))

    async def statuses(name: str, audience_id: int) -> list[int]:
        create = {"name": name, "accountId": 7001, "dataProviderId": 84}
        mint = {"action": "ADD", "identifierType": "EMAIL_HASH"}
        replies = [
            await caller.search(name_is(name)),
            await caller.call("POST", "/audiences", create),
            await caller.call("GET", f"/audiences/{audience_id}"),
            await caller.call("POST", f"/audiences/{audience_id}/signed-urls", mint),
            await caller.put(mints[name], HASH_A.encode()),
            await caller.call("GET", f"/audiences/{audience_id}/uploads"),
            await caller.call("GET", f"/audiences/{audience_id}/counts"),
        ]
        return [reply.status for reply in replies]

    assert await statuses("vip", vip) == [503] * 7
    assert await statuses("other", other) == [200, 201, 200, 201, 200, 200, 200]
    assert (await caller.search()).status == 200
    assert (await caller.call("GET", "/audiences")).status == 200


# Faults of an upload, and of a listing


async def test_a_file_can_be_lost(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    caller.sandbox.faults.add(Fault(kind=FaultKind.NEVER_LISTED, times=1))

    assert (await caller.upload(audience_id, HASH_A)).status == 200
    assert await caller.listed(audience_id) == []
    assert caller.sandbox.members("vip") == {}
    assert [view.status for view in caller.sandbox.uploads()] == ["Lost"]


async def test_an_upload_can_end_as_error_and_the_next_one_well(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    caller.sandbox.faults.add(Fault(operation="mint", kind=FaultKind.UPLOAD_ERROR, times=1))
    await caller.upload(audience_id, HASH_A)
    assert caller.sandbox.members("vip") == {}

    await caller.upload(audience_id, HASH_A)
    statuses = [entry["status"] for entry in await caller.listed(audience_id)]
    assert statuses == ["Error", "Finished"]


@with_options(processing_seconds=10.0)
@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (Fault(kind=FaultKind.STUCK, times=1), "Pending"),
        (Fault(kind=FaultKind.UNKNOWN_STATUS, times=1), "Paused"),
        (Fault(kind=FaultKind.UNKNOWN_STATUS, upload_status="Queued"), "Queued"),
    ],
)
async def test_an_upload_is_held_until_the_faults_are_cleared(
    caller: Caller, clock: Clock, fault: Fault, shown: str
) -> None:
    audience_id = await caller.create("vip")
    caller.sandbox.faults.add(fault)
    await caller.upload(audience_id, HASH_A)
    clock.advance(1000.0)
    assert [entry["status"] for entry in await caller.listed(audience_id)] == [shown]

    caller.sandbox.faults.clear()
    clock.advance(10.0)
    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}}


@with_options(processing_seconds=10.0)
async def test_a_slow_upload_is_overtaken_by_the_next(caller: Caller, clock: Clock) -> None:
    audience_id = await caller.create("vip")
    caller.sandbox.faults.add(Fault(kind=FaultKind.SLOW_UPLOAD, delay_seconds=60.0, times=1))
    await caller.upload(audience_id, HASH_A)
    await caller.upload(audience_id, HASH_A, action="REMOVE")
    clock.advance(10.0)

    statuses = [entry["status"] for entry in await caller.listed(audience_id)]
    assert statuses == ["Pending", "Finished"]
    clock.advance(60.0)
    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}}


async def test_a_listing_can_be_out_of_order(caller: Caller, clock: Clock) -> None:
    audience_id = await caller.create("vip")
    for _ in range(8):
        await caller.upload(audience_id, HASH_A)
        clock.advance(1.0)
    in_order = await caller.listed(audience_id)
    caller.sandbox.faults.add(Fault(kind=FaultKind.REORDER_UPLOADS, audience="vip", times=2))
    first, second = await caller.listed(audience_id), await caller.listed(audience_id)

    def when(entry: dict[str, Any]) -> str:
        return str(entry["scheduleAt"])

    assert first == second
    assert first not in (in_order, in_order[::-1])
    assert sorted(first, key=when) == in_order
    assert await caller.listed(audience_id) == in_order
