"""From records to what they ask for, some records at a time. Reads only; nothing is sent or counted as done here."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from consumer.kafka.dead_letter_headers import as_first_read
from consumer.kafka.offset_ledger import Entry, PartitionId
from consumer.record import KafkaRecord, source_of
from consumer.segment.event_decoder import Decoded, RecordDecoder, SchemaNeeded
from consumer.segment.membership_rules import MembershipPolicy, Origin
from consumer.segment.record_reading import RecordReading, read_record

TOGETHER_BYTES: Final = 80 * 1024
"""What records that are judged together may weigh, but for the last of them: some thirty ordinary ones."""


class Judged(NamedTuple):
    """What one record asks for."""

    events: tuple[Decoded, ...]
    read: RecordReading
    origin: Origin


class Judge:
    """Decodes records and applies the rules to them.

    Each step takes all of some records before the next step begins: its code and tables then stay in the processor's
    caches. One record through all steps, then the next, takes a quarter longer (docs/performance.md).
    """

    def __init__(self, decoder: RecordDecoder, policy: MembershipPolicy) -> None:
        self._decoder = decoder
        self._policy = policy

    def judge(self, entry: Entry) -> Judged | SchemaNeeded | None:
        """What the record asks for; None when it is of no interest any more, as its partition was taken away."""
        return self.judge_together([entry], lambda _: False)[0]

    def judge_together(
        self, entries: Sequence[Entry], holds: Callable[[PartitionId], bool]
    ) -> list[Judged | SchemaNeeded | None]:
        """What each of the records asks for, in their order.

        None also for one that is not looked at, as its partition waits for a schema: `holds` says so, or an earlier one here.
        """
        decoded = self._decoded(entries, holds)
        return [self._read(*each) if isinstance(each, tuple) else each for each in decoded]

    def _decoded(
        self, entries: Sequence[Entry], holds: Callable[[PartitionId], bool]
    ) -> list[tuple[KafkaRecord, tuple[Decoded, ...]] | SchemaNeeded | None]:
        decode = self._decoder.decode
        waiting: set[PartitionId] = set()
        decoded: list[tuple[KafkaRecord, tuple[Decoded, ...]] | SchemaNeeded | None] = []
        for entry in entries:
            record, partition = entry.record, entry.partition
            if record is None or not entry.wanted or partition in waiting or holds(partition):
                decoded.append(None)
            elif isinstance(events := decode(record), SchemaNeeded):
                waiting.add(partition)
                decoded.append(events)
            else:
                decoded.append((record, events))
        return decoded

    def _read(self, record: KafkaRecord, events: tuple[Decoded, ...]) -> Judged:
        origin = origin_of(record)
        return Judged(events, read_record(events, self._policy, origin), origin)


def in_portions(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """The entries, as many at a time as are to be judged together."""
    start, weight_bytes = 0, 0
    for end, entry in enumerate(entries, start=1):
        weight_bytes += entry.weight_bytes
        if weight_bytes >= TOGETHER_BYTES:
            yield entries[start:end]
            start, weight_bytes = end, 0
    if start < len(entries):
        yield entries[start:]


def origin_of(record: KafkaRecord) -> Origin:
    """Where the record was first read from, which its changes keep."""
    first = as_first_read(record)
    return Origin(
        source=source_of(first.topic, first.partition),
        offset=first.offset,
        record_time_us=None if first.timestamp_ms is None else first.timestamp_ms * 1000,
    )
