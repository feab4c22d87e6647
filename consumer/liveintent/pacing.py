"""No more requests at once, or per second, than LiveIntent is asked to bear."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from consumer.liveintent.clock import Clock
from consumer.liveintent.gate import Held
from consumer.liveintent.turns import Line, Ticket, Turns

_BURST_SECONDS = 0.1
_WHOLE = 1.0 - 1e-6


def _nothing() -> None:
    pass


class TokenBucket:
    """A rate with a burst of a tenth of a second's worth, at least one. Pure: time is passed in.

    LiveIntent publishes no limit; should it count by the second, a burst of a second's worth would be twice too many.
    """

    def __init__(self, *, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._size = max(1.0, _BURST_SECONDS * per_second)
        self._tokens = self._size
        self._filled_at = now
        self._not_before = now

    def wait_seconds(self, now: float) -> float:
        """How long until one can be taken; 0 when it can be taken now."""
        self._fill(now)
        # A wait too small to move the clock would be waited for without end.
        missing = 1.0 - self._tokens if self._tokens < _WHOLE else 0.0
        return max(missing / self._per_second, self._not_before - now, 0.0)

    def take(self, now: float) -> None:
        """Use one up."""
        self._fill(now)
        self._tokens -= 1.0

    def hold_until(self, moment: float) -> None:
        """Give out none before `moment`."""
        self._not_before = max(self._not_before, moment)

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._filled_at) * self._per_second
        self._tokens = min(self._size, self._tokens + gained)
        self._filled_at = now


class Pacing:
    """Slots for requests to one host, shared fairly: see `Turns`."""

    def __init__(
        self,
        *,
        requests_per_second: float,
        concurrency: int,
        clock: Clock,
        on_turn: Callable[[], None] = _nothing,
    ) -> None:
        """`on_turn` is called whenever fewer calls wait."""
        self._clock = clock
        self._on_turn = on_turn
        self._bucket = TokenBucket(per_second=requests_per_second, now=clock.now())
        self._turns = Turns(slots=concurrency)
        self._bells: dict[Ticket, asyncio.Event] = {}
        self._hold: _Hold | None = None

    @property
    def held(self) -> Held | None:
        """Since when, until when and why no request starts; None when LiveIntent does not ask us to wait."""
        now = self._clock.now()
        if self._hold is None or now >= self._hold.until:
            return None
        return Held(now - self._hold.since, self._hold.until - now, self._hold.reason)

    def waiting(self, line: Line) -> int:
        """How many calls wait in this line for their turn."""
        return self._turns.waiting(line)

    @asynccontextmanager
    async def slot(self, line: Line) -> AsyncIterator[None]:
        """Room for one request. Waits its turn; safe to cancel."""
        ticket = self._turns.join(line)
        self._bells[ticket] = asyncio.Event()
        try:
            await self._turn_of(ticket)
        except BaseException:
            self._turns.leave(ticket)
            raise
        else:
            self._bucket.take(self._clock.now())
            self._turns.start(ticket)
        finally:
            del self._bells[ticket]
            self._ring()
            self._on_turn()
        try:
            yield
        finally:
            self._turns.end(ticket)
            self._ring()

    def hold(self, seconds: float, reason: str) -> bool:
        """Start no request for this long: LiveIntent asked for it, of all of us and not of one lane.

        True when this begins a hold, False when it prolongs one. `reason` is for people, and safe to show.
        """
        now = self._clock.now()
        held = self._hold if self.held else None
        if held is None:
            self._hold = _Hold(now, now + seconds, reason)
        else:
            self._hold = _Hold(held.since, max(held.until, now + seconds), reason)
        self._bucket.hold_until(self._hold.until)
        return held is None

    async def _turn_of(self, ticket: Ticket) -> None:
        """Return when it is the ticket's turn and the rate allows a request."""
        bell = self._bells[ticket]
        self._ring()
        while True:
            await bell.wait()
            if self._turns.next() is not ticket:
                bell.clear()  # the other line goes first after all; it rings for us when it has gone
            elif (wait := self._bucket.wait_seconds(self._clock.now())) > 0:
                await self._clock.sleep(wait)
            else:
                return

    def _ring(self) -> None:
        """Wake whose turn it is. Of the many who wait no other has a reason to look."""
        if (ticket := self._turns.next()) is not None:
            self._bells[ticket].set()


@dataclass(frozen=True, slots=True)
class _Hold:
    since: float
    until: float
    reason: str
