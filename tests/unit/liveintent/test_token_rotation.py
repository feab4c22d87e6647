"""A token that is replaced by the book, file first and the old one revoked later, while calls are made."""

import asyncio

from structlog.testing import capture_logs

from consumer.liveintent.exchange import Blocked, Health
from consumer.liveintent.upload_outcome import Success
from tests.unit.liveintent.test_exchange import Bench


async def test_a_refusal_of_a_token_that_was_replaced_meanwhile_alarms_nobody() -> None:
    bench = Bench()
    bench.accepted_token = bench.token.latest = "new"
    with capture_logs() as logs:
        decided = await bench.time.run(bench.decide())

    assert decided == Success({})
    assert [token for _, token in bench.sent] == ["old", "new"]
    assert bench.exchange.health == Health()
    assert logs == []


async def test_a_replacement_that_is_refused_too_is_told() -> None:
    bench = Bench()
    bench.accepted_token = "another"
    bench.token.latest = "new"
    with capture_logs() as logs:
        call = asyncio.create_task(bench.decide())
        await bench.time.run_until(1)

    assert [token for _, token in bench.sent] == ["old", "new"]
    assert bench.exchange.health.blocked is Blocked.UNAUTHORISED
    assert [line["log_level"] for line in logs] == ["error"]
    call.cancel()
