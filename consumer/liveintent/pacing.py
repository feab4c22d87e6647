"""No more requests at once, or per second, than LiveIntent is asked to bear."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumer.liveintent.clock import Clock


class TokenBucket:
    """A rate with a burst of one second's worth. Pure: time is passed in."""

    def __init__(self, *, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._size = max(1.0, per_second)
        self._tokens = self._size
        self._filled_at = now
        self._not_before = now

    def wait_seconds(self, now: float) -> float:
        """How long until one can be taken; 0 when it can be taken now."""
        self._fill(now)
        missing = max(0.0, 1.0 - self._tokens)
        return max(missing / self._per_second, self._not_before - now, 0.0)

    def take(self, now: float) -> None:
        """Use one up."""
        self._fill(now)
        self._tokens -= 1.0

    def hold_until(self, moment: float) -> None:
        """Give out none before `moment`."""
        self._not_before = max(self._not_before, moment)

    def is_held(self, now: float) -> bool:
        """Whether none is given out now, however many there are."""
        return now < self._not_before

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._filled_at) * self._per_second
        self._tokens = min(self._size, self._tokens + gained)
        self._filled_at = now


class Pacing:
    """Slots for requests to one host, given out in the order they were asked for."""

    def __init__(self, *, requests_per_second: float, concurrency: int, clock: Clock) -> None:
        self._clock = clock
        self._bucket = TokenBucket(per_second=requests_per_second, now=clock.now())
        self._slots = asyncio.Semaphore(concurrency)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Room for one request. Waits its turn; safe to cancel."""
        # Both wake their waiters first come, first served, so the order survives the two stages.
        async with self._slots:
            async with self._turn:
                while (wait := self._bucket.wait_seconds(self._clock.now())) > 0:
                    await self._clock.sleep(wait)
                self._bucket.take(self._clock.now())
            yield

    def hold(self, seconds: float) -> bool:
        """Start no request for this long: LiveIntent asked for it, of all of us and not of one lane.

        True when this begins a hold, False when it prolongs one.
        """
        now = self._clock.now()
        begins = not self._bucket.is_held(now)
        self._bucket.hold_until(now + seconds)
        return begins
