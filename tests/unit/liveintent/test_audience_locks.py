"""One at a time for each audience, and nothing left of those who went."""

import asyncio

from consumer.audience.membership import AudienceKey
from consumer.liveintent.audience_locks import AudienceLocks

VIP, OTHER = AudienceKey("vip"), AudienceKey("other")


async def test_those_of_one_audience_go_one_after_the_other_and_leave_nothing_behind() -> None:
    locks, order, leave = AudienceLocks(), list[str](), asyncio.Event()

    async def visit(audience: AudienceKey, name: str) -> None:
        async with locks.alone(audience):
            order.append(name)
            await leave.wait()

    visits = [asyncio.create_task(visit(VIP, name)) for name in ("first", "cancelled", "third")]
    visits.append(asyncio.create_task(visit(OTHER, "other")))
    await asyncio.sleep(0)
    visits[1].cancel()
    await asyncio.sleep(0)

    assert order == ["first", "other"]
    assert len(locks) == 2

    leave.set()
    await asyncio.gather(*visits, return_exceptions=True)

    assert order == ["first", "other", "third"]
    assert len(locks) == 0


async def test_one_who_comes_while_the_next_is_just_let_in_waits_too() -> None:
    locks, inside, most = AudienceLocks(), 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with locks.alone(VIP):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(visit())
            await asyncio.sleep(0)

    assert (most, len(locks)) == (1, 0)
