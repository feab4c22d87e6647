"""One service of this process, from start to end, and waiting without luck."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, overload

import aiohttp

from consumer.liveintent.clock import Clock
from consumer.service import Service
from consumer.settings import Settings
from consumer.telemetry.books import BooksSnapshot
from tests.scenarios.scraping import Scrape, scrape_of

T = TypeVar("T")

HURRY = 20
"""How many of LiveIntent's seconds pass in one of ours: back-off, polls and deadlines are minutes in real life."""
LOOK_AGAIN_SECONDS = 0.02
EVENTUALLY_SECONDS = 45.0
STOP_SECONDS = 30.0


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], *, seconds: float = ..., why: str = ...
) -> T: ...
@overload
async def eventually(condition: Callable[[], T], *, seconds: float = ..., why: str = ...) -> T: ...
async def eventually(
    condition: Callable[[], object], *, seconds: float = EVENTUALLY_SECONDS, why: str = ""
) -> object:
    """Look until the condition holds, and return what it saw. Fails, saying `why`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        seen = condition()
        if inspect.isawaitable(seen):
            seen = await seen
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds} s: {why or 'the condition'}"
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def hurried_clock(hurry: float = HURRY) -> Clock:
    """Time as LiveIntent's side of the service sees it, faster than ours. Its dates and chances are real."""
    return Clock(
        now=lambda: hurry * time.monotonic(),
        sleep=lambda seconds: asyncio.sleep(seconds / hurry),
    )


class RunningService:
    """One service, from `start` to its end. `client` makes the HTTP requests to it."""

    def __init__(
        self, settings: Settings, client: aiohttp.ClientSession, *, hurry: float = HURRY
    ) -> None:
        self.service = Service(settings, clock=hurried_clock(hurry))
        self._client = client
        self._stop = asyncio.Event()
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once the service listens. Raises what it ended with, if it did not come so far."""
        self._run = asyncio.create_task(self.service.run(self._stop))
        await eventually(lambda: self.service.http_port or self.over, why="the service listens")
        if self.over:
            self._run.result()

    async def stop(self) -> None:
        """Ask it to end, as SIGTERM does, and wait until it has. Raises what it ended with. Safe to call twice."""
        self._stop.set()
        if self._run is not None:
            async with asyncio.timeout(STOP_SECONDS):
                await self._run

    async def end(self) -> BaseException | None:
        """Wait until it ends by itself; return what it ended with."""
        assert self._run is not None
        await asyncio.wait({self._run}, timeout=EVENTUALLY_SECONDS)
        assert self._run.done(), "the service goes on"
        return self._run.exception()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._run is not None and self._run.done()

    @property
    def books(self) -> BooksSnapshot:
        """The books, without HTTP."""
        return self.service.books()

    @property
    def partitions(self) -> int:
        """How many partitions it owns."""
        status = self.service.status()
        return 0 if status is None else len(status.partitions)

    @property
    def finished(self) -> int:
        """Records read and finished by this service, whatever became of them."""
        books = self.books
        return books.consumed - books.pending - books.released

    async def has_finished(self, records: int) -> None:
        """Wait until it has finished so many records, and not one more."""
        await eventually(lambda: self.finished >= records, why=f"{records} records are finished")
        assert self.finished == records

    async def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP port; status and body."""
        url = f"http://127.0.0.1:{self.service.http_port}{path}"
        async with self._client.get(url) as answer:
            return answer.status, await answer.text()

    async def ready(self) -> tuple[int, str]:
        """What /readyz says."""
        return await self.get("/readyz")

    async def scrape(self) -> Scrape:
        """What Prometheus would see."""
        return scrape_of((await self.get("/metrics"))[1])

    async def has_committed_again(self, *, times: int = 3) -> None:
        """Wait until the committer has come round so often: what it has not committed by then it held back."""
        for _ in range(times):
            await eventually(
                partial(self._has_committed_since, await self._last_commit()),
                why="the committer comes round",
            )

    async def _has_committed_since(self, moment: float) -> bool:
        return await self._last_commit() > moment

    async def _last_commit(self) -> float:
        return (await self.scrape()).value("last_commit_timestamp_seconds")
