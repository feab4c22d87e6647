import asyncio

from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.pacing import Pacing, TokenBucket
from tests.unit.liveintent.virtual_time import VirtualTime


@given(
    per_second=st.floats(0.1, 50),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=40),
)
def test_no_window_sees_more_than_the_rate_and_its_burst(
    per_second: float, gaps: list[float]
) -> None:
    now = 0.0
    bucket = TokenBucket(per_second=per_second, now=now)
    taken: list[float] = []
    for gap in gaps:
        now += gap
        now += bucket.wait_seconds(now)
        bucket.take(now)
        taken.append(now)

    burst = max(1.0, per_second)
    for first, moment in enumerate(taken):
        for count, later in enumerate(taken[first:], start=1):
            assert count <= (later - moment) * per_second + burst + 1e-6


def test_requests_start_no_faster_than_the_rate() -> None:
    async def scenario() -> list[float]:
        time = VirtualTime()
        pacing = Pacing(requests_per_second=2, concurrency=5, clock=time.clock)
        starts: list[float] = []

        async def request() -> None:
            async with pacing.slot():
                starts.append(time.seconds)

        await time.run(_all(*(request() for _ in range(6))))
        return starts

    assert asyncio.run(scenario()) == [0, 0, 0.5, 1.0, 1.5, 2.0]


async def test_no_more_requests_run_at_once_than_allowed_and_in_the_order_asked() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=1000, concurrency=2, clock=time.clock)
    running, most, order = 0, 0, list[int]()

    async def request(number: int) -> None:
        nonlocal running, most
        async with pacing.slot():
            order.append(number)
            running += 1
            most = max(most, running)
            await time.sleep(1 if number % 2 else 3)
            running -= 1

    await time.run(_all(*(request(number) for number in range(9))))

    assert most == 2
    assert order == list(range(9))


async def test_a_cancelled_waiter_gives_its_turn_to_the_next() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=0.1, concurrency=1, clock=time.clock)

    async def request() -> float:
        async with pacing.slot():
            return time.seconds

    await time.run(request())
    waiting, behind = asyncio.create_task(request()), asyncio.create_task(request())
    await time.settle()
    waiting.cancel()

    assert await time.run(_result(behind)) == 10.0


async def test_a_hold_keeps_everyone_waiting_and_only_its_begin_is_told() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=10, concurrency=2, clock=time.clock)

    assert pacing.hold(30) is True
    assert pacing.hold(10) is False

    async def request() -> float:
        async with pacing.slot():
            return time.seconds

    assert await time.run(_all(request(), request())) == [30.0, 30.0]


async def _all(*work: object) -> list[object]:
    return list(await asyncio.gather(*work))  # type: ignore[call-overload]


async def _result(task: "asyncio.Task[float]") -> float:
    return await task
