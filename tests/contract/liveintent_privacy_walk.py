"""A walk through LiveIntent's Privacy API."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import aiohttp
from prometheus_client import CollectorRegistry

from consumer.choices import PrivacyEntity, PrivacyJurisdiction
from consumer.liveintent.clock import Clock
from consumer.liveintent.privacy import Accepted, PrivacyApi
from consumer.liveintent.privacy_request import (
    PrivacyAction,
    PrivacyRequest,
    PrivacyScope,
    PrivacyTerms,
)
from consumer.liveintent.token import Token
from consumer.sandbox.liveintent_server import Fault, FaultKind, LiveIntentSandbox
from consumer.telemetry.metrics import Metrics
from tests.contract.liveintent_described import PRIVACY_DESCRIBED
from tests.contract.liveintent_openapi import DEFECTS_OF_PRIVACY, PRIVACY
from tests.contract.liveintent_walking import RelayedCaller, Sent, TracedClient, Walked
from tests.contract.openapi import Exchange
from tests.contract.wire import recorded
from tests.unit.sandbox.liveintent_caller import HASH_A


async def send_privacy() -> Sent:
    """Each kind of request, under every scope that can be set, submitted and rehearsed."""
    sandbox = LiveIntentSandbox()
    metrics, clock = Metrics(CollectorRegistry()), Clock()
    async with AsyncExitStack() as stack:
        real_url = await stack.enter_async_context(sandbox)
        url, exchanges = await stack.enter_async_context(recorded(real_url))
        client = await stack.enter_async_context(TracedClient(url, metrics))
        token = Token(lambda: sandbox.options.privacy_token, clock=clock)
        for terms in _TERMS:
            api = PrivacyApi(
                client, token, terms, metrics, requests_per_second=1000, clock=clock
            )  # fmt: skip
            for action in PrivacyAction:
                request = PrivacyRequest(action, ("a" * 64, "b" * 40), "events-0-1")
                assert isinstance(await api.rehearse(request), Accepted)
                assert isinstance(await api.submit(request, is_wanted=lambda: True), Accepted)
        return Sent(tuple(exchanges), frozenset(client.called))


_TERMS = (
    PrivacyTerms(),
    *(PrivacyTerms(jurisdiction=each) for each in PrivacyJurisdiction),
    *(
        PrivacyTerms(PrivacyScope(each, None if each is PrivacyEntity.GLOBAL else 5))
        for each in PrivacyEntity
    ),
)


async def answer_privacy() -> Sequence[Exchange]:
    """Both operations, their good answers and their errors, and what is for LiveIntent's own use."""
    sandbox = LiveIntentSandbox()
    async with AsyncExitStack() as stack:
        real_url = await stack.enter_async_context(sandbox)
        url, exchanges = await stack.enter_async_context(recorded(real_url))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        caller = RelayedCaller(session, sandbox, url)
        person = {"action": "ERASURE", "emailHashes": [HASH_A]}
        bodies: list[object] = [person, {"action": "ERASURE"}, {"action": "FORGET"}, []]
        for path in ("/data-subject-requests", "/data-subject-requests/test"):
            for token in (sandbox.options.privacy_token, "wrong", None):
                caller.token = token
                for body in bodies:
                    await caller.call("POST", path, body)
            caller.token = sandbox.options.privacy_token
            await caller.call("POST", path, {**person, "action": "ACCESS"})
            for status in (429, 500, 503):
                sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=status, times=1))
                await caller.call("POST", path, person)
        for token in (sandbox.options.privacy_token, "wrong", None):
            caller.token = token
            await caller.call("GET", "/data-subject-requests/t-1")
            await caller.call("GET", "/data-subject-report/t-1")
            await caller.call("POST", "/search/data-subject-requests", {"emailHashes": [HASH_A]})
        return tuple(exchanges)


PRIVACY_WALK = Walked(
    name="privacy",
    file=PRIVACY,
    described=PRIVACY_DESCRIBED,
    defects=DEFECTS_OF_PRIVACY,
    send=send_privacy,
    answer=answer_privacy,
)
