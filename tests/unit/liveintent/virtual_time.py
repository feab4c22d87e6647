"""Time that passes only when nothing else can happen."""

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable, Coroutine, Sized
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from consumer.liveintent.clock import Clock

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)
_TURNS_TO_SETTLE = 30


class VirtualTime:
    """Sleepers wake in the order of their deadlines, as soon as every task waits."""

    def __init__(self, random: Callable[[], float] = lambda: 0.5) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.clock = Clock(
            now=lambda: self.seconds,
            utc_now=lambda: self.utc_now,
            sleep=self.sleep,
            random=random,
        )

    @property
    def utc_now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    @property
    def next_wake(self) -> float:
        """When the next sleeper is due; infinity when nobody sleeps."""
        return self._sleepers[0][0] if self._sleepers else math.inf

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._numbers), future))
        await future

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the work finish, moving time on whenever it waits."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await self.settle()
                if not task.done():
                    self._wake_next()
            return task.result()
        finally:
            task.cancel()

    async def run_until(self, moment: float) -> None:
        """Let time pass up to this second for tasks that are already under way."""
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= moment:
            self._wake_next()
            await self.settle()
        self.seconds = max(self.seconds, moment)

    async def settle(self) -> None:
        # What is about to run, as asyncio's own loop keeps it; no public way tells that everybody waits.
        ready: Sized = getattr(asyncio.get_running_loop(), "_ready", "unknown")
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)
            if not ready:
                return

    def _wake_next(self) -> None:
        assert self._sleepers, "everything waits, and nothing is due"
        moment, _, future = heapq.heappop(self._sleepers)
        self.seconds = max(self.seconds, moment)
        if not future.done():
            future.set_result(None)
