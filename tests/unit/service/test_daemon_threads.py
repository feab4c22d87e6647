import asyncio
import subprocess
import sys
import threading
import time

import pytest
import uvloop

from consumer.service.daemon_threads import DaemonThreads

ENDLESS = """
import asyncio, threading, uvloop
from consumer.service.daemon_threads import DaemonThreads

async def main():
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    endless = asyncio.create_task(asyncio.to_thread(threading.Event().wait))
    await asyncio.sleep(0.1)
    endless.cancel()

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
print("over")
"""


async def in_daemon_thread(call: object) -> object:
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    return await asyncio.to_thread(call)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_a_call_has_a_thread_of_its_own_and_its_result_comes_back(loop_factory: object) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]
        thread = runner.run(in_daemon_thread(threading.current_thread))

    assert isinstance(thread, threading.Thread)
    assert thread is not threading.main_thread()
    assert thread.daemon


def test_what_a_call_raises_is_raised_to_who_waits_for_it() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with asyncio.Runner() as runner, pytest.raises(ZeroDivisionError):
        runner.run(in_daemon_thread(fail))


def test_calls_do_not_wait_for_each_other() -> None:
    with DaemonThreads() as threads:
        meeting = threading.Barrier(50, timeout=10)
        calls = [threads.submit(meeting.wait) for _ in range(50)]

        assert sorted(call.result(10) for call in calls) == list(range(50))


def test_neither_the_loop_nor_the_interpreter_waits_for_a_call_that_never_ends() -> None:
    began = time.monotonic()

    ended = subprocess.run(
        [sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=15, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "over\n", "")
    assert time.monotonic() - began < 10
