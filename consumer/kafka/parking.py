"""Records of partitions that wait for something, each partition's in order, while other partitions go on."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection

from consumer.kafka.offset_ledger import Entry, PartitionId

Wait = Callable[[], Awaitable[object]]
"""Returns once what was waited for is there."""


class Parking:
    """Gives every record added to it its turn, once: in the order of its partition, and after what it waits for.

    The records are in the ledger and weigh there, so the memory budget bounds them. Belongs to the event loop.
    """

    def __init__(
        self,
        *,
        turn: Callable[[Entry], Wait | None],
        between: Callable[[], Awaitable[None]],
        failed: Callable[[BaseException], None],
    ) -> None:
        """`turn` gives one record its turn, and returns None, or what must be waited for first.

        `between` is awaited after every turn. `failed` is told what `turn` or a wait raised; the partition then stays.
        """
        self._turn = turn
        self._between = between
        self._failed = failed
        self._lines: dict[PartitionId, deque[Entry]] = {}
        self._waits: dict[PartitionId, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """How many partitions wait."""
        return len(self._lines)

    @property
    def records(self) -> int:
        """How many unfinished records wait."""
        return sum(entry.record is not None for line in self._lines.values() for entry in line)

    def holds(self, partition: PartitionId) -> bool:
        """Whether the partition waits, so that its next record must be added behind the others."""
        return partition in self._lines

    def add(self, entry: Entry) -> None:
        """Put a record behind those of its partition that wait already."""
        self._lines[entry.partition].append(entry)

    def park(self, entry: Entry, wait: Wait) -> None:
        """Let a partition wait, beginning with this record. It must not wait already."""
        partition = entry.partition
        self._lines[partition] = deque([entry])
        task = self._waits[partition] = asyncio.create_task(self._go_on(partition, wait))
        task.add_done_callback(self._ended)

    def forget(self, partitions: Collection[PartitionId]) -> None:
        """These partitions left us: their records have no turn any more."""
        for partition in partitions:
            if partition in self._lines:
                del self._lines[partition]
                self._waits.pop(partition).cancel()

    def close(self) -> None:
        """Wait for nothing any more."""
        self.forget(tuple(self._lines))

    async def _go_on(self, partition: PartitionId, wait: Wait | None) -> None:
        line = self._lines[partition]
        while line:
            if wait is not None:
                await wait()
            wait = self._turn(line[0])
            if wait is None:
                line.popleft()
                await self._between()
        # Nothing was awaited since the line was seen to be empty: nobody was added to it.
        del self._lines[partition], self._waits[partition]

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
