import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from consumer.liveintent.exchange import Blocked, Exchange, Health, Withdrawn
from consumer.liveintent.policies import LiveIntentLimits
from consumer.liveintent.retry_schedule import RetrySchedule
from consumer.liveintent.shapes import UnexpectedShape
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import (
    Answer,
    Host,
    NotFound,
    Operation,
    OutcomeUnknown,
    Refused,
    Success,
    TransportFailure,
)
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.unit.liveintent.virtual_time import VirtualTime

OK = Answer(200, b"{}")
UNAUTHORISED = Answer(401, b'{"errors":[{"message":"Token not provided"}]}')
BROKEN = Answer(503, b"")
Reply = Answer | TransportFailure


class InstantToken(Token):
    """Reads without a thread, which virtual time could not wait for."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__(str, clock=time.clock)
        self.current: str | None = "old"
        self.latest: str | None = "old"

    async def value(self) -> str | None:
        return self.current

    async def read_again(self) -> bool:
        changed = self.current != self.latest
        self.current = self.latest
        return changed


class Bench:
    """An exchange in virtual time, and a LiveIntent that answers from a script, then 200."""

    def __init__(self, **limits: float) -> None:
        self.time = VirtualTime()
        self.token = InstantToken(self.time)
        self.metrics = Metrics(CollectorRegistry())
        self.replies: deque[Reply] = deque()
        self.sent: list[tuple[float, str]] = []
        self.accepted_token: str | None = None
        self.exchange = Exchange(
            self.token,
            LiveIntentLimits(requests_per_second=100, concurrency=3),
            self.metrics,
            clock=self.time.clock,
            schedule=RetrySchedule(first_seconds=2, max_seconds=60),
            circuit_schedule=RetrySchedule(first_seconds=40, max_seconds=160),
        )

    async def send(self, token: str) -> Reply:
        self.sent.append((self.time.seconds, token))
        await self.time.sleep(0.1)
        if self.accepted_token is not None and token != self.accepted_token:
            return UNAUTHORISED
        return self.replies.popleft() if self.replies else OK

    async def decide(self, operation: Operation = Operation.UPLOADS, *, caller: str = "") -> object:
        return await self.exchange.decide(operation, self.send, lambda body: body, caller=caller)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"{PREFIX}_{name}", labels)


async def test_a_first_answer_decides() -> None:
    bench = Bench()

    assert await bench.time.run(bench.decide()) == Success({})
    assert bench.exchange.health == Health()


@pytest.mark.parametrize(
    ("answer", "kind"), [(Answer(400, b"no"), Refused), (Answer(404, b""), NotFound)]
)
async def test_what_repeating_cannot_change_is_returned_at_once(answer: Answer, kind: type) -> None:
    bench = Bench()
    bench.replies.append(answer)

    assert isinstance(await bench.time.run(bench.decide()), kind)
    assert len(bench.sent) == 1


async def test_an_outage_of_two_hours_is_waited_out() -> None:
    bench = Bench()
    bench.replies.extend([BROKEN] * 5000)
    task = asyncio.create_task(bench.decide())

    await bench.time.run_until(7_200)

    assert not task.done()
    assert len(bench.sent) < 200
    bench.replies.clear()
    await bench.time.run_until(8_200)
    assert await task == Success({})


async def test_five_failures_in_a_row_hold_back_every_call_to_the_host() -> None:
    bench = Bench()
    bench.replies.extend([TransportFailure.TIMEOUT] * 6)
    with capture_logs() as logs:
        first, second = asyncio.create_task(bench.decide()), asyncio.create_task(bench.decide())
        await bench.time.run_until(10)
        sent = len(bench.sent)
        health = bench.exchange.health

    assert sent in {5, 6}  # one may be on its way when the circuit opens
    assert (health.blocked, health.host) == (Blocked.CIRCUIT_OPEN, Host.API)
    assert health.last_error.startswith("timeout")
    assert 0 < health.next_try_seconds < 40
    assert health.blocked_seconds > 0
    assert bench.metric("circuit_open", host="api") == 1
    assert [line["event"] for line in logs if line["log_level"] == "warning"].count(
        "LiveIntent keeps failing; calls are held back."
    ) == 1

    await bench.time.run_until(120)
    assert (await first, await second) == (Success({}), Success({}))
    assert bench.metric("circuit_open", host="api") == 0


async def test_what_fails_for_one_audience_alone_holds_back_no_other() -> None:
    bench = Bench()
    bench.replies.extend([BROKEN] * 5)
    bad = asyncio.create_task(bench.decide(caller="bad"))
    while bench.exchange.health.blocked is None:
        await bench.time.run_until(bench.time.seconds + 1)
    doubtful, asked_at = bench.exchange.health, bench.time.seconds

    assert await bench.time.run(bench.decide(caller="good")) == Success({})
    assert bench.time.seconds - asked_at < 1
    assert not doubtful.is_certain
    assert bench.exchange.health == Health()
    await bench.time.run_until(bench.time.seconds + 60)
    assert await bad == Success({})


async def test_five_audiences_that_fail_hold_back_all() -> None:
    bench = Bench()
    bench.replies.extend([BROKEN] * 5)
    failing = [asyncio.create_task(bench.decide(caller=f"bad {number}")) for number in range(5)]
    while bench.exchange.health.blocked is None:
        await bench.time.run_until(bench.time.seconds + 0.1)
    known, asked_at = bench.exchange.health, bench.time.seconds

    assert await bench.time.run(bench.decide(caller="good")) == Success({})
    assert bench.time.seconds - asked_at > 10
    assert known.is_certain
    await bench.time.run_until(bench.time.seconds + 60)
    assert [await task for task in failing] == [Success({})] * 5


async def test_while_one_host_fails_the_other_is_served() -> None:
    bench = Bench()
    bench.replies.extend([TransportFailure.RESET] * 5)
    stuck = asyncio.create_task(bench.decide())
    await bench.time.run_until(30)

    stored = await bench.time.run(
        bench.exchange.attempt(Operation.STORE, bench.send, lambda body: body)
    )

    assert stored == Success(None)
    stuck.cancel()


async def test_storage_never_sees_the_token() -> None:
    bench = Bench()

    await bench.time.run(bench.exchange.attempt(Operation.STORE, bench.send, lambda body: body))

    assert [token for _, token in bench.sent] == [""]


async def test_a_refused_token_holds_back_everyone_and_one_call_asks_now_and_then() -> None:
    bench = Bench()
    bench.accepted_token = "new"
    with capture_logs() as logs:
        calls = [asyncio.create_task(bench.decide()) for _ in range(10)]
        await bench.time.run_until(600)

    assert not any(call.done() for call in calls)
    assert len(bench.sent) <= 10
    assert bench.exchange.health.blocked is Blocked.UNAUTHORISED
    assert bench.exchange.health.last_error == "401 Token not provided"
    assert bench.metric("liveintent_unauthorised") == 1
    assert [line["log_level"] for line in logs].count("error") == 1

    bench.token.latest = "new"
    await bench.time.run_until(620)
    assert all([await call == Success({}) for call in calls])
    assert bench.metric("liveintent_unauthorised") == 0


async def test_a_replaced_token_is_used_within_seconds() -> None:
    bench = Bench()
    bench.accepted_token = "new"
    call = asyncio.create_task(bench.decide())
    await bench.time.run_until(3)
    bench.token.latest = "new"

    await bench.time.run_until(12)

    assert await call == Success({})


async def test_without_a_token_nothing_is_sent() -> None:
    bench = Bench()
    bench.token.current = bench.token.latest = None
    call = asyncio.create_task(bench.decide())
    await bench.time.run_until(300)

    assert bench.sent == []
    assert bench.exchange.health.blocked is Blocked.UNAUTHORISED
    call.cancel()


async def test_an_outage_during_the_probe_of_a_token_leaves_the_next_probe_free() -> None:
    bench = Bench()
    bench.replies.extend([UNAUTHORISED, TransportFailure.TIMEOUT])

    assert await bench.time.run(bench.decide()) == Success({})
    assert bench.exchange.health == Health()


async def test_a_rate_limit_holds_back_every_call_as_long_as_it_says() -> None:
    bench = Bench()
    bench.replies.append(Answer(429, b"", retry_after_seconds=30))
    first = asyncio.create_task(bench.decide())
    await bench.time.run_until(1)

    with capture_logs() as logs:
        await bench.time.run(bench.decide())

    assert await bench.time.run(_result(first)) == Success({})
    assert [moment >= 30 for moment, _ in bench.sent] == [False, True, True]
    assert bench.exchange.health == Health()
    assert logs == []


async def test_a_rate_limit_met_by_several_calls_is_told_once() -> None:
    bench = Bench()
    bench.replies.extend([Answer(429, b"", retry_after_seconds=30)] * 3)
    calls = [asyncio.create_task(bench.decide(Operation.SEARCH_V2)) for _ in range(3)]
    with capture_logs() as logs:
        await bench.time.run_until(100)

    assert all(call.done() for call in calls)
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "LiveIntent asks us to wait."
    ]


async def test_a_create_of_unknown_outcome_is_not_repeated() -> None:
    bench = Bench()
    bench.replies.append(TransportFailure.TIMEOUT)

    outcome = await bench.time.run(bench.decide(Operation.CREATE))

    assert isinstance(outcome, OutcomeUnknown)
    assert len(bench.sent) == 1


async def test_a_create_that_never_left_is_repeated() -> None:
    bench = Bench()
    bench.replies.append(TransportFailure.UNREACHABLE)

    assert await bench.time.run(bench.decide(Operation.CREATE)) == Success({})


async def test_an_answer_of_the_wrong_shape_is_asked_for_again() -> None:
    bench = Bench()
    calls = 0

    def read(_body: object) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise UnexpectedShape("entries", "a list")
        return "read"

    outcome = await bench.time.run(bench.exchange.decide(Operation.UPLOADS, bench.send, read))

    assert outcome == Success("read")
    assert (
        bench.metric(
            "liveintent_retries_total", operation="list_uploads", cause="unexpected_answer"
        )
        == 1
    )


async def test_a_caller_with_nothing_left_to_send_sends_nothing() -> None:
    bench = Bench()

    async def nothing(_token: str) -> None:
        return None

    outcome = await bench.time.run(
        bench.exchange.attempt(Operation.STORE, nothing, lambda body: body)
    )

    assert outcome == Withdrawn()


async def test_a_call_that_keeps_failing_alone_is_logged_once() -> None:
    bench = Bench()
    bench.replies.extend([BROKEN, OK] * 6)
    failing: Callable[[str], Awaitable[Reply]] = _alternating(bench)

    with capture_logs() as logs:
        await bench.time.run(bench.exchange.decide(Operation.UPLOADS, failing, lambda body: body))

    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["attempts"], line["cause"]) for line in warnings] == [(3, "server_error")]


async def test_a_cancelled_probe_lets_another_call_probe() -> None:
    bench = Bench()
    bench.replies.extend([BROKEN] * 5)
    first = asyncio.create_task(bench.decide())
    while bench.exchange.health.blocked is None:
        await bench.time.run_until(bench.time.seconds + 1)
    first.cancel()

    assert await bench.time.run(bench.decide()) == Success({})


def _alternating(bench: Bench) -> Callable[[str], Awaitable[Reply]]:
    """Four failures of this call, each followed by another call's success."""
    failures = iter([BROKEN] * 4)

    async def send(_token: str) -> Reply:
        reply = next(failures, OK)
        bench.exchange._gates[Host.API].note_answer()
        return reply

    return send


async def _result(task: "asyncio.Task[object]") -> object:
    return await task


async def test_a_wait_that_is_asked_for_in_answer_to_a_create_is_kept_by_every_call() -> None:
    bench = Bench()
    bench.replies.append(Answer(503, b"", retry_after_seconds=90))

    created = await bench.time.run(bench.decide(Operation.CREATE))
    await bench.time.run(bench.decide(Operation.SEARCH_V2))

    assert isinstance(created, OutcomeUnknown)
    assert bench.sent[1][0] - bench.sent[0][0] >= 90


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("operation", [Operation.UPLOADS, Operation.STORE])
async def test_a_wait_that_is_asked_for_is_told_with_its_host_and_blocks_that_host_alone(
    status: int, operation: Operation
) -> None:
    bench = Bench()
    bench.replies.append(Answer(status, b'{"message":"slow down"}', retry_after_seconds=60))
    other = Operation.STORE if operation is Operation.UPLOADS else Operation.UPLOADS
    task = asyncio.create_task(bench.decide(operation))
    await bench.time.run_until(20)
    (obstacle,) = bench.exchange.obstacles
    await bench.time.run(bench.decide(other))

    assert (obstacle.blocked, obstacle.host) == (Blocked.ASKED_TO_WAIT, operation.host)
    assert obstacle.last_error == f"{status} slow down"
    assert 19 < obstacle.blocked_seconds <= 20
    assert 40 <= obstacle.next_try_seconds < 41
    assert bench.exchange.health == Health()  # it is no outage: what was read is worth reading
    assert bench.time.seconds < 21
    assert await bench.time.run(_of(task)) == Success(
        {} if operation is Operation.UPLOADS else None
    )
    assert bench.sent[-1][0] >= 60
    assert bench.exchange.obstacles == ()


async def test_every_obstacle_is_told_the_most_general_first() -> None:
    bench = Bench()
    bench.replies.extend([TransportFailure.RESET] * 20)
    storing = asyncio.create_task(bench.decide(Operation.STORE))
    await bench.time.run_until(100)
    bench.accepted_token = "new"
    bench.replies.clear()
    asking = asyncio.create_task(bench.decide())
    await bench.time.run_until(bench.time.seconds + 1)
    told = [(each.blocked, each.host) for each in bench.exchange.obstacles]

    assert told == [(Blocked.UNAUTHORISED, Host.API), (Blocked.CIRCUIT_OPEN, Host.STORAGE)]
    assert bench.exchange.health == bench.exchange.obstacles[0]
    for task in (storing, asking):
        task.cancel()


async def _of(task: "asyncio.Task[object]") -> object:
    return await task


async def test_there_is_room_for_as_many_as_keep_the_slots_in_use_and_more_when_one_sleeps() -> (
    None
):
    bench, told = Bench(), list[int]()
    bench.exchange.on_turn = lambda: told.append(bench.exchange.room)
    before = bench.exchange.room
    calls = [asyncio.create_task(bench.decide()) for _ in range(7)]
    await asyncio.sleep(0)
    await bench.time.run(asyncio.sleep(0))

    assert (before, bench.exchange.room) == (6, 2)

    bench.replies.extend([Answer(500, b"")] * 3)
    await bench.time.run(asyncio.wait(calls))

    assert bench.exchange.room == 6
    assert told[-1] == 6
