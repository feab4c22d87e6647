"""The reader's thread speaking to the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TypeVarTuple, Unpack

import structlog

from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.record_listener import RecordListener

log = structlog.get_logger(__name__)

# What the listener's own drain may take beyond its time before it is cut off.
DRAIN_MARGIN_SECONDS = 1.0

_Arguments = TypeVarTuple("_Arguments")


class ListenerBridge:
    """Calls the listener on its loop, in order. Used from the reader's thread; silent once the loop is closed."""

    def __init__(
        self, listener: RecordListener, *, loop: asyncio.AbstractEventLoop, drain_seconds: float
    ) -> None:
        self.listener = listener
        self._loop = loop
        self._drain_seconds = drain_seconds

    def post(self, call: Callable[[Unpack[_Arguments]], object], *arguments: *_Arguments) -> None:
        """Have the loop call it soon, after everything posted before."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            log.debug("The event loop is gone; the reader ends alone.")

    def drain(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        """Let the listener finish with the partitions, for a bounded time; returns what it wants committed last."""
        draining = self.listener.on_revoked(partitions)
        try:
            answer = asyncio.run_coroutine_threadsafe(draining, self._loop)
        except RuntimeError:
            draining.close()
            return ()
        try:
            return answer.result(self._drain_seconds + DRAIN_MARGIN_SECONDS)
        except CancelledError:
            return ()
        except TimeoutError:
            if answer.done():
                raise
            answer.cancel()
            log.warning(
                "Partitions were given up before their work was drained; their records are read again.",
                partitions=len(partitions), drain_seconds=self._drain_seconds,
            )  # fmt: skip
            self.post(self.listener.on_lost, partitions)
            return ()
