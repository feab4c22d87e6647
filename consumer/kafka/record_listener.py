"""What passes between the reader's thread and the event loop."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consumer.errors import SegmentLiveIntentError
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.record import KafkaRecord


@dataclass(frozen=True, slots=True, eq=False)
class RecordBatch:
    """Records read together, in the order Kafka gave them for each partition. `size_bytes` is their own bytes."""

    records: tuple[KafkaRecord, ...]
    size_bytes: int


class RecordListener(Protocol):
    """Whom the reader tells. Every method is called on the event loop, in the order things happened."""

    def on_assigned(self, partitions: Sequence[PartitionId], assignment: int) -> None:
        """These partitions are ours from now on, under this number, which was not used before."""
        ...

    def on_records(self, batch: RecordBatch) -> None:
        """Records were read. `RecordReader.taken` is to be called once they are worked through."""
        ...

    async def on_revoked(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        """Finish what can be finished soon, and return what to commit last. The poll loop waits meanwhile.

        Cancelled, and followed by `on_lost`, when it outlasts the drain time by a second.
        """
        ...

    def on_lost(self, partitions: Sequence[PartitionId]) -> None:
        """These partitions are somebody else's already, or start again: what is read of them no longer counts."""
        ...

    def on_failed(self, error: SegmentLiveIntentError) -> None:
        """The process must end with this error. Told once."""
        ...


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How much may be handed over and not yet taken. Bytes are the records' own."""

    records: int = 4_000
    size_bytes: int = 8 * 1024 * 1024


class IntakeWindow:
    """Counts what was handed over and not yet taken. Safe from any thread."""

    def __init__(self, limits: IntakeLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._records = 0
        self._size_bytes = 0

    def handed_over(self, batch: RecordBatch) -> None:
        """Count a batch in, before the listener can see it."""
        with self._lock:
            self._records += len(batch.records)
            self._size_bytes += batch.size_bytes
            if self._full():
                self._room.clear()

    def taken(self, batch: RecordBatch) -> None:
        """Count a batch out."""
        with self._lock:
            self._records -= len(batch.records)
            self._size_bytes -= batch.size_bytes
            if not self._full():
                self._room.set()

    def is_full(self) -> bool:
        """Whether nothing more should be handed over."""
        with self._lock:
            return self._full()

    def is_half_empty(self) -> bool:
        """Whether reading may go on after a pause. Well below full, because each pause throws the prefetch away."""
        with self._lock:
            return (
                self._records * 2 <= self._limits.records
                and self._size_bytes * 2 <= self._limits.size_bytes
            )

    def wait_for_room(self, seconds: float) -> None:
        """Block until there is room or someone calls `wake`, at most so long."""
        self._room.wait(seconds)

    def wake(self) -> None:
        """End a wait early."""
        self._room.set()

    def _full(self) -> bool:
        return self._records >= self._limits.records or self._size_bytes >= self._limits.size_bytes
