"""Direct calls between the ledger and a sink that does as it is told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from consumer.choices import DirectCallSink
from consumer.direct_calls.call import DirectCall
from consumer.direct_delivery import SWITCHED_OFF, DirectDelivery
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.liveintent.exchange import Withdrawn
from consumer.liveintent.parcel import NotTaken, Parcel, PerhapsTaken, Sent, Taken
from consumer.record import KafkaRecord, Rejected, RejectReason
from consumer.refusals import Refusals
from consumer.telemetry.metrics import Metrics
from tests.direct_calls import HAPPENED_US, a_call, a_direct_call_policy

PARTITION = PartitionId("events", 0)
OTHER = PartitionId("events", 1)
SINK = DirectCallSink.CONVERSIONS
POLICY = a_direct_call_policy(max_age_seconds=60)  # here: it reads a file


@dataclass
class ScriptedSink:
    """Loads a parcel, waits while it is held, and answers what comes next; all is taken once nothing does."""

    calls_max: int = 4
    tries: int = 1
    answers: deque[Callable[[Sequence[DirectCall]], Sent]] = field(default_factory=deque)
    sent: list[tuple[str, ...]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, parcel: Parcel) -> Sent:
        calls: Sequence[DirectCall] = ()
        for _ in range(self.tries):
            parcel.unload()
            calls = parcel.load()
            if not calls:
                return Withdrawn()
            self.sent.append(tuple(call.message_id for call in calls))
            await self.open.wait()
        return self.answers.popleft()(calls) if self.answers else Taken()


class Letters:
    """Takes every dead letter at once."""

    async def send(self, record: KafkaRecord, rejected: Rejected, *, stage: str) -> None:
        """Nothing more."""


class World:
    """A ledger with two partitions, and the delivery in front of one sink."""

    def __init__(self, tasks: asyncio.TaskGroup, *, concurrency: int = 1) -> None:
        self.sink = ScriptedSink()
        self.ledger = OffsetLedger()
        self.ledger.assign([PARTITION, OTHER], 1)
        self.metrics = Metrics(CollectorRegistry())
        self.utc_seconds = HAPPENED_US / 1e6
        refusals = Refusals(
            dead_letters=Letters(), ledger=self.ledger, limit=None, tasks=tasks, now=lambda: 0.0
        )
        self.delivery = DirectDelivery(
            sinks=dict.fromkeys(DirectCallSink, self.sink),
            policy=POLICY,
            concurrency=concurrency,
            ledger=self.ledger,
            refusals=refusals,
            metrics=self.metrics,
            tasks=tasks,
            now=lambda: 0.0,
            utc_seconds=lambda: self.utc_seconds,
        )
        self._offset = 0

    def accept(self, *names: str, partition: PartitionId = PARTITION, **fields: object) -> Entry:
        """One record whose parts are calls of these names."""
        record = KafkaRecord(*partition, self._offset, key=None, value=b"x", assignment=1)
        self._offset += 1
        entry = self.ledger.deliver(record, now=0.0)
        assert entry is not None
        entry.started = True
        self.ledger.split(entry, len(names))
        for name in names:
            call = a_call(**{"sink": SINK, "message_id": name, **fields})
            self.delivery.accept(call, entry)
        return entry

    async def settled(self) -> None:
        """Let every task run as far as it can."""
        for _ in range(50):
            await asyncio.sleep(0)

    def count(self, outcome: str, sink: DirectCallSink = SINK) -> float:
        labels = {"sink": sink, "outcome": outcome}
        value = self.metrics.registry.get_sample_value(
            "segment_liveintent_direct_calls_total", labels
        )
        return value or 0.0


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with asyncio.TaskGroup() as tasks:
        world = World(tasks)
        yield world
        world.sink.open.set()


async def test_calls_that_came_together_go_together_and_finish_their_records(world: World) -> None:
    world.sink.open.set()
    world.accept("a", "b")
    world.accept("c")
    world.accept("d", "e")
    await world.settled()

    assert world.sink.sent == [("a", "b", "c", "d"), ("e",)]
    assert world.ledger.books.delivered == 3
    assert world.ledger.books.pending == 0
    assert world.count("delivered") == 5


async def test_a_record_is_finished_with_its_last_call(world: World) -> None:
    world.sink.calls_max = 1
    world.accept("a", "b")
    await world.settled()
    assert world.sink.sent == [("a",)]
    assert world.ledger.books.pending == 1

    world.sink.open.set()
    await world.settled()
    assert world.ledger.books.pending == 0


async def test_calls_refused_together_are_halved_until_the_wrong_one_is_alone(world: World) -> None:
    def judge(calls: Sequence[DirectCall]) -> Sent:
        return NotTaken("400") if any(call.message_id == "c" for call in calls) else Taken()

    world.sink.open.set()
    world.sink.answers.extend([judge] * 10)
    for name in "abcd":
        world.accept(name)
    await world.settled()

    assert world.sink.sent == [("a", "b", "c", "d"), ("a", "b"), ("c", "d"), ("c",), ("d",)]
    assert world.ledger.books.delivered == 3
    assert world.ledger.books.dead_lettered == {RejectReason.DIRECT_CALL_REFUSED: 1}


async def test_of_a_parcel_taken_in_part_the_places_that_were_not_are_refused(world: World) -> None:
    world.sink.open.set()
    world.sink.answers.append(lambda _: Taken({1: "no"}))
    entries = [world.accept(name) for name in "abc"]
    await world.settled()

    assert world.ledger.books.delivered == 2
    assert entries[1].rejection == Rejected(RejectReason.DIRECT_CALL_REFUSED, "no")


async def test_a_call_that_was_perhaps_taken_is_finished_under_its_own_name(world: World) -> None:
    world.sink.open.set()
    world.sink.answers.append(lambda _: PerhapsTaken())
    world.accept("a", sink=DirectCallSink.COLLECTOR)
    await world.settled()

    assert world.count("perhaps_delivered", DirectCallSink.COLLECTOR) == 1
    assert world.ledger.books.delivered == 1


async def test_a_release_gives_up_what_waits_and_lets_what_is_on_the_wire_finish(
    world: World,
) -> None:
    world.sink.calls_max = 1
    world.accept("sent")
    world.accept("waits")
    world.accept("other", partition=OTHER)
    await world.settled()
    world.ledger.stop_taking([PARTITION])
    release = asyncio.create_task(world.delivery.release([PARTITION], drain_seconds=5))
    await world.settled()
    assert not release.done()

    world.sink.open.set()
    await release
    world.ledger.revoke([PARTITION])
    await world.settled()
    assert world.sink.sent == [("sent",), ("other",)]
    assert world.count("released") == 1
    assert world.ledger.books.delivered == 2
    assert world.ledger.books.released == 1


async def test_a_release_does_not_wait_for_ever_for_what_is_on_the_wire(world: World) -> None:
    world.accept("sent")
    await world.settled()
    world.ledger.stop_taking([PARTITION])
    await world.delivery.release([PARTITION], drain_seconds=0.01)
    world.ledger.revoke([PARTITION])
    world.sink.open.set()
    await world.settled()

    assert world.ledger.books.released == 1
    assert world.ledger.books.delivered == 0


async def test_a_lost_partition_s_calls_are_left_out_when_their_turn_comes(world: World) -> None:
    world.sink.calls_max = 1
    world.accept("sent")
    world.accept("lost", partition=OTHER)
    await world.settled()
    world.ledger.revoke([OTHER])
    world.delivery.let_go([OTHER])
    world.sink.open.set()
    await world.settled()

    assert world.sink.sent == [("sent",)]


async def test_a_repetition_leaves_out_what_belongs_to_somebody_else_by_then(world: World) -> None:
    world.sink.tries = 2
    world.accept("ours")
    world.accept("theirs", partition=OTHER)
    await world.settled()
    world.ledger.revoke([OTHER])
    world.delivery.let_go([OTHER])
    world.sink.open.set()
    await world.settled()

    assert world.sink.sent == [("ours", "theirs"), ("ours",)]
    assert world.count("released") == 1
    assert world.ledger.books.delivered == 1


async def test_a_stop_starts_nothing_more_and_waits_for_what_is_on_the_wire(world: World) -> None:
    world.sink.calls_max = 1
    world.accept("sent")
    world.accept("waits")
    await world.settled()
    world.delivery.stop_starting()
    assert await world.delivery.drain(drain_seconds=0.01) is False

    world.sink.open.set()
    assert await world.delivery.drain(drain_seconds=5) is True
    await world.settled()
    assert world.sink.sent == [("sent",)]
    assert world.ledger.books.pending == 1


async def test_only_the_collector_leaves_out_what_became_too_old_on_the_way(world: World) -> None:
    world.utc_seconds += 61
    world.sink.open.set()
    world.accept("late", sink=DirectCallSink.COLLECTOR)
    world.accept("with its own time", sink=DirectCallSink.CONVERSIONS)
    await world.settled()

    assert world.sink.sent == [("with its own time",)]
    assert world.count("too_old", DirectCallSink.COLLECTOR) == 1
    assert world.ledger.books.pending == 0


async def test_an_unfinished_record_says_which_sink_it_waits_for(world: World) -> None:
    world.sink.calls_max = 1
    entries = [world.accept("sent"), world.accept("waits")]
    await world.settled()
    expected = "LiveIntent (conversions) to take its direct call"

    assert [world.delivery.waits_for(entry) for entry in entries] == [expected] * 2
    world.sink.open.set()
    await world.settled()
    assert [world.delivery.waits_for(entry) for entry in entries] == [None] * 2


async def test_no_more_parcels_are_under_way_than_allowed() -> None:
    async with asyncio.TaskGroup() as tasks:
        world = World(tasks, concurrency=3)
        world.sink.calls_max = 1
        for number in range(10):
            world.accept(str(number))
        await world.settled()

        assert len(world.sink.sent) == 3
        assert world.delivery.in_flight(SINK) == 3
        assert world.delivery.waiting(SINK) == 7
        world.sink.open.set()


def test_switched_off_nothing_can_be_sent() -> None:
    with pytest.raises(RuntimeError):
        SWITCHED_OFF.accept(a_call(), None)  # type: ignore[arg-type]
