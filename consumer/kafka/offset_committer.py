"""Commits what is finished, on a timer."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from confluent_kafka import KafkaException

from consumer.kafka.offset_ledger import CommitOffset
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class CommitSource(Protocol):
    """Who knows what is finished."""

    def commitable(self) -> Sequence[CommitOffset]:
        """What may be committed and has not been."""
        ...

    def committed(self, offsets: Sequence[CommitOffset]) -> None:
        """These offsets, as `commitable` gave them, are committed."""
        ...


class Commit(Protocol):
    """Commits without waiting; `done` is called on the loop with None or what went wrong. `RecordReader.commit`."""

    def __call__(
        self, offsets: Sequence[CommitOffset], done: Callable[[Exception | None], None]
    ) -> None:
        """Start one commit."""
        ...


class OffsetCommitter:
    """At most one commit is out; what is finished meanwhile goes with the next. A failed one is offered again.

    Lives on the event loop.
    """

    def __init__(
        self,
        *,
        source: CommitSource,
        commit: Commit,
        metrics: Metrics,
        interval_seconds: float = 1.0,
        now: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._commit = commit
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self._now = now
        self._unix_time = unix_time
        self._out_since: float | None = None
        self.last_error: str | None = None
        """What went wrong with the latest commit; None when it succeeded, or there was none."""
        self.last_success: float | None = None
        """When offsets were last committed or found up to date, on `now`'s clock."""

    async def run(self) -> None:
        """Commit every interval, until cancelled. Safe to cancel: what was not committed is read again."""
        while True:
            self.commit_finished()
            await asyncio.sleep(self._interval_seconds)

    def commit_finished(self) -> None:
        """Ask for one commit of all that is finished, unless the one before it is still out."""
        if self._out_since is not None:
            return
        offsets = self._source.commitable()
        if not offsets:
            self._succeed()
            return
        asked_at = self._out_since = self._now()
        self._commit(offsets, lambda error: self._answered(offsets, asked_at, error))

    def _answered(
        self, offsets: Sequence[CommitOffset], asked_at: float, error: Exception | None
    ) -> None:
        self._out_since = None
        self._metrics.offset_commit_seconds.observe(self._now() - asked_at)
        if error is None:
            self._metrics.offset_commits.labels("ok").inc()
            self._source.committed(offsets)
            self._succeed()
            return
        self._metrics.offset_commits.labels("failed").inc()
        reason = error_name(error)
        if reason != self.last_error:
            log.warning("Offsets were not committed; they will be offered again.", error=reason)
        self.last_error = reason

    def _succeed(self) -> None:
        if self.last_error is not None:
            log.info("Offsets are committed again.")
        self.last_error = None
        self.last_success = self._now()
        self._metrics.last_commit_timestamp.set(self._unix_time())


def error_name(error: Exception) -> str:
    """Return a short name for what went wrong: librdkafka's, such as REBALANCE_IN_PROGRESS, or the exception's."""
    if isinstance(error, KafkaException):
        return str(error.args[0].name())
    return type(error).__name__
