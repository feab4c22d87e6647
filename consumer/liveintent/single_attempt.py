"""Calls that are made once, for those who only look: no waiting for LiveIntent to recover."""

from collections.abc import Callable
from typing import Any, TypeVar

from consumer.liveintent.exchange import Decided, Exchange, Send
from consumer.liveintent.turns import Line
from consumer.liveintent.upload_outcome import Operation, RetryLater, Unauthorised

T = TypeVar("T")


class Undecided(Exception):
    """The one attempt did not decide it. `outcome` says why, and is safe to show."""

    def __init__(self, outcome: RetryLater | Unauthorised) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class SingleAttempts(Exchange):
    """An Exchange that makes each call once. After a failure, throw it away: the next call may be held back."""

    async def decide(
        self,
        operation: Operation,
        send: Send,
        read: Callable[[Any], T],
        *,
        caller: str = "",
        line: Line = Line.EXPRESS,
    ) -> Decided[T]:
        """Call once. Raises Undecided where the service would try again."""
        outcome = await self.attempt(operation, send, read, caller=caller, line=line)
        if isinstance(outcome, RetryLater | Unauthorised):
            raise Undecided(outcome)
        return outcome
