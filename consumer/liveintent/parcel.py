"""What the sinks of direct calls have in common: calls that are sent together, and what came of them."""

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from consumer.direct_calls.call import DirectCall
from consumer.liveintent.exchange import Exchange, Withdrawn
from consumer.liveintent.http_reply import Reply
from consumer.liveintent.upload_outcome import (
    NotFound,
    Operation,
    OutcomeUnknown,
    Refused,
    RetryLater,
    SignedUrlRefused,
    Success,
    Unauthorised,
)


class Parcel(Protocol):
    """Calls that go in one request; the sink asks for them at the last moment, each time it tries."""

    def load(self) -> Sequence[DirectCall]:
        """The calls that are still to be sent, and are now; none when there is nothing to send any more."""
        ...

    def unload(self) -> None:
        """They were certainly not taken, and wait again."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """LiveIntent took the calls that were loaded last, but for those refused: a reason for each, by its place."""

    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PerhapsTaken:
    """They were sent, no answer came, and nothing tells whether they were taken: they must not be sent again."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """LiveIntent will not take them together as they are; by themselves some may be taken."""

    detail: str


Sent = Taken | PerhapsTaken | NotTaken | Withdrawn


class Sink(Protocol):
    """One way to tell LiveIntent of direct calls."""

    calls_max: int
    """Most calls in one parcel."""

    async def send(self, parcel: Parcel) -> Sent:
        """Send until it is decided, however long an outage lasts. Safe to cancel; what was sent by then was sent."""
        ...


async def decided(
    exchange: Exchange,
    operation: Operation,
    parcel: Parcel,
    send: Callable[[str, Sequence[DirectCall]], Awaitable[Reply]],
) -> Success[object] | Refused | OutcomeUnknown | Withdrawn:
    """Try until the answer is one that repeating cannot change."""

    async def once(token: str) -> Reply | None:
        calls = parcel.load()
        return await send(token, calls) if calls else None

    for attempt in itertools.count():
        outcome = await exchange.attempt(operation, once, _as_it_is)
        match outcome:
            case RetryLater():
                parcel.unload()
                await exchange.put_off(operation, outcome, attempt=attempt)
            case Unauthorised():
                parcel.unload()  # the gate makes the next attempt wait
            case NotFound() | SignedUrlRefused():
                message = f"{operation} is about no audience and no file"
                raise TypeError(message)
            case _:
                return outcome
    raise AssertionError  # pragma: no cover - the loop has no end


def _as_it_is(said: object) -> object:
    return said
