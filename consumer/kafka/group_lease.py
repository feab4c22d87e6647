"""How long the partitions we hold are surely ours: what a file may be made of, and until when.

A process that is stopped for a while (SIGSTOP, a frozen machine) comes back not knowing that its partitions are
somebody else's by now. A file it sends before it is told could undo what the new owner has sent.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from consumer.kafka.offset_ledger import CommitOffset

_SESSION_TIMEOUT: Final = "session.timeout.ms"
# Under KIP-848 the session's time-out is the broker's, 45 s unless somebody lowers it; we are told of neither.
_SESSION_UNKNOWN_SECONDS: Final = 15.0
_ASK_AGAIN_SECONDS: Final = 0.2


def lease_seconds(properties: Mapping[str, str]) -> float:
    """Return how long the group waits for a silent member, at least, given the consumer's properties."""
    session_ms = properties.get(_SESSION_TIMEOUT)
    return _SESSION_UNKNOWN_SECONDS if session_ms is None else float(session_ms) / 1000


class Claim(NamedTuple):
    """A question to the group's coordinator whose answer will prove that we were a member when it was asked."""

    term: int
    asked_at: float


class GroupLease:
    """Runs for `seconds` from the last question that proved us a member of the group. Pure: the clock is the caller's.

    The coordinator gives our partitions to others at the earliest a session's time-out after it last heard of us (source:
    Kafka's group protocol), and every commit it takes is such a sign of life. The lease ends at once when a partition
    leaves us; a question asked before that proves nothing any more.

    Changed by the reader's thread only; `holds` may be asked from any.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._term = 0
        self._until = -math.inf

    def claim(self, now: float) -> Claim:
        """Remember when a question is asked."""
        return Claim(self._term, now)

    def confirm(self, claim: Claim) -> None:
        """The coordinator took us for a member when it answered this."""
        if claim.term == self._term:
            self._until = max(self._until, claim.asked_at + self.seconds)

    def end(self) -> None:
        """A partition left us. Only questions asked from now on count."""
        self._term += 1
        self._until = -math.inf

    def holds(self, now: float) -> bool:
        """Whether nobody else can have been given our partitions yet."""
        return now < self._until

    def is_fresh(self, now: float) -> bool:
        """Whether more than half of it is left, so that there is no need to ask."""
        return now < self._until - self.seconds / 2


class Commit(Protocol):
    """Commits without waiting; `done` is called on the loop with None or what went wrong. `RecordReader.commit`."""

    def __call__(
        self, offsets: Sequence[CommitOffset], done: Callable[[Exception | None], None]
    ) -> None:
        """Start one commit."""
        ...


class LeaseRenewal:
    """Asks the coordinator when somebody needs the lease: commits again what is committed. Lives on the event loop."""

    def __init__(
        self,
        lease: GroupLease,
        *,
        commit: Commit,
        anchor: Callable[[], CommitOffset | None],
        now: Callable[[], float],
    ) -> None:
        """`anchor` gives any offset that may be committed at this moment; None when we hold nothing."""
        self._lease = lease
        self._commit = commit
        self._anchor = anchor
        self._now = now
        self._asked: asyncio.Future[None] | None = None

    def holds(self) -> bool:
        """Whether a file may be made of what we hold, at this moment."""
        return self._lease.holds(self._now())

    async def renew(self) -> bool:
        """Whether the lease runs; if it does not, after asking once. False also after a moment's rest.

        One that is half over is used while it is being renewed: during a revoke the reader's thread waits for our
        uploads, and cannot ask. With no coordinator in reach the answer takes about a session's time-out. Safe to cancel.
        """
        now = self._now()
        if not self._lease.is_fresh(now):
            self._ask()
        if self._lease.holds(now):
            return True
        if self._asked is not None:
            await asyncio.shield(self._asked)
        if self.holds():
            return True
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return False

    def _ask(self) -> None:
        if self._asked is None and (anchor := self._anchor()) is not None:
            self._asked = asyncio.get_running_loop().create_future()
            self._commit([anchor], self._answered)

    def _answered(self, _error: Exception | None) -> None:
        # What the answer proves, the reader's thread has told the lease already.
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_result(None)
