"""The ledger against a model that can be read at a glance: every record in a list, in delivery order."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.kafka.offset_ledger import CommitOffset, Entry, OffsetLedger, PartitionId
from consumer.record import Delivered, Ignored, IgnoreReason, Outcome, Rejected, RejectReason
from tests.builders import a_record

PARTITIONS = [PartitionId("events", number) for number in range(3)]
OUTCOMES: list[Outcome] = [
    Delivered(),
    Ignored(IgnoreReason.STALE),
    Ignored(IgnoreReason.NO_CONSENT),
    Rejected(RejectReason.UPLOAD_REFUSED),
]


@dataclass
class ModelRecord:
    offset: int
    entry: Entry
    parts_left: int = 1
    outcomes: list[Outcome] = field(default_factory=list)


class LedgerAgainstAModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ledger = OffsetLedger()
        self.assignment = 0
        self.owned: dict[PartitionId, tuple[int, list[ModelRecord]]] = {}
        self.next_offset = dict.fromkeys(PARTITIONS, 0)
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.gone: list[Entry] = []
        self.consumed = self.released = 0
        self.finished: list[list[Outcome]] = []

    @rule(partition=st.sampled_from(PARTITIONS))
    def assign(self, partition: PartitionId) -> None:
        if partition not in self.owned:
            self.assignment += 1
            self.ledger.assign([partition], self.assignment)
            self.owned[partition] = (self.assignment, [])
            # Reading starts again where the group's committed offset is.
            self.next_offset[partition] = self.committed[partition]

    @rule(partition=st.sampled_from(PARTITIONS), gap=st.integers(0, 3), parts=st.integers(1, 3))
    def deliver(self, partition: PartitionId, gap: int, parts: int) -> None:
        if partition not in self.owned:
            return
        assignment, records = self.owned[partition]
        offset = self.next_offset[partition] + gap
        self.next_offset[partition] = offset + 1
        entry = self.ledger.deliver(
            a_record(offset, partition=partition.partition, assignment=assignment), now=0
        )
        assert entry is not None
        self.ledger.split(entry, parts)
        records.append(ModelRecord(offset, entry, parts))
        self.consumed += 1

    @precondition(
        lambda self: any(r.parts_left for _, records in self.owned.values() for r in records)
    )
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def finish_a_part(self, data: st.DataObject, outcome: Outcome) -> None:
        unfinished = [r for _, records in self.owned.values() for r in records if r.parts_left]
        record = data.draw(st.sampled_from(unfinished), "record")
        self.ledger.finish(record.entry, outcome)
        record.parts_left -= 1
        record.outcomes.append(outcome)
        if not record.parts_left:
            self.finished.append(record.outcomes)

    @precondition(lambda self: self.gone)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def a_late_result_comes_in(self, data: st.DataObject, outcome: Outcome) -> None:
        self.ledger.finish(data.draw(st.sampled_from(self.gone), "entry"), outcome)

    @rule(fails=st.booleans())
    def commit(self, fails: bool) -> None:
        offered = self.ledger.commitable()
        if not fails:
            for offset in offered:
                self.committed[PartitionId(offset.topic, offset.partition)] = offset.offset
            self.ledger.committed(offered)

    @rule(partition=st.sampled_from(PARTITIONS), lost=st.booleans())
    def revoke(self, partition: PartitionId, lost: bool) -> None:
        last = self.ledger.revoke([partition])
        if partition not in self.owned:
            assert last == []
            return
        _, records = self.owned.pop(partition)
        self.gone += [r.entry for r in records]
        self.released += sum(r.parts_left > 0 for r in records)
        for offset in last if not lost else []:
            self.committed[partition] = offset.offset

    @invariant()
    def what_may_be_committed_is_the_lowest_unfinished(self) -> None:
        offered = {PartitionId(o.topic, o.partition): o for o in self.ledger.commitable()}
        for partition, (_, records) in self.owned.items():
            done = next((i for i, r in enumerate(records) if r.parts_left), len(records))
            expected = records[done - 1].offset + 1 if done else None
            if expected is None:
                assert partition not in offered
            elif partition in offered:
                assert offered[partition] == CommitOffset(*partition, expected, 0)
            else:
                assert self.committed[partition] == expected

    @invariant()
    def the_books_balance(self) -> None:
        books = self.ledger.books
        ended = books.delivered + books.ignored.total() + books.dead_lettered.total()

        assert books.consumed == self.consumed
        assert ended == len(self.finished)
        assert books.released == self.released
        assert books.consumed == ended + books.released + books.pending
        assert books.dead_lettered.total() == sum(
            any(isinstance(o, Rejected) for o in outcomes) for outcomes in self.finished
        )

    @invariant()
    def no_memory_is_charged_for_nothing(self) -> None:
        if not any(r.parts_left for _, records in self.owned.values() for r in records):
            assert self.ledger.pending_bytes == 0


TestLedgerAgainstAModel = LedgerAgainstAModel.TestCase
TestLedgerAgainstAModel.settings = settings(max_examples=150, stateful_step_count=50)
