import json

from hypothesis import given
from hypothesis import strategies as st

from consumer.choices import EventFormat
from consumer.judging import TOGETHER_BYTES, Judge, in_portions
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.record import KafkaRecord
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.framing import RegistryId
from tests.builders import a_record
from tests.segment_events import a_plain_call, a_policy, an_identify
from tests.unit.delivery.parts import PARTITIONS


class ScriptedDecoder:
    """A value is the number of its schema; `known` ones are there. Remembers what it was asked."""

    def __init__(self, *known: int) -> None:
        self.known = known
        self.asked: list[int] = []
        self._decoder = EventDecoder(event_format=EventFormat.JSON)

    def decode(self, record: KafkaRecord) -> object:
        self.asked.append(record.offset)
        number = int(record.value or b"0")
        if number in self.known:
            return self._decoder.decode(record)
        return SchemaNeeded(RegistryId(number))


def entries_of(*places: tuple[PartitionId, int]) -> list[Entry]:
    """Records with schemas of these numbers, just read."""
    ledger = OffsetLedger()
    ledger.assign(PARTITIONS, 1)
    entries = []
    for offset, (partition, number) in enumerate(places):
        record = a_record(offset, partition=partition.partition, value=str(number).encode())
        entry = ledger.deliver(record, now=0.0)
        assert entry is not None
        entries.append(entry)
    return entries


def a_judge(decoder: object) -> Judge:
    return Judge(decoder, a_policy())  # type: ignore[arg-type]


def nobody(_: PartitionId) -> bool:
    return False


FIRST, SECOND = PARTITIONS
VALUES = [
    json.dumps(an_identify(email="ana@example.com")).encode(),
    json.dumps(an_identify(email="ben@example.com", value=False)).encode(),
    json.dumps(a_plain_call("page")).encode(),
    b"not an event",
    b"",
]


def test_records_behind_one_that_needs_a_schema_are_not_looked_at_but_other_partitions_are() -> (
    None
):
    decoder = ScriptedDecoder(1)
    entries = entries_of((FIRST, 1), (FIRST, 2), (SECOND, 1), (FIRST, 1))
    judged = a_judge(decoder).judge_together(entries, nobody)

    assert decoder.asked == [0, 1, 2]
    assert judged[1] == SchemaNeeded(RegistryId(2))
    assert judged[3] is None
    assert all(isinstance(judged[place], tuple) for place in (0, 2))


def test_records_of_a_partition_that_waits_already_are_not_looked_at() -> None:
    decoder = ScriptedDecoder(1)
    entries = entries_of((FIRST, 1), (SECOND, 1))
    judged = a_judge(decoder).judge_together(entries, lambda partition: partition == FIRST)

    assert decoder.asked == [1]
    assert judged[0] is None


def test_a_record_whose_partition_left_is_not_looked_at() -> None:
    decoder = ScriptedDecoder(1)
    (entry,) = entries_of((FIRST, 1))
    entry.record = None

    assert a_judge(decoder).judge(entry) is None
    assert decoder.asked == []


@given(st.lists(st.sampled_from(VALUES), max_size=10))
def test_records_judged_together_ask_for_what_they_ask_for_one_by_one(values: list[bytes]) -> None:
    ledger = OffsetLedger()
    ledger.assign(PARTITIONS, 1)
    records = [a_record(offset, value=value) for offset, value in enumerate(values)]
    entries = [entry for each in records if (entry := ledger.deliver(each, now=0.0)) is not None]
    judge = a_judge(EventDecoder(event_format=EventFormat.JSON))

    assert judge.judge_together(entries, nobody) == [judge.judge(entry) for entry in entries]


@given(st.lists(st.integers(1, 2 * TOGETHER_BYTES), max_size=50))
def test_portions_are_everything_in_its_order_and_only_their_last_record_goes_beyond_the_limit(
    weights: list[int],
) -> None:
    entries = entries_of(*[(FIRST, 1)] * len(weights))
    for entry, weight in zip(entries, weights, strict=True):
        entry.weight_bytes = weight
    portions = list(in_portions(entries))

    assert [entry for portion in portions for entry in portion] == entries
    for portion in portions:
        assert sum(entry.weight_bytes for entry in portion[:-1]) < TOGETHER_BYTES
    for portion in portions[:-1]:
        assert sum(entry.weight_bytes for entry in portion) >= TOGETHER_BYTES
