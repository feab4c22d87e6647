"""The stand-in's collector: what it takes, what it counts, and what it notes against the published behaviour."""

import base64
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from consumer.sandbox.liveintent_collector_rules import CollectorBreach, breaches_of
from consumer.sandbox.liveintent_server import Fault, FaultKind, LiveIntentSandbox

NOW = 1_767_225_600.0
SHA256 = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"


def _se(event: object) -> str:
    text = json.dumps(event, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


PAGE_VIEW = "se=" + _se({"event": "pageView"})


def _query(rest: str = PAGE_VIEW, *, at: float = NOW) -> str:
    return f"dtstmp={int(at * 1000)}&aid=a-test&{rest}"


def test_calls_as_the_library_makes_them_are_no_breach() -> None:
    product = {"event": "viewProduct", "name": "tea", "email": "*********"}
    queries = (
        _query(
            f"{PAGE_VIEW}&pu=https%3A%2F%2Fshop.example%2Fp%2F1%3Fc%3D2&refr=https%3A%2F%2Fref.example%2F"
        ),
        _query(f"se={_se(product)}&e={SHA256[:32]}%2C{SHA256[:40]}%2C{SHA256}"),
        _query(f"{PAGE_VIEW}&e={SHA256}&us_privacy=1YNN&wpn=ours&gdpr=0"),
        _query(f"{PAGE_VIEW}&gpp_s=DBAA&gpp_as=7%2C8&pip=MjAzLjAuMTEzLjc&pip6=MjAwMTpkYjg6OjE"),
        _query("se=e30"),
    )

    assert [list(breaches_of(query, now=NOW)) for query in queries] == [[]] * len(queries)


@pytest.mark.parametrize(
    ("query", "breach"),
    [
        (f"aid=a-test&{PAGE_VIEW}", CollectorBreach.NO_SEND_TIME),
        (f"dtstmp=1767225600&aid=a-test&{PAGE_VIEW}", CollectorBreach.NO_SEND_TIME),
        (_query(at=NOW - 3600), CollectorBreach.WRONG_SEND_TIME),
        (f"dtstmp=1767225600000&{PAGE_VIEW}", CollectorBreach.NO_APP_ID),
        (_query(f"did=did-1&{PAGE_VIEW}"), CollectorBreach.NO_APP_ID),
        (_query(f"pu=https%3A%2F%2Fshop.example&{PAGE_VIEW}"), CollectorBreach.PARAMETERS_OUT_OF_ORDER),
        (_query(f"{PAGE_VIEW}&idfa=1"), CollectorBreach.UNKNOWN_PARAMETER),
        (_query(f"{PAGE_VIEW}&wpn=a&wpn=a"), CollectorBreach.PARAMETER_REPEATED),
        (_query(f"{PAGE_VIEW}&refr="), CollectorBreach.PARAMETER_EMPTY),
        (_query(f"{PAGE_VIEW}&pu=https://shop.example"), CollectorBreach.WRONGLY_ENCODED),
        (_query(f"{PAGE_VIEW}&wpn=two+words"), CollectorBreach.WRONGLY_ENCODED),
        (_query("se=e30%3D"), CollectorBreach.UNREADABLE_EVENT),
        (_query("se=W10"), CollectorBreach.UNREADABLE_EVENT),
        (_query("wpn=a"), CollectorBreach.UNREADABLE_EVENT),
        (_query("se=" + _se({"eventName": "setEmail"})), CollectorBreach.EVENT_NEVER_SENT),
        (_query("se=" + _se({"items": list(range(11))})), CollectorBreach.TOO_MANY_ITEMS),
        (_query("se=" + _se({"name": "ada@example.com"})), CollectorBreach.RAW_EMAIL),
        (_query(f"{PAGE_VIEW}&pu=https%3A%2F%2Fx.example%2F%3Fe%3Dada%2540example.com"), CollectorBreach.RAW_EMAIL),
        (_query(f"{PAGE_VIEW}&e={SHA256.upper()}"), CollectorBreach.NO_HASH),
        (_query(f"{PAGE_VIEW}&pip=MjAwMTpkYjg6OjE"), CollectorBreach.NO_ADDRESS),
        (_query(f"{PAGE_VIEW}&pip=!"), CollectorBreach.NO_ADDRESS),
        (_query(f"{PAGE_VIEW}&gdpr=1"), CollectorBreach.SENT_UNDER_GDPR),
        (_query(f"{PAGE_VIEW}&gpp_s=DBAA&gpp_as=2%2C7"), CollectorBreach.SENT_UNDER_GDPR),
        (_query(f"{PAGE_VIEW}&us_privacy=1YYN"), CollectorBreach.SENT_AFTER_OPT_OUT),
    ],
)  # fmt: skip
def test_what_the_library_would_not_do_is_a_breach(query: str, breach: CollectorBreach) -> None:
    assert breach in list(breaches_of(query, now=NOW))


@pytest.fixture
async def sandbox() -> AsyncIterator[LiveIntentSandbox]:
    sandbox = LiveIntentSandbox()
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


def _url(sandbox: LiveIntentSandbox, query: str) -> URL:
    return URL(f"{sandbox.url}/j?{query}", encoded=True)


async def test_a_call_is_kept_with_its_event_and_its_end_users_agent(
    sandbox: LiveIntentSandbox, client: aiohttp.ClientSession
) -> None:
    agent = {"X-LI-Provided-User-Agent": "App/1.0"}
    url = _url(sandbox, _query(at=time.time()))
    async with client.get(url, headers=agent) as answer:
        assert (answer.status, await answer.json()) == (200, {"bakers": []})
        assert "Set-Cookie" not in answer.headers
    (call,) = sandbox.collector.calls

    assert call.event == {"event": "pageView"}
    assert call.user_agent == "App/1.0"
    assert not sandbox.collector.breaches
    assert "pageView" not in repr(call)


async def test_a_call_that_differs_in_its_send_time_alone_is_a_duplicate(
    sandbox: LiveIntentSandbox, client: aiohttp.ClientSession
) -> None:
    for at, rest in ((0, PAGE_VIEW), (1, PAGE_VIEW), (1, f"{PAGE_VIEW}&wpn=other")):
        async with client.get(_url(sandbox, _query(rest, at=time.time() + at))) as answer:
            assert answer.status == 200

    assert (sandbox.collector.distinct, sandbox.collector.duplicates) == (2, 1)


async def test_cookies_tokens_and_posts_are_breaches(
    sandbox: LiveIntentSandbox, client: aiohttp.ClientSession
) -> None:
    url = _url(sandbox, _query(at=time.time()))
    headers = {"Cookie": "lidid=1", "Authorization": "Bearer x"}
    async with client.get(url, headers=headers), client.post(url) as posted:
        assert posted.status == 405

    assert set(sandbox.collector.breaches) == {
        CollectorBreach.COOKIE_SENT,
        CollectorBreach.TOKEN_SENT,
        CollectorBreach.NOT_A_GET,
    }


async def test_a_fault_of_the_collector_leaves_the_call_untaken_and_names_the_wait(
    sandbox: LiveIntentSandbox, client: aiohttp.ClientSession
) -> None:
    fault = Fault(operation="collect", kind=FaultKind.STATUS, status=429, retry_after=7, times=1)
    sandbox.faults.add(fault)
    async with client.get(_url(sandbox, _query())) as answer:
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "7"

    assert sandbox.collector.distinct == 0
    assert sandbox.collector.statuses == {429: 1}
