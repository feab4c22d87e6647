"""A walk through LiveIntent's Audiences API."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import aiohttp
from prometheus_client import CollectorRegistry

from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import AudienceId, UploadRequest
from consumer.liveintent.upload_outcome import Success
from consumer.sandbox.liveintent_server import (
    BodyShape,
    Fault,
    FaultKind,
    LiveIntentSandbox,
    SandboxOptions,
)
from consumer.telemetry.metrics import Metrics
from tests.contract.liveintent_client import ADD, KEY, REMOVE, Rig, hashes
from tests.contract.liveintent_described import AUDIENCES_DESCRIBED
from tests.contract.liveintent_openapi import AUDIENCES, DEFECTS_OF_AUDIENCES
from tests.contract.liveintent_walking import RelayedCaller, Sent, TracedClient, Walked
from tests.contract.openapi import Exchange
from tests.contract.wire import recorded
from tests.unit.sandbox.liveintent_caller import HASH_A, TOKEN, Caller, Clock, name_is

_ACCOUNT = Account(7001, 84)


async def send_audiences() -> Sent:
    """Batches through the whole of our client, and then each operation by itself."""
    sandbox = LiveIntentSandbox(SandboxOptions(processing_seconds=0.05))
    metrics = Metrics(CollectorRegistry())
    async with AsyncExitStack() as stack:
        real_url = await stack.enter_async_context(sandbox)
        url, exchanges = await stack.enter_async_context(recorded(real_url))
        client = await stack.enter_async_context(TracedClient(url, metrics))
        rig = Rig(sandbox, client, metrics)
        await rig.send({ADD: hashes(3)})
        await rig.send({REMOVE: hashes(1), ADD: hashes(2, of="new")})
        for number in range(6):  # more than a page
            sandbox.add_audience(f"other_{number}")
        await _send_each(rig)
        return Sent(tuple(exchanges), frozenset(client.called))


async def _send_each(rig: Rig) -> None:
    api = rig.api
    first = await api.search_v2(_ACCOUNT, name=None, cursor=None)
    assert isinstance(first, Success)
    await api.search_v2(_ACCOUNT, name=KEY, cursor=first.value.next)
    await api.search_v1(_ACCOUNT, name=None, page=2)
    await api.search_v1(_ACCOUNT, name=KEY, page=1)
    await api.list_audiences(page=2)
    created = await api.create(_ACCOUNT, "later")
    assert isinstance(created, Success)
    audience = created.value.id
    await api.get(audience)
    await api.archive(audience)
    await api.activate(audience)
    await api.counts(audience)
    await api.mint(audience, UploadRequest("ADD", "AAID", "b-0001.txt"))
    await api.get(AudienceId(1))


async def answer_audiences() -> Sequence[Exchange]:
    """Every operation, its good answers and its errors."""
    clock = Clock()
    sandbox = LiveIntentSandbox(SandboxOptions(processing_seconds=10.0), now=clock)
    async with AsyncExitStack() as stack:
        real_url = await stack.enter_async_context(sandbox)
        url, exchanges = await stack.enter_async_context(recorded(real_url))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        caller = RelayedCaller(session, sandbox, url)
        await _through_audiences(caller)
        await _through_uploads(caller, clock)
        await _through_errors(caller)
        return tuple(exchange for exchange in exchanges if exchange.verb != "PUT")


async def _through_audiences(caller: Caller) -> None:
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
    await caller.call("PATCH", f"/audiences/{vip}", {"status": "Activate", "name": "very_vip"})


async def _through_uploads(caller: Caller, clock: Clock) -> None:
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


async def _through_errors(caller: Caller) -> None:
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
    for token in (TOKEN, "wrong", None):
        caller.token = token
        for verb, path, body in wrong:
            await caller.call(verb, path, body)
    caller.token = TOKEN
    for status in (429, 500, 503):
        fault = Fault(kind=FaultKind.STATUS, status=status, body=BodyShape.BARE)
        caller.sandbox.faults.add(fault)
        for verb, path, body in wrong:
            await caller.call(verb, path, body)
        caller.sandbox.faults.clear()


AUDIENCES_WALK = Walked(
    name="audiences",
    file=AUDIENCES,
    described=AUDIENCES_DESCRIBED,
    defects=DEFECTS_OF_AUDIENCES,
    send=send_audiences,
    answer=answer_audiences,
)
