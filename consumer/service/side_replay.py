"""A replay beside the live group, from its first record to the moment at which nothing it sent can be older."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from consumer.audience.replay_rounds import ReplayRounds
from consumer.kafka.offset_ledger import OffsetLedger, PartitionId
from consumer.kafka.record_reader import RecordReader
from consumer.kafka.side_group import SideSpan

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2


class SideReplay:
    """Runs the rounds. Lives on the event loop."""

    def __init__(
        self,
        *,
        span: SideSpan,
        rounds: ReplayRounds,
        reader: RecordReader,
        ledger: OffsetLedger,
        log_ends: Callable[[], Mapping[PartitionId, int]],
    ) -> None:
        """Build it before the reader starts: nothing beyond the span may slip through. `log_ends` blocks."""
        self.span = span
        self._rounds = rounds
        self._reader = reader
        self._ledger = ledger
        self._log_ends = log_ends
        reader.read_up_to(span.ends)
        self.is_over = False
        """Whether all was delivered."""

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver the span, then what has changed since, until nothing has; then set `stop`. Safe to cancel."""
        span, ends, number = self.span, self.span.ends, 1
        log.info(
            "A replay beside the live group begins.",
            group=span.group, is_resumed=span.is_resumed, partitions=len(ends),
        )  # fmt: skip
        while not span.is_done:
            await self._finished(ends)
            if not self._rounds.has_sent:
                break
            log.info(
                "A round of the replay is over; what has changed meanwhile is next.", round=number
            )
            # Only now, with everything of this round finished: what is read beyond was not sent before ours.
            ends = await asyncio.to_thread(self._log_ends)
            self._rounds.next_round()
            self._reader.read_up_to(ends)
            number += 1
        self.is_over = True
        log.info("The replay is over.", rounds=number, was_done_already=span.is_done)
        stop.set()

    async def _finished(self, ends: Mapping[PartitionId, int]) -> None:
        while True:
            positions = self._reader.positions
            if all(positions.get(each, -1) >= end for each, end in ends.items()):
                # The reader's thread is ahead of what it has handed over.
                await self._reader.caught_up()
                if not self._ledger.books.pending:
                    return
            await asyncio.sleep(_LOOK_SECONDS)
