import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.kafka.parking import Parking, Wait
from tests.builders import a_record
from tests.unit.delivery.parts import until

PARTITIONS = tuple(PartitionId("events", number) for number in range(3))
At = tuple[int, int]
"""A record's partition and offset."""


@dataclass
class Bench:
    """A parking whose records wait until the test says that what they need is there."""

    needs: set[At] = field(default_factory=set)
    had: list[At] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = OffsetLedger()
        self.ledger.assign(PARTITIONS, 1)
        self.there = asyncio.Event()
        self.parking = Parking(turn=self.turn, between=self.between, failed=self.failures.append)

    def turn(self, entry: Entry) -> Wait | None:
        at = (entry.partition.partition, entry.next_offset - 1)
        if at in self.needs:
            return self.wait
        self.had.append(at)
        return None

    async def wait(self) -> None:
        await self.there.wait()
        self.needs.clear()

    async def between(self) -> None:
        await asyncio.sleep(0)

    def read(self, records: Iterable[At]) -> None:
        """Give each record its turn, as the pipeline does."""
        for partition, offset in records:
            entry = self.ledger.deliver(a_record(offset, partition=partition), now=0.0)
            assert entry is not None
            if self.parking.holds(entry.partition):
                self.parking.add(entry)
            elif (wait := self.turn(entry)) is not None:
                self.parking.park(entry, wait)

    async def empty(self) -> None:
        await until(lambda: len(self.parking) == 0)


async def test_what_comes_after_a_record_that_waits_keeps_its_place_behind_it() -> None:
    bench = Bench(needs={(0, 1)})
    bench.read([(0, 0), (0, 1), (1, 0), (0, 2), (1, 1)])
    before = list(bench.had)
    waiting = bench.parking.records
    bench.there.set()
    await bench.empty()

    assert before == [(0, 0), (1, 0), (1, 1)]
    assert waiting == 2
    assert bench.had[3:] == [(0, 1), (0, 2)]


async def test_a_record_that_needs_something_else_waits_again_in_its_place() -> None:
    bench = Bench(needs={(0, 0)})
    bench.read([(0, 0), (0, 1), (0, 2)])
    bench.there.set()
    await until(lambda: bench.had)
    bench.there.clear()
    bench.needs.add((0, 2))
    for _ in range(20):
        await asyncio.sleep(0)
    before = list(bench.had)
    bench.there.set()
    await bench.empty()

    assert before == [(0, 0), (0, 1)]
    assert bench.had == [(0, 0), (0, 1), (0, 2)]


async def test_a_partition_that_left_has_no_turn_and_may_come_back() -> None:
    bench = Bench(needs={(0, 0), (1, 0)})
    bench.read([(0, 0), (0, 1), (1, 0)])
    bench.parking.forget([PARTITIONS[0], PARTITIONS[2]])
    bench.ledger.revoke([PARTITIONS[0]])
    bench.ledger.assign([PARTITIONS[0]], 2)
    bench.there.set()
    await bench.empty()

    assert bench.had == [(1, 0)]
    assert not bench.parking.holds(PARTITIONS[0])
    assert bench.failures == []


async def test_finished_and_released_records_do_not_count_as_waiting() -> None:
    bench = Bench(needs={(0, 0), (1, 0)})
    bench.read([(0, 0), (0, 1), (1, 0)])
    bench.ledger.revoke([PARTITIONS[0]])

    assert bench.parking.records == 1
    bench.parking.close()
    assert len(bench.parking) == 0


async def test_what_a_turn_raises_is_told_and_stops_its_partition() -> None:
    bench = Bench(needs={(0, 0)})
    bench.read([(0, 0), (0, 1)])
    error = RuntimeError("a bug")

    def fails(_entry: Entry) -> Wait | None:
        raise error

    bench.parking._turn = fails
    bench.there.set()
    await until(lambda: bench.failures)

    assert bench.failures == [error]
    assert bench.had == []
    bench.parking.close()


@given(
    partitions=st.lists(st.integers(0, 2), min_size=1, max_size=30),
    needy=st.sets(st.integers(0, 29)),
    arrives_at=st.integers(0, 30),
)
def test_every_record_has_one_turn_in_the_order_of_its_partition(
    partitions: list[int], needy: set[int], arrives_at: int
) -> None:
    records = [(partition, place) for place, partition in enumerate(partitions)]

    async def scenario() -> list[At]:
        bench = Bench(needs={at for at in records if at[1] in needy})
        for place, record in enumerate(records):
            if place == arrives_at:
                bench.there.set()
            bench.read([record])
            await asyncio.sleep(0)
        bench.there.set()
        await bench.empty()
        assert bench.failures == []
        return bench.had

    had = asyncio.run(scenario())
    for partition in range(3):
        assert [at for at in had if at[0] == partition] == [
            at for at in records if at[0] == partition
        ]
