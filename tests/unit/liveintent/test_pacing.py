import asyncio

from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.audiences_api import SMALL_FILE_ROWS
from consumer.liveintent.gate import Held
from consumer.liveintent.pacing import Pacing, TokenBucket
from consumer.liveintent.policies import Timeouts
from consumer.liveintent.turns import Line
from tests.unit.liveintent.virtual_time import VirtualTime


@given(
    per_second=st.floats(0.1, 200),
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

    burst = max(1.0, 0.1 * per_second)
    for first, moment in enumerate(taken):
        for count, later in enumerate(taken[first:], start=1):
            assert count <= (later - moment) * per_second + burst + 1e-6


@given(
    per_second=st.floats(0.1, 200),
    now=st.floats(0, 1e7),
    gaps=st.lists(st.floats(0, 3) | st.just(0.0), max_size=20),
)
def test_a_wait_always_moves_the_clock(per_second: float, now: float, gaps: list[float]) -> None:
    bucket = TokenBucket(per_second=per_second, now=now)
    for gap in gaps:
        now += gap
        waits = 0
        while (wait := bucket.wait_seconds(now)) > 0:
            assert now + wait > now
            now += wait
            waits += 1
            assert waits < 3
        bucket.take(now)


def test_requests_start_no_faster_than_the_rate() -> None:
    async def scenario() -> list[float]:
        time = VirtualTime()
        pacing = Pacing(requests_per_second=2, concurrency=5, clock=time.clock)
        starts: list[float] = []

        async def request() -> None:
            async with pacing.slot(Line.EXPRESS):
                starts.append(time.seconds)

        await time.run(_all(*(request() for _ in range(6))))
        return starts

    assert asyncio.run(scenario()) == [0, 0.5, 1.0, 1.5, 2.0, 2.5]


async def test_no_more_requests_run_at_once_than_allowed_and_in_the_order_asked() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=1000, concurrency=2, clock=time.clock)
    running, most, order = 0, 0, list[int]()

    async def request(number: int) -> None:
        nonlocal running, most
        async with pacing.slot(Line.EXPRESS):
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
        async with pacing.slot(Line.EXPRESS):
            return time.seconds

    await time.run(request())
    waiting, behind = asyncio.create_task(request()), asyncio.create_task(request())
    await time.settle()
    waiting.cancel()

    assert await time.run(_result(behind)) == 10.0


async def test_a_hold_keeps_everyone_waiting_and_only_its_begin_is_told() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=10, concurrency=2, clock=time.clock)

    assert pacing.hold(30, "429 one") is True
    assert pacing.hold(10, "429 two") is False
    assert pacing.held == Held(held_seconds=0, next_try_seconds=30, reason="429 two")

    async def request() -> float:
        async with pacing.slot(Line.EXPRESS):
            return time.seconds

    assert await time.run(_all(request(), request())) == [30.0, 30.1]
    assert pacing.held is None


async def test_a_call_that_brings_a_file_on_its_way_waits_for_one_look_at_uploads_not_for_hundreds() -> (
    None
):
    time = VirtualTime()
    pacing = Pacing(requests_per_second=2, concurrency=2, clock=time.clock)
    order: list[Line] = []

    async def request(line: Line) -> None:
        async with pacing.slot(line):
            order.append(line)

    looks = [asyncio.create_task(request(Line.ORDINARY)) for _ in range(300)]
    await time.run_until(10)
    before = len(order)
    await time.run(request(Line.EXPRESS))

    assert before > 10
    assert order.index(Line.EXPRESS) <= before + 1
    for look in looks:
        look.cancel()


async def test_looks_at_uploads_get_every_other_turn_however_many_files_set_out() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=1, concurrency=2, clock=time.clock)
    order: list[Line] = []

    async def request(line: Line) -> None:
        async with pacing.slot(line):
            order.append(line)

    lines = [Line.EXPRESS] * 50 + [Line.ORDINARY] * 5
    await time.run(_all(*(request(line) for line in lines)))

    assert order[:10] == [Line.EXPRESS, Line.ORDINARY] * 5


async def test_a_small_file_does_not_wait_for_large_ones_however_slow_storage_is() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=100, concurrency=2, clock=time.clock)
    stored: list[str] = []

    async def store(name: str, line: Line, seconds: float) -> None:
        async with pacing.slot(line):
            await time.sleep(seconds)
            stored.append(name)

    large = [asyncio.create_task(store(f"large {n}", Line.ORDINARY, 600)) for n in range(5)]
    await time.run_until(1)
    await time.run(_all(*(store(f"small {n}", Line.EXPRESS, 2) for n in range(3))))

    assert stored == ["small 0", "small 1", "small 2"]
    assert time.seconds < 10
    for each in large:
        each.cancel()


async def test_a_call_overtaken_while_it_waits_for_the_rate_still_has_its_turn() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=1, concurrency=2, clock=time.clock)
    order: list[str] = []

    async def request(name: str, line: Line) -> None:
        async with pacing.slot(line):
            order.append(name)

    await time.run(request("first", Line.ORDINARY))
    waiting = asyncio.create_task(request("a look", Line.ORDINARY))
    await time.settle()  # it is next, and waits for the rate alone
    express = asyncio.create_task(request("a mint", Line.EXPRESS))
    await time.run(_all(waiting, express))

    assert order == ["first", "a mint", "a look"]


async def test_a_cancelled_call_gives_its_slot_to_the_next() -> None:
    time = VirtualTime()
    pacing = Pacing(requests_per_second=100, concurrency=1, clock=time.clock)

    async def request(seconds: float) -> float:
        async with pacing.slot(Line.ORDINARY):
            await time.sleep(seconds)
            return time.seconds

    running, behind = asyncio.create_task(request(600)), asyncio.create_task(request(1))
    await time.settle()
    running.cancel()

    assert await time.run(_result(behind)) == 1


def test_a_file_is_given_time_for_its_size() -> None:
    timeouts = Timeouts()

    assert timeouts.storing_seconds(0) == 60
    assert 60 < timeouts.storing_seconds(65 * SMALL_FILE_ROWS) < 75
    assert timeouts.storing_seconds(65 * 500_000) > 600


async def _all(*work: object) -> list[object]:
    return list(await asyncio.gather(*work))  # type: ignore[call-overload]


async def _result(task: "asyncio.Task[float]") -> float:
    return await task
