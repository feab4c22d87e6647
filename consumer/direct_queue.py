"""The direct calls of one sink: waiting for their turn, or in a parcel under way."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from consumer.direct_calls.call import DirectCall
from consumer.kafka.offset_ledger import Entry, PartitionId
from consumer.liveintent.exchange import Withdrawn
from consumer.liveintent.parcel import NotTaken, PerhapsTaken, Sink, Taken


@dataclass(slots=True, eq=False)
class WaitingCall:
    """One call, a part of its record."""

    call: DirectCall
    entry: Entry


class Owner(Protocol):
    """Who hears what came of each call."""

    @property
    def starting(self) -> bool:
        """Whether requests may be started."""
        ...

    def is_too_late(self, call: DirectCall) -> bool:
        """Whether the call is too old to be sent now."""
        ...

    def delivered(self, item: WaitingCall) -> None:
        """LiveIntent has it."""
        ...

    def perhaps_delivered(self, item: WaitingCall) -> None:
        """It was sent, nobody knows whether LiveIntent has it, and it must not be sent again."""
        ...

    def too_late(self, item: WaitingCall) -> None:
        """It has become too old while it waited."""
        ...

    def refused(self, item: WaitingCall, detail: str) -> None:
        """LiveIntent will never take it."""
        ...

    def given_up(self, item: WaitingCall) -> None:
        """It is not sent: whoever reads its record again does that."""
        ...

    def landed(self) -> None:
        """A parcel is not on the wire any more."""
        ...


class DirectQueue:
    """One sink's calls, in order, in at most `concurrency` parcels at a time. Tasks live as long as there is work."""

    def __init__(
        self, sink: Sink, owner: Owner, *, concurrency: int, tasks: asyncio.TaskGroup
    ) -> None:
        self.waiting: deque[WaitingCall] = deque()
        self._sink = sink
        self._owner = owner
        self._concurrency = concurrency
        self._tasks = tasks
        self._under_way: set[_Parcel] = set()
        self._workers = 0
        self._about_to_take = 0

    @property
    def in_flight(self) -> int:
        """Calls in a parcel under way."""
        return sum(len(parcel.items) for parcel in self._under_way)

    def items(self) -> Iterator[WaitingCall]:
        """Every call that is not finished."""
        return chain(self.waiting, *(parcel.items for parcel in self._under_way))

    def on_the_wire(self) -> Iterator[WaitingCall]:
        """Every call LiveIntent may be taking at this moment."""
        return chain(*(parcel.items for parcel in self._under_way if parcel.on_the_wire))

    def add(self, item: WaitingCall) -> None:
        """Take one more call, and see to it that it is sent."""
        self.waiting.append(item)
        # Each that is about to take a parcel will take as much as fits.
        covered = self._about_to_take * self._sink.calls_max
        if (
            self._owner.starting
            and self._workers < self._concurrency
            and covered < len(self.waiting)
        ):
            self._workers += 1
            self._about_to_take += 1
            self._tasks.create_task(self._work())

    def forget(self, partitions: Collection[PartitionId]) -> None:
        """Give up what waits from these partitions."""
        kept: deque[WaitingCall] = deque()
        for item in self.waiting:
            if item.entry.partition in partitions:
                self._owner.given_up(item)
            else:
                kept.append(item)
        self.waiting = kept

    async def _work(self) -> None:
        self._about_to_take -= 1
        try:
            while self.waiting and self._owner.starting:
                count = min(len(self.waiting), self._sink.calls_max)
                await self._send(self._parcel([self.waiting.popleft() for _ in range(count)]))
        finally:
            self._workers -= 1

    def _parcel(self, items: list[WaitingCall]) -> "_Parcel":
        parcel = _Parcel(items, self._owner)
        self._under_way.add(parcel)
        return parcel

    async def _send(self, parcel: "_Parcel") -> None:
        """Send these calls. When they are refused together, halves of them: one that is wrong must not cost the others."""
        halves: list[_Parcel] = []
        try:
            match await self._sink.send(parcel):
                case Taken(refused):
                    self._taken(parcel.items, refused)
                case PerhapsTaken():
                    for item in parcel.items:
                        self._owner.perhaps_delivered(item)
                case NotTaken(detail) if len(parcel.items) == 1:
                    self._owner.refused(parcel.items[0], detail)
                case NotTaken():
                    middle = len(parcel.items) // 2
                    parts = (parcel.items[:middle], parcel.items[middle:])
                    halves = [self._parcel(items) for items in parts]
                case Withdrawn():
                    pass  # loading gave every call up already
        finally:
            self._under_way.discard(parcel)
            self._owner.landed()
        for half in halves:
            await self._send(half)

    def _taken(self, items: Sequence[WaitingCall], refused: Mapping[int, str]) -> None:
        for place, item in enumerate(items):
            if place in refused:
                self._owner.refused(item, refused[place])
            else:
                self._owner.delivered(item)


class _Parcel:
    """Calls that go in one request. See `Parcel`."""

    def __init__(self, items: list[WaitingCall], owner: Owner) -> None:
        self.items = items
        self.on_the_wire = False
        self._owner = owner

    def load(self) -> Sequence[DirectCall]:
        """Leave out, for good, what is not to be sent any more."""
        wanted: list[WaitingCall] = []
        for item in self.items:
            if not self._owner.starting or not item.entry.wanted:
                self._owner.given_up(item)
            elif self._owner.is_too_late(item.call):
                self._owner.too_late(item)
            else:
                wanted.append(item)
        self.items = wanted
        self.on_the_wire = bool(wanted)
        return [item.call for item in wanted]

    def unload(self) -> None:
        """Nothing of it is on the wire; nobody need wait for it."""
        self.on_the_wire = False
        self._owner.landed()
