"""The stand-in's Conversions API: whom it lets in, what it takes, and that an event counts once."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from consumer.sandbox.liveintent_conversions import ConversionsBreach
from consumer.sandbox.liveintent_server import Fault, FaultKind, LiveIntentSandbox
from tests.direct_calls import MD5, SHA256


def an_event(**fields: object) -> dict[str, object]:
    return {
        "eventId": str(uuid.uuid4()),
        "pixelId": 4711,
        "eventTime": 1_772_439_300,
        "source": "web",
        "userData": {"sha2": SHA256, "md5": MD5, "ip": "203.0.113.7", "ua": "Browser/1.0"},
        "purchaseData": {"currency": "USD", "value": 12.5, "sourceUrl": "https://shop.example/"},
        **fields,
    }


class Caller:
    """Posts to one sandbox."""

    def __init__(self, sandbox: LiveIntentSandbox, client: aiohttp.ClientSession) -> None:
        self._sandbox = sandbox
        self._client = client

    async def post(
        self, body: object, *, token: str | None = None, customer: str = "7001"
    ) -> tuple[int, Any]:
        token = self._sandbox.conversions.token if token is None else token
        url = f"{self._sandbox.url}/conversions/{customer}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._client.post(url, json=body, headers=headers) as answer:
            return answer.status, None if answer.status == 204 else await answer.json()


@pytest.fixture
async def sandbox() -> AsyncIterator[LiveIntentSandbox]:
    sandbox = LiveIntentSandbox()
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture
async def caller(sandbox: LiveIntentSandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as client:
        yield Caller(sandbox, client)


async def test_events_that_are_all_taken_are_answered_without_a_word(
    sandbox: LiveIntentSandbox, caller: Caller
) -> None:
    status, _ = await caller.post([an_event(), an_event(source="app", purchaseData={})])

    assert status == 204
    assert sandbox.conversions.distinct == 2
    assert not sandbox.conversions.breaches


async def test_an_event_that_comes_again_counts_once_and_one_that_changed_is_a_breach(
    sandbox: LiveIntentSandbox, caller: Caller
) -> None:
    event = an_event()
    for each in (event, event, {**event, "pixelId": 1}):
        assert (await caller.post([each]))[0] == 204

    assert (sandbox.conversions.distinct, sandbox.conversions.repeated) == (1, 2)
    assert sandbox.conversions.breaches == {ConversionsBreach.EVENT_CHANGED: 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"eventId": "seven"},
        {"eventId": None},
        {"pixelId": "4711"},
        {"eventTime": 1_772_439_300_000},
        {"eventTime": 1.5},
        {"source": "tv"},
        {"userData": None},
        {"userData": {"sha2": MD5}},
        {"userData": {"md5": MD5.upper()}},
        {"userData": {"ip": 7}},
        {"purchaseData": []},
        {"purchaseData": {"value": "12.50"}},
    ],
    ids=str,
)
async def test_of_events_in_part_wrong_the_others_are_taken_and_each_is_told(
    sandbox: LiveIntentSandbox, caller: Caller, wrong: dict[str, object]
) -> None:
    status, said = await caller.post([an_event(), an_event(**wrong)])

    assert status == 200
    assert [result["success"] for result in said["results"]] == [True, False]
    assert sandbox.conversions.distinct == 1


@pytest.mark.parametrize(
    "body",
    [{}, [], "x", ["x"], [an_event()] * 101],
    ids=["object", "empty", "text", "texts", "too many"],
)
async def test_a_body_that_is_no_array_of_one_to_a_hundred_events_is_refused_whole(
    sandbox: LiveIntentSandbox, caller: Caller, body: object
) -> None:
    assert (await caller.post(body))[0] == 400
    assert sandbox.conversions.distinct == 0


async def test_without_the_token_or_the_customer_nobody_comes_in(
    sandbox: LiveIntentSandbox, caller: Caller
) -> None:
    assert (await caller.post([an_event()], token=""))[0] == 401
    assert (await caller.post([an_event()], token="wrong"))[0] == 401
    assert (await caller.post([an_event()], customer="7002"))[0] == 404
    assert sandbox.conversions.distinct == 0
    assert sandbox.conversions.statuses == {401: 2, 404: 1}


async def test_raw_emails_and_fields_of_no_meaning_are_breaches(
    sandbox: LiveIntentSandbox, caller: Caller
) -> None:
    await caller.post([an_event(userData={"sha2": SHA256, "email": "ada@example.com"})])

    assert set(sandbox.conversions.breaches) == {
        ConversionsBreach.RAW_EMAIL,
        ConversionsBreach.UNKNOWN_FIELD,
    }


async def test_the_partial_fault_refuses_the_first_event_alone(
    sandbox: LiveIntentSandbox, caller: Caller
) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.PARTIAL, times=1))
    status, said = await caller.post([an_event(), an_event()])

    assert status == 200
    assert [result["success"] for result in said["results"]] == [False, True]
