"""`check --live` and the Privacy API: each request that would be made is rehearsed, and none is made."""

from collections.abc import AsyncIterator

import pytest

from consumer.cli.checks.findings import Check, Finding, Result
from consumer.cli.checks.privacy import privacy_findings
from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_server import LiveIntentSandbox
from consumer.settings import load_settings
from tests.scenarios.withdrawals import privacy_settings
from tests.unit.settings_builders import COMPLETE


@pytest.fixture
async def liveintent() -> AsyncIterator[LiveIntentSandbox]:
    liveintent = LiveIntentSandbox()
    async with liveintent:
        yield liveintent


async def looked_at(liveintent: LiveIntentSandbox, **environ: str) -> list[Finding]:
    settings = load_settings(
        {
            **COMPLETE,
            "SEGMENT_CONSENT_CATEGORIES": "Advertising",
            **privacy_settings(liveintent, **environ),
        }
    )
    return [each async for each in privacy_findings(settings, seconds=5.0)]


async def test_every_kind_of_request_is_rehearsed_and_none_is_made(
    liveintent: LiveIntentSandbox,
) -> None:
    found = await looked_at(liveintent, PRIVACY_REQUESTS="erase,restrict")

    assert [(each.check, each.result, each.subject) for each in found] == [
        (Check.PRIVACY, Result.OK, "ERASURE"),
        (Check.PRIVACY, Result.OK, "RESTRICT"),
    ]
    assert (liveintent.privacy.rehearsals, len(liveintent.privacy.requests)) == (2, 0)
    assert not liveintent.privacy.breaches


async def test_nothing_is_rehearsed_when_no_request_would_be_made(
    liveintent: LiveIntentSandbox,
) -> None:
    assert await looked_at(liveintent, PRIVACY_REQUESTS="") == []
    assert [each async for each in privacy_findings(load_settings(COMPLETE), seconds=5.0)] == []


async def test_a_refused_token_says_where_to_put_the_right_one(
    liveintent: LiveIntentSandbox,
) -> None:
    (found,) = await looked_at(liveintent, LIVEINTENT_PRIVACY_TOKEN="wrong")

    assert found.result is Result.FAILED
    assert "403" in found.detail
    assert "LIVEINTENT_PRIVACY_TOKEN_FILE" in (found.advice or "")


async def test_a_refused_request_points_at_scope_and_jurisdiction(
    liveintent: LiveIntentSandbox,
) -> None:
    liveintent.faults.add(
        Fault(operation="privacy_test", kind=FaultKind.STATUS, status=400, times=1)
    )
    (found,) = await looked_at(liveintent)

    assert found.result is Result.FAILED
    assert "PRIVACY_SCOPE" in (found.advice or "")


async def test_no_usable_answer_points_at_the_address(liveintent: LiveIntentSandbox) -> None:
    liveintent.faults.add(Fault(operation="privacy_test", kind=FaultKind.STATUS, status=503))
    (failing,) = await looked_at(liveintent)
    (away,) = await looked_at(liveintent, LIVEINTENT_PRIVACY_URL="http://127.0.0.1:9")

    assert failing.detail.startswith("no usable answer (server_error): 503")
    assert away.detail.startswith("no usable answer (unreachable)")
    assert "LIVEINTENT_PRIVACY_URL" in (away.advice or "")


async def test_a_scope_beyond_one_advertiser_or_publisher_is_warned_of(
    liveintent: LiveIntentSandbox,
) -> None:
    warned, found = await looked_at(liveintent, PRIVACY_SCOPE="global", PRIVACY_WIDE_SCOPE="true")

    assert (warned.result, found.result) == (Result.WARNING, Result.OK)
    assert "cannot be taken back" in warned.detail
