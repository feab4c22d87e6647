"""The rule that no coroutine blocks its event loop: what it catches, and what it lets pass."""

import asyncio
import logging
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from blockbuster import BlockingError


async def test_a_coroutine_that_sleeps_is_caught() -> None:
    with pytest.raises(BlockingError, match=r"time\.sleep"):
        time.sleep(0)  # noqa: ASYNC251 - the very thing


async def test_a_coroutine_that_reads_a_file_is_caught() -> None:
    with pytest.raises(BlockingError, match="read"):
        Path(__file__).read_text()  # noqa: ASYNC240 - the very thing


async def test_a_thread_may_block() -> None:
    assert await asyncio.to_thread(Path(__file__).read_text)


async def test_log_lines_may_be_written(capfd: pytest.CaptureFixture[str]) -> None:
    logger = structlog.wrap_logger(structlog.PrintLogger(sys.stdout))
    handler = logging.StreamHandler(sys.stdout)

    logger.info("one")
    handler.emit(logging.LogRecord("name", logging.INFO, "", 0, "two", None, None))

    printed = capfd.readouterr().out
    assert "one" in printed
    assert "two" in printed


async def test_http_may_be_served_and_asked_for() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"answer": 42})

    application = web.Application()
    application.router.add_post("/", answer)
    async with (
        TestServer(application) as server,
        ClientSession() as session,
        session.post(server.make_url("/"), data=b"x" * 1_000_000) as response,
    ):
        assert await response.json() == {"answer": 42}


async def test_a_short_wait_for_a_lock_is_no_blocking_call() -> None:
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(0.01, lock.release).start()

    with lock:
        assert lock.locked()
