"""Which records are finished, and so what is safe to commit; the books of every record that was read.

Per partition the ledger keeps the records in *delivery order*: offsets have gaps (compaction, transaction markers),
so "the next offset" is never assumed. What may be committed is the offset after the last record below which all
are finished. A partition that is taken away is closed: results that come in for it later change nothing.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from consumer.kafka.record_weight import FINISHED_BYTES, parts_weight_bytes, unfinished_weight_bytes
from consumer.record import Books, Delivered, Ignored, IgnoreReason, KafkaRecord, Outcome, Rejected

_PRECEDENCE = {reason: place for place, reason in enumerate(IgnoreReason)}


class PartitionId(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class CommitOffset(NamedTuple):
    """The next offset to read from one partition, with the leader epoch of the record before it."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int | None


class Entry:
    """One record's place in the ledger, from delivery to its last finished part."""

    __slots__ = (
        "leader_epoch",
        "ledger",
        "next_offset",
        "parts_left",
        "read_at",
        "record",
        "rejection",
        "sent",
        "started",
        "weight_bytes",
        "why",
    )

    def __init__(self, record: KafkaRecord, partition: "_PartitionLedger", read_at: float) -> None:
        # Given up when the record is finished, so that a record held back by an older one costs next to nothing.
        self.record: KafkaRecord | None = record
        self.next_offset = record.next_offset
        self.leader_epoch = record.leader_epoch
        self.read_at = read_at
        self.ledger = partition
        # What the budget is charged for it; grows with its changes.
        self.weight_bytes = unfinished_weight_bytes(record)
        self.parts_left = 1
        # Set by whoever takes the record up.
        self.started = False
        self.sent = False
        self.why: IgnoreReason | None = None
        self.rejection: Rejected | None = None

    @property
    def partition(self) -> PartitionId:
        """The partition it was read from."""
        return self.ledger.id

    @property
    def released(self) -> bool:
        """Whether its partition is no longer ours: nothing that happens to it counts any more."""
        return self.ledger.closed

    @property
    def wanted(self) -> bool:
        """Whether work on it is worth starting: it is unfinished, and its partition is not about to leave us."""
        return self.record is not None and self.ledger.taking

    @property
    def rejected(self) -> bool:
        """Whether a part of it has been rejected already, so that its dead letter is under way or written."""
        return self.rejection is not None


class _PartitionLedger:
    __slots__ = (
        "assignment",
        "closed",
        "committed",
        "entries",
        "id",
        "offered",
        "taking",
        "unfinished",
        "watermark",
    )

    def __init__(self, partition: PartitionId, assignment: int) -> None:
        self.id = partition
        self.assignment = assignment
        self.entries: deque[Entry] = deque()
        self.unfinished = 0
        self.watermark: CommitOffset | None = None
        self.offered: CommitOffset | None = None
        self.committed: CommitOffset | None = None
        self.taking = True
        self.closed = False

    def advance(self) -> int:
        """Move the watermark over everything finished at the low end; how many entries that freed."""
        freed = 0
        last = None
        while self.entries and self.entries[0].record is None:
            last = self.entries.popleft()
            freed += 1
        if last is not None:
            self.watermark = CommitOffset(*self.id, last.next_offset, last.leader_epoch)
        return freed


class OffsetLedger:
    """The ledger of all partitions this process owns. Belongs to one thread, the event loop's."""

    def __init__(self) -> None:
        self._partitions: dict[PartitionId, _PartitionLedger] = {}
        self.books = Books()
        self.pending_bytes = 0

    def assign(self, partitions: Iterable[PartitionId], assignment: int) -> None:
        """Start an empty ledger for each partition; `assignment` must be a number not used before."""
        for partition in partitions:
            self._partitions[partition] = _PartitionLedger(partition, assignment)

    def deliver(self, record: KafkaRecord, *, now: float) -> Entry | None:
        """Open an entry for a record just read. None if it belongs to an assignment that is over."""
        ledger = self._partitions.get(PartitionId(record.topic, record.partition))
        if ledger is None or not ledger.taking or ledger.assignment != record.assignment:
            return None
        entry = Entry(record, ledger, now)
        ledger.entries.append(entry)
        ledger.unfinished += 1
        self.books.consumed += 1
        self.books.pending += 1
        self.pending_bytes += entry.weight_bytes
        return entry

    def split(
        self,
        entry: Entry,
        parts: int,
        ignored: Iterable[IgnoreReason] = (),
        *,
        events: int = 1,
        more_bytes: int = 0,
    ) -> None:
        """Say how many parts (at least one) of how many events are not ignored already, and what more they weigh. Once."""
        entry.parts_left = parts
        if not entry.released:
            weight_bytes = parts_weight_bytes(parts, events) + more_bytes
            entry.weight_bytes += weight_bytes
            self.pending_bytes += weight_bytes
        for reason in ignored:
            _note_reason(entry, reason)

    def finish(self, entry: Entry, outcome: Outcome) -> None:
        """One part of the record is finished. With the last part the record is, and is counted once.

        A record is rejected if any part was, else delivered if any part was sent, else ignored with the first of
        its reasons. Nothing happens if the record's partition is no longer ours.
        """
        if entry.released:
            return
        match outcome:
            case Delivered():
                entry.sent = True
            case Ignored(reason):
                _note_reason(entry, reason)
            case _:
                self.reject(entry, outcome)
        entry.parts_left -= 1
        if entry.parts_left == 0:
            self._close_entry(entry)

    def reject(self, entry: Entry, rejected: Rejected) -> None:
        """Remember that a part of the record is refused, before its dead letter is written. Finishes nothing."""
        if entry.rejection is None:
            entry.rejection = rejected

    def commitable(self) -> list[CommitOffset]:
        """What may be committed and has not been, for every partition."""
        offered = []
        for ledger in self._partitions.values():
            if ledger.watermark is not None and ledger.watermark != ledger.committed:
                ledger.offered = ledger.watermark
                offered.append(ledger.watermark)
        return offered

    def anchor(self) -> CommitOffset | None:
        """An offset that may be committed at any time, for what the answer proves; None when nothing was read.

        It never moves the group: it is committed already, or is the lowest unfinished record's own.
        """
        for ledger in self._partitions.values():
            if ledger.watermark is not None:
                return ledger.watermark
            if ledger.entries:
                lowest = ledger.entries[0]
                return CommitOffset(*ledger.id, lowest.next_offset - 1, lowest.leader_epoch)
        return None

    def committed(self, offsets: Sequence[CommitOffset]) -> None:
        """These offsets, as `commitable` gave them, are committed."""
        for offset in offsets:
            ledger = self._partitions.get(PartitionId(offset.topic, offset.partition))
            # The very same, not an equal one: an answer that outlived its assignment must not make a new one, which
            # has come as far, believe that it has nothing to commit.
            if ledger is not None and offset is ledger.offered:
                ledger.committed = offset

    def stop_taking(self, partitions: Collection[PartitionId]) -> None:
        """Refuse further records of these partitions, while what was taken may still finish."""
        for partition in partitions:
            if partition in self._partitions:
                self._partitions[partition].taking = False

    def revoke(self, partitions: Collection[PartitionId]) -> list[CommitOffset]:
        """Close these partitions: release what is not finished, and give what is to be committed last."""
        last = []
        for partition in partitions:
            ledger = self._partitions.pop(partition, None)
            if ledger is None:
                continue
            if ledger.watermark is not None and ledger.watermark != ledger.committed:
                last.append(ledger.watermark)
            self._release(ledger)
        return last

    def partitions(self) -> list[PartitionId]:
        """The partitions this process owns."""
        return list(self._partitions)

    def watermark(self, partition: PartitionId) -> int | None:
        """The offset up to which the partition's records are finished in this assignment, if any is."""
        ledger = self._partitions.get(partition)
        return (
            ledger.watermark.offset if ledger is not None and ledger.watermark is not None else None
        )

    def committed_offset(self, partition: PartitionId) -> int | None:
        """The offset that was committed last in this assignment, if any was."""
        ledger = self._partitions.get(partition)
        return (
            ledger.committed.offset if ledger is not None and ledger.committed is not None else None
        )

    def oldest_unfinished(self, partition: PartitionId) -> Entry | None:
        """The record that holds back the partition's commit."""
        ledger = self._partitions.get(partition)
        return ledger.entries[0] if ledger is not None and ledger.entries else None

    def unfinished(self, partition: PartitionId) -> int:
        """How many of the partition's records are read and not finished."""
        ledger = self._partitions.get(partition)
        return ledger.unfinished if ledger is not None else 0

    def _close_entry(self, entry: Entry) -> None:
        ledger = entry.ledger
        if entry.record is None:
            raise RuntimeError("a record was finished more often than it has parts")
        books = self.books
        if entry.rejection is not None:
            books.dead_lettered[entry.rejection.reason] += 1
        elif entry.sent or entry.why is None:
            books.delivered += 1
        else:
            books.ignored[entry.why] += 1
        books.pending -= 1
        self.pending_bytes -= entry.weight_bytes
        entry.weight_bytes = FINISHED_BYTES
        self.pending_bytes += entry.weight_bytes
        entry.record = None
        ledger.unfinished -= 1
        self.pending_bytes -= ledger.advance() * FINISHED_BYTES

    def _release(self, ledger: _PartitionLedger) -> None:
        ledger.closed = True
        for entry in ledger.entries:
            self.pending_bytes -= entry.weight_bytes
            if entry.record is not None:
                self.books.released += 1
                self.books.pending -= 1
                entry.record = None


def _note_reason(entry: Entry, reason: IgnoreReason) -> None:
    if entry.why is None or _PRECEDENCE[reason] < _PRECEDENCE[entry.why]:
        entry.why = reason
