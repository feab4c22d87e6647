"""The way out for records that cannot be delivered: dead letter first, then the ledger, and a limit on both."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from consumer.errors import DeadLetterLimitReached
from consumer.kafka.dead_letters import DeadLetterLimit
from consumer.kafka.offset_ledger import Entry, OffsetLedger
from consumer.record import KafkaRecord, Rejected, RejectReason

log = structlog.get_logger(__name__)

# A dead letter under way is a copy of its record, a task and a place in librdkafka's queue: some 10 KB beside its bytes.
WRITES_MAX = 500
WRITES_MAX_BYTES = 16 * 2**20
# Segment deletes up to 5,000 users with one call, and each deletion may carry nothing but a user id.
_NO_SIGN_OF_A_BAD_DEPLOY = frozenset({RejectReason.UNUSABLE_DELETION})
_Refused = tuple[Entry, Rejected, str]


class DeadLetterWriter(Protocol):
    """Writes one dead letter; returns when Kafka has it, however long that takes."""

    async def send(self, record: KafkaRecord, rejected: Rejected, *, stage: str) -> None:
        """Return once Kafka has it."""
        ...


@dataclass(frozen=True, slots=True)
class RecentRefusal:
    """How often a reason was met in this process, and when last (`now`'s clock)."""

    count: int
    last_at: float


class Refusals:
    """Dead-letters records, and finishes them in the ledger once Kafka has the dead letter, not before.

    A refused batch may be the whole memory budget, so only so many are written at a time.
    """

    def __init__(
        self,
        *,
        dead_letters: DeadLetterWriter,
        ledger: OffsetLedger,
        limit: DeadLetterLimit | None,
        tasks: asyncio.TaskGroup,
        now: Callable[[], float],
    ) -> None:
        self._dead_letters = dead_letters
        self._ledger = ledger
        self._limit = limit
        self._tasks = tasks
        self._now = now
        self._waiting: deque[_Refused] = deque()
        self._writes = self._writes_bytes = 0
        self.recent: dict[RejectReason, RecentRefusal] = {}

    def refuse(self, entry: Entry, rejected: Rejected, *, stage: str) -> None:
        """Send one record, or one part of it, to the dead letters.

        Raises DeadLetterLimitReached when too many were refused: the process must stop, and commits nothing past it.
        """
        self._count(rejected)
        self._write_once(entry, rejected, stage)

    def refuse_together(self, entries: Sequence[Entry], rejected: Rejected, *, stage: str) -> None:
        """Send the records of one refused batch to the dead letters.

        They share one cause, so they count once against the limit: a refused audience must not stop the others.
        """
        log.error(
            "Records were refused and go to the dead letters.",
            records=len(entries), reason=rejected.reason, stage=stage, detail=rejected.detail,
        )  # fmt: skip
        self._count(rejected)
        for entry in entries:
            self._write_once(entry, rejected, stage)

    def _count(self, rejected: Rejected) -> None:
        now = self._now()
        before = self.recent.get(rejected.reason)
        self.recent[rejected.reason] = RecentRefusal(1 if before is None else before.count + 1, now)
        if rejected.reason in _NO_SIGN_OF_A_BAD_DEPLOY:
            return
        if self._limit is not None and not self._limit.allows(now):
            message = (
                f"More than {self._limit.count} refusals within {self._limit.per_seconds:g} seconds, the last for "
                f"{rejected.reason}. That looks like a bad deploy or a wrong setting, not like bad data. "
                "Nothing past them was committed. Put that right and start again; `segment-liveintent dead-letters list` "
                "shows what was refused, `dead-letters redrive` puts it back. If the data is as bad as that, raise "
                "DEAD_LETTER_LIMIT."
            )
            raise DeadLetterLimitReached(message)

    def _write_once(self, entry: Entry, rejected: Rejected, stage: str) -> None:
        if entry.record is None:
            return
        if entry.rejected:
            # Another part's dead letter carries the whole record; this part only has to be counted off.
            self._ledger.finish(entry, rejected)
            return
        self._ledger.reject(entry, rejected)
        self._waiting.append((entry, rejected, stage))
        self._start_writes()

    def _start_writes(self) -> None:
        while self._waiting and self._writes < WRITES_MAX:
            entry, rejected, stage = self._waiting[0]
            record = entry.record
            if record is not None:  # else its partition has left us meanwhile
                # One that is larger than all that may be under way goes alone.
                if self._writes and self._writes_bytes + record.size_bytes > WRITES_MAX_BYTES:
                    return
                self._writes += 1
                self._writes_bytes += record.size_bytes
                self._tasks.create_task(self._write(entry, record, rejected, stage))
            self._waiting.popleft()

    async def _write(
        self, entry: Entry, record: KafkaRecord, rejected: Rejected, stage: str
    ) -> None:
        await self._dead_letters.send(record, rejected, stage=stage)
        self._writes -= 1
        self._writes_bytes -= record.size_bytes
        self._ledger.finish(entry, rejected)
        self._start_writes()
