"""`check --live` and the sinks of direct calls: nothing that LiveIntent counts is sent."""

from collections.abc import AsyncIterator

import pytest

from consumer.cli.checks.direct_calls import direct_call_findings
from consumer.cli.checks.findings import Check, Finding, Result
from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_server import LiveIntentSandbox
from consumer.settings import load_settings
from tests.unit.settings_builders import COMPLETE


@pytest.fixture
async def liveintent() -> AsyncIterator[LiveIntentSandbox]:
    liveintent = LiveIntentSandbox()
    async with liveintent:
        yield liveintent


async def looked_at(liveintent: LiveIntentSandbox, **environ: str) -> list[Finding]:
    conversions = liveintent.conversions
    settings = load_settings(
        {
            **COMPLETE,
            "DIRECT_CALLS": "page,track",
            "DIRECT_CALL_SINK": "collector,conversions",
            "LIVEINTENT_APP_ID": "a-0000",
            "LIVEINTENT_COLLECTOR_URL": liveintent.url,
            "LIVEINTENT_CONVERSIONS_URL": liveintent.url,
            "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": conversions.customer_id,
            "LIVEINTENT_CONVERSIONS_TOKEN": conversions.token,
            "LIVEINTENT_PIXEL_ID": "17",
            **environ,
        }
    )
    return [each async for each in direct_call_findings(settings, seconds=5.0)]


async def test_each_sink_is_looked_at_and_nothing_is_counted(liveintent: LiveIntentSandbox) -> None:
    found = await looked_at(liveintent)

    assert [(each.check, each.result, each.subject) for each in found] == [
        (Check.DIRECT_CALLS, Result.OK, "event map"),
        (Check.DIRECT_CALLS, Result.WARNING, "collector"),
        (Check.DIRECT_CALLS, Result.OK, "conversions"),
    ]
    assert liveintent.collector.rate.calls == 0
    assert (liveintent.conversions.distinct, liveintent.conversions.repeated) == (0, 0)
    assert not liveintent.conversions.breaches


async def test_it_is_honest_about_what_cannot_be_learnt(liveintent: LiveIntentSandbox) -> None:
    _, collector, conversions = await looked_at(liveintent)

    assert "it never tells" in collector.detail
    assert "whether the pixel id is right only an event would" in conversions.detail


async def test_without_direct_calls_there_is_nothing_to_look_at() -> None:
    found = [each async for each in direct_call_findings(load_settings(COMPLETE), seconds=5.0)]

    assert found == []


async def test_a_wrong_token_says_where_to_put_the_right_one(liveintent: LiveIntentSandbox) -> None:
    *_, found = await looked_at(liveintent, LIVEINTENT_CONVERSIONS_TOKEN="wrong")

    assert found.result is Result.FAILED
    assert "LIVEINTENT_CONVERSIONS_TOKEN_FILE" in (found.advice or "")
    assert "wrong" not in found.detail


async def test_a_customer_nobody_knows_is_told(liveintent: LiveIntentSandbox) -> None:
    *_, found = await looked_at(liveintent, LIVEINTENT_CONVERSIONS_CUSTOMER_ID="nobody")

    assert found.result is Result.FAILED
    assert "404" in found.detail
    assert "LIVEINTENT_CONVERSIONS_CUSTOMER_ID" in (found.advice or "")


async def test_an_outage_is_no_verdict_on_the_token(liveintent: LiveIntentSandbox) -> None:
    liveintent.faults.add(Fault(operation="convert", kind=FaultKind.STATUS, status=503, times=1))
    *_, found = await looked_at(liveintent)

    assert found.result is Result.FAILED
    assert "no usable answer (503)" in found.detail


async def test_hosts_that_are_not_there_are_told(liveintent: LiveIntentSandbox) -> None:
    nowhere = "http://127.0.0.1:9"
    _, collector, conversions = await looked_at(
        liveintent, LIVEINTENT_COLLECTOR_URL=nowhere, LIVEINTENT_CONVERSIONS_URL=nowhere
    )

    assert (collector.result, conversions.result) == (Result.FAILED, Result.FAILED)
    assert "LIVEINTENT_COLLECTOR_URL" in (collector.advice or "")


async def test_an_event_map_that_cannot_be_used_fails(liveintent: LiveIntentSandbox) -> None:
    event_map, *_ = await looked_at(liveintent, DIRECT_CALL_EVENT_MAP="nonsense")

    assert event_map.result is Result.FAILED
    assert "nonsense" in event_map.detail
