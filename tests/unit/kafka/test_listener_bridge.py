import asyncio
from collections.abc import Sequence

import pytest

from consumer.kafka.listener_bridge import ListenerBridge
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from tests.contract.kafka_reader import Listener, until

ZERO = PartitionId("events", 0)


def a_closed_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


def test_once_the_loop_is_closed_nothing_is_told_and_nothing_fails() -> None:
    listener = Listener()
    bridge = ListenerBridge(listener, loop=a_closed_loop(), drain_seconds=0)

    bridge.post(listener.on_lost, [ZERO])

    assert bridge.drain([ZERO]) == ()
    assert listener.log == []


async def test_a_drain_the_loop_cancels_commits_nothing() -> None:
    loop = asyncio.get_running_loop()
    listener = Listener(drain_seconds=60)
    bridge = ListenerBridge(listener, loop=loop, drain_seconds=60)
    before = asyncio.all_tasks()
    draining = asyncio.ensure_future(asyncio.to_thread(bridge.drain, [ZERO]))
    await until(lambda: listener.heard("revoked"))

    for task in asyncio.all_tasks() - before - {draining}:
        task.cancel()

    assert await draining == ()


async def test_a_listener_that_itself_times_out_has_failed() -> None:
    class TimesOut(Listener):
        async def on_revoked(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
            raise TimeoutError

    bridge = ListenerBridge(TimesOut(), loop=asyncio.get_running_loop(), drain_seconds=60)

    with pytest.raises(TimeoutError):
        await asyncio.to_thread(bridge.drain, [ZERO])
