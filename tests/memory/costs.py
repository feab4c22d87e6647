"""What things weigh, measured on the program's own objects: `python -m tests.memory.costs` prints the table.

Each measurement has a process of its own, whose own resident memory is what counts: it holds what the allocator rounds up
and leaves unused, too.
"""

import gc
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import orjson

from consumer.audience.lanes import FlushPolicy, Lanes
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import AudienceKey
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.liveintent.hash_file import hash_file
from consumer.record import Delivered, Ignored, KafkaRecord
from consumer.segment.event_decoder import Decoded, EventDecoder, SchemaNeeded
from consumer.segment.membership_rules import Origin
from consumer.segment.record_reading import RecordReading, read_record
from consumer.segment.schemas import LocalSchemas, default_schemas_directory
from tests.memory.resident import own_bytes, peak_own_bytes
from tests.memory.shapes import LISTED, SHAPES, Shape
from tests.segment_events import a_policy

MEASURE_SECONDS = 60
_NEVER = FlushPolicy(seconds=1e9, rows=10**9)


@dataclass(frozen=True, slots=True)
class Cost:
    """What `count` of something weigh: as measured, at most and in the end, and as the budget is charged for them."""

    count: int
    peak_bytes: int
    charged_bytes: int = 0


def cost_of(name: str) -> Cost:
    """Measure, in a new process."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.memory.costs", name],
        capture_output=True,
        check=True,
        timeout=MEASURE_SECONDS,
        cwd=Path(__file__).parents[2],
    )
    return Cost(**orjson.loads(said.stdout))


def unfinished(shape: Shape) -> Cost:
    """Records from being read, through their lanes, to their files being made and all of them being remembered."""
    decode, read = _decoder(shape).decode, _reader()
    ledger, lanes = _ledger(), Lanes[Entry](_NEVER, LatestState(1))
    before = _settled_bytes()
    for record in shape.records():
        entry = ledger.deliver(record, now=float(record.offset))
        assert entry is not None
        reading = read(_events(decode, record), record.offset)
        changes = reading.changes
        if changes:
            ledger.split(entry, len(changes), reading.ignored, events=reading.events_with_changes)
        for change in changes:
            for settled, reason in lanes.offer(change, entry, now=0.0):
                ledger.finish(settled, Ignored(reason))
        del record, entry, reading, changes
    charged = ledger.pending_bytes
    # Every file at the same time, as when storage is slow.
    batches = [lane.take(now=0.0) for lane in lanes if lane.waiting_rows]
    files = [
        hash_file(batch.rows(action, kind), kind)
        for batch in batches
        for action, kind in batch.files()
    ]
    parts = [batch.parts() for batch in batches]
    assert len(files) >= len(parts) == len(batches)
    return Cost(shape.count, peak_own_bytes() - before, charged)


def finished(count: int) -> Cost:
    """Records that are finished, behind one that is not."""
    ledger, shape = _ledger(), SHAPES["one email, JSON"]
    before = _settled_bytes()
    for number, record in enumerate(shape.records()):
        entry = ledger.deliver(record, now=float(record.offset))
        assert entry is not None
        if number >= 6:  # one for each partition
            ledger.finish(entry, Delivered())
    return Cost(shape.count, own_bytes() - before, ledger.pending_bytes)


def remembered(shape: Shape) -> Cost:
    """Identifier values in the latest-state guard, each with as many message ids as are kept."""
    decode, read = _decoder(shape).decode, _reader()
    latest = LatestState(10**9)
    before = _settled_bytes()
    for record in shape.records():
        for change in read(_events(decode, record), record.offset).changes:
            earlier = tuple(f"{change.message_id}-{number}" for number in range(3))
            latest.remember(change, change.identifier.values, (*earlier, change.message_id))
    return Cost(len(latest), own_bytes() - before)


def idle_lanes(count: int) -> Cost:
    """Lanes through which a change has gone, and in which nothing waits."""
    lanes = Lanes[Entry](_NEVER, LatestState(1))
    shape = SHAPES["one email, JSON"]
    decode, read, ledger = _decoder(shape).decode, _reader(), _ledger()
    before = _settled_bytes()
    for number, record in zip(range(count), shape.records(), strict=False):
        entry = ledger.deliver(record, now=0.0)
        assert entry is not None
        (change,) = read(_events(decode, record), record.offset).changes
        audience = AudienceKey(f"an_audience_of_{number}_customers_in_spring")
        lanes.offer(replace(change, audience=audience), entry, now=0.0)
        lane = lanes.open(audience)
        assert lane is not None
        lanes.take(lane, now=0.0)
        lanes.end_flush(lane)
        ledger.finish(entry, Delivered())
    return Cost(count, own_bytes() - before)


MEASURES: Mapping[str, Callable[[], Cost]] = {
    **{name: partial(unfinished, shape) for name, shape in SHAPES.items()},
    "finished behind an unfinished one": partial(finished, 60_000),
    "remembered value, of an email": partial(
        remembered, replace(SHAPES["one email, JSON"], count=20_000)
    ),
    "remembered value, of a device": partial(
        remembered, replace(SHAPES["one device"], count=40_000)
    ),
    "idle lane": partial(idle_lanes, 20_000),
}


def _decoder(shape: Shape) -> EventDecoder:
    schemas = LocalSchemas.from_directory(default_schemas_directory())
    return EventDecoder(event_format=shape.event_format, schemas=schemas)


def _events(
    decode: Callable[[KafkaRecord], tuple[Decoded, ...] | SchemaNeeded], record: KafkaRecord
) -> tuple[Decoded, ...]:
    events = decode(record)
    assert not isinstance(events, SchemaNeeded)
    return events


def _reader() -> Callable[[tuple[Decoded, ...], int], RecordReading]:
    policy = a_policy(*LISTED)

    def read(events: tuple[Decoded, ...], offset: int) -> RecordReading:
        reading = read_record(events, policy, Origin(sys.intern("segment.events-3"), offset))
        assert reading.rejected is None
        return reading

    return read


def _ledger() -> OffsetLedger:
    ledger = OffsetLedger()
    ledger.assign([PartitionId("segment.events", number) for number in range(6)], 1)
    return ledger


def _settled_bytes() -> int:
    gc.collect()
    return own_bytes()


def _main() -> None:
    if len(sys.argv) > 1:
        sys.stdout.buffer.write(orjson.dumps(asdict(MEASURES[sys.argv[1]]())))
        return
    for name in MEASURES:
        cost = cost_of(name)
        each, charged = (b / cost.count for b in (cost.peak_bytes, cost.charged_bytes))
        sys.stdout.write(f"{name:40} {cost.count:7,} {each:10,.0f} B {charged:10,.0f} B charged\n")


if __name__ == "__main__":
    _main()
