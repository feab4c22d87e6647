"""Records in: the only way to the Kafka consumer, which lives in a thread of its own."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from consumer.kafka.commit_queue import CommitDone
from consumer.kafka.first_start import FirstStartPoint, PartitionStarts
from consumer.kafka.group_lease import GroupLease
from consumer.kafka.last_commit import LastCommit
from consumer.kafka.listener_bridge import ListenerBridge
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.poll_loop import PollLoop
from consumer.kafka.record_listener import IntakeLimits, IntakeWindow, RecordBatch, RecordListener
from consumer.kafka.replay_marker import ReplayMarker
from consumer.telemetry.metrics import Metrics

__all__ = ["IntakeLimits", "RecordBatch", "RecordListener", "RecordReader"]

log = structlog.get_logger(__name__)

# `close` answers within milliseconds, unless a commit is out and its broker is gone: then it never does.
_CLOSE_SECONDS = 2.0

_DEFAULT_LIMITS = IntakeLimits()


class RecordReader:
    """Reads records and hands them to the listener; pauses, commits and stops on request.

    Belongs to the event loop. Polling goes on whatever happens, so the group never takes us for dead while the loop
    is alive. What is handed over and not `taken` is bounded by `limits`, give or take one batch. `lease` is kept: every
    answered commit renews it, every partition that leaves ends it.
    """

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        properties: Mapping[str, str],
        topics: Sequence[str],
        first_start: FirstStartPoint | None,
        listener: RecordListener,
        lease: GroupLease,
        loop: asyncio.AbstractEventLoop,
        metrics: Metrics,
        drain_seconds: float,
        limits: IntakeLimits = _DEFAULT_LIMITS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._now = now
        self._window = IntakeWindow(limits)
        self._bridge = ListenerBridge(listener, loop=loop, drain_seconds=drain_seconds)
        self._polling = PollLoop(
            properties=properties,
            topics=topics,
            starts=PartitionStarts(
                group_id=properties["group.id"], first_start=first_start, now=now
            ),
            bridge=self._bridge,
            window=self._window,
            lease=lease,
            metrics=metrics,
            now=now,
        )
        self._thread: threading.Thread | None = None
        self._ended = asyncio.Event()

    def start(self) -> None:
        """Begin to read. Returns at once; what goes wrong from here on is told to the listener."""
        # A daemon: `stop` may have to leave it behind, stuck inside librdkafka.
        # Its log lines carry what ours do.
        run = partial(contextvars.copy_context().run, self._run)
        self._thread = threading.Thread(target=run, name="kafka-reader", daemon=True)
        self._thread.start()

    def taken(self, batch: RecordBatch) -> None:
        """Make room again for as much as this batch holds."""
        self._window.taken(batch)

    def pause(self, reason: str) -> None:
        """Fetch no records while this reason stands, soon. Polling goes on, records on their way still come."""
        self._polling.commands.put(
            lambda consumer: self._polling.assignment.pause(consumer, reason)
        )

    def resume(self, reason: str) -> None:
        """Withdraw a reason; with the last one fetching goes on."""
        self._polling.commands.put(
            lambda consumer: self._polling.assignment.resume(consumer, reason)
        )

    def read_up_to(self, ends: Mapping[PartitionId, int]) -> None:
        """Hand over nothing from these offsets on, until they are moved on; partitions without one are read for ever."""
        self._polling.commands.put(lambda consumer: self._polling.bounds.move_on(consumer, ends))

    async def caught_up(self) -> None:
        """Return once everything that was handed over before has been told to the listener."""
        told = asyncio.Event()
        self._polling.commands.put(lambda _: self._bridge.post(told.set))
        await told.wait()

    def commit(self, offsets: Sequence[CommitOffset], done: CommitDone) -> None:
        """Commit the offsets, those of partitions no longer ours left out.

        `done` is called on the loop once Kafka has answered, with None or with what went wrong; with no coordinator
        in reach that takes about a session's time-out.
        """
        self._polling.commands.put(
            lambda consumer: self._polling.commits.submit(
                consumer, offsets, lambda error: self._bridge.post(done, error)
            )
        )

    async def stop(
        self,
        offsets: Callable[[], Sequence[CommitOffset]] | Sequence[CommitOffset],
        *,
        commit_seconds: float,
    ) -> None:
        """Stop reading, commit these offsets, leave the group; within `commit_seconds` and a few more, whatever happens.

        Nothing is handed over any more, and `on_revoked` is not asked. Work that is to be in the offsets must be
        finished before. A reader that was never started, or has ended, is stopped already.
        """
        if self._thread is None:
            return
        last = LastCommit(
            offsets() if callable(offsets) else offsets, deadline=self._now() + commit_seconds
        )
        self._polling.stop(last)
        try:
            async with asyncio.timeout(commit_seconds + _CLOSE_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            log.warning(
                "The Kafka consumer did not leave its group in time; the group will notice by itself.",
                commit_seconds=commit_seconds,
            )

    # For health and status, from any thread

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def last_error(self, *, within_seconds: float) -> str | None:
        """What the Kafka client reported last, recovered from or not; None if that was too long ago, or never."""
        return self._polling.errors.last(within_seconds=within_seconds)

    @property
    def last_poll(self) -> float | None:
        """When the poll loop last came round, on `now`'s clock; None before it first did."""
        return self._polling.last_poll

    @property
    def paused(self) -> frozenset[str]:
        """Why nothing is fetched; empty while it is."""
        return self._polling.assignment.reasons

    @property
    def assignment(self) -> tuple[PartitionId, ...]:
        """The partitions we hold."""
        return tuple(self._polling.assignment.numbers)

    @property
    def positions(self) -> dict[PartitionId, int]:
        """The next offset to read of each partition of which something was read, or that has nothing to read."""
        positions = dict(self._polling.assignment.positions)
        for partition, end in dict(self._polling.assignment.ends).items():
            positions[partition] = max(end, positions.get(partition, end))
        return positions

    @property
    def markers(self) -> Mapping[PartitionId, ReplayMarker]:
        """The replays that set the offsets of partitions we hold, as far as their markers tell."""
        return self._polling.markers.markers

    def _run(self) -> None:
        try:
            self._polling.run()
        finally:
            self._bridge.post(self._ended.set)
