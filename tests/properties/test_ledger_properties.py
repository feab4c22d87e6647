"""The ledger between a log and a broker: whatever is committed, by whichever owner, nothing below it is unfinished.

The model is the log with a tick at each record that is finished, and, per assignment, the records read in it. Partitions
are assigned, taken away, lost and assigned again; others own them meanwhile; commits fail, or are answered long after.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.kafka.offset_ledger import CommitOffset, Entry, OffsetLedger, PartitionId
from consumer.kafka.record_weight import CHANGE_BYTES, FINISHED_BYTES, unfinished_weight_bytes
from consumer.record import (
    Books,
    Delivered,
    Ignored,
    IgnoreReason,
    KafkaRecord,
    Outcome,
    Rejected,
    RejectReason,
)
from tests.builders import a_record
from tests.properties.effort import effort

PARTITIONS = [PartitionId("events", number) for number in range(2)]
REASONS = [IgnoreReason.NO_CONSENT, IgnoreReason.DUPLICATE, IgnoreReason.STALE]  # in their order
REFUSED = Rejected(RejectReason.UPLOAD_REFUSED)
OUTCOMES: list[Outcome] = [Delivered(), *map(Ignored, REASONS), REFUSED]


@dataclass
class Logged:
    """A record in the log."""

    offset: int
    leader_epoch: int
    finished: bool = False


@dataclass
class Read:
    """A record in the hands of one assignment."""

    logged: Logged
    record: KafkaRecord
    entry: Entry
    parts: int = 0
    left: int = 1
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def weight_bytes(self) -> int:
        if not self.left:
            return FINISHED_BYTES
        return unfinished_weight_bytes(self.record) + self.parts * CHANGE_BYTES


@dataclass
class Assignment:
    number: int
    next: int
    """Place in the log of the record that is read next."""
    read: list[Read] = field(default_factory=list)
    stopping: bool = False

    @property
    def open(self) -> list[Read]:
        return [read for read in self.read if read.left]

    @property
    def done(self) -> list[Read]:
        """The finished records below the first that is not."""
        return self.read[: self.read.index(self.open[0])] if self.open else self.read


@dataclass
class Commit:
    """One that was asked for and not answered yet."""

    offsets: list[CommitOffset]
    assignments: dict[PartitionId, int]
    taken: bool = False


class LedgerAgainstALog(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ledger = OffsetLedger()
        self.books = Books()
        self.log = {each: [Logged(0, 0), Logged(2, 1)] for each in PARTITIONS}
        self.at_the_broker = dict.fromkeys(PARTITIONS, 0)
        self.owned: dict[PartitionId, Assignment] = {}
        self.assignments = 0
        self.gone: list[Read] = []
        self.out: Commit | None = None

    # The broker

    @rule(
        partition=st.sampled_from(PARTITIONS), gap=st.integers(0, 3), new_leader=st.integers(0, 1)
    )
    def a_record_is_produced(self, partition: PartitionId, gap: int, new_leader: int) -> None:
        log = self.log[partition]
        last = log[-1] if log else Logged(-1, 0)
        log.append(Logged(last.offset + 1 + gap, last.leader_epoch + new_leader))

    def broker_takes(self, commit: CommitOffset) -> None:
        partition = PartitionId(commit.topic, commit.partition)
        below = [each for each in self.log[partition] if each.offset < commit.offset]
        assert all(each.finished for each in below), "a record is lost"
        assert commit.offset >= self.at_the_broker[partition], "the group is sent back"
        assert commit.leader_epoch == below[-1].leader_epoch
        self.at_the_broker[partition] = commit.offset

    def not_committed(self, partition: PartitionId) -> int:
        """Place in the log from which the partition's next owner reads."""
        committed = self.at_the_broker[partition]
        return sum(each.offset < committed for each in self.log[partition])

    @rule(partition=st.sampled_from(PARTITIONS), count=st.integers(1, 2))
    def another_owner_finishes_some(self, partition: PartitionId, count: int) -> None:
        if partition in self.owned:
            return
        start = self.not_committed(partition)
        for logged in self.log[partition][start : start + count]:
            logged.finished = True
            self.at_the_broker[partition] = logged.offset + 1

    # The reader

    @rule(partition=st.sampled_from(PARTITIONS), count=st.integers(0, 3))
    def read_on(self, partition: PartitionId, count: int) -> None:
        """From where the group was committed, when the partition was not ours."""
        if partition not in self.owned:
            self.assignments += 1
            self.ledger.assign([partition], self.assignments)
            self.owned[partition] = Assignment(self.assignments, self.not_committed(partition))
        assignment = self.owned[partition]
        for logged in self.log[partition][assignment.next : assignment.next + count]:
            record = self.record_of(partition, logged, assignment.number)
            entry = self.ledger.deliver(record, now=0)
            assert (entry is None) == assignment.stopping
            if entry is not None:
                assignment.next += 1
                assignment.read.append(Read(logged, record, entry))
                self.books.consumed += 1

    @rule(data=st.data(), partition=st.sampled_from(PARTITIONS))
    def a_record_of_an_old_assignment_comes_late(
        self, data: st.DataObject, partition: PartitionId
    ) -> None:
        current = self.owned.get(partition)
        old = data.draw(st.integers(0, self.assignments))
        if self.log[partition] and (current is None or old != current.number):
            logged = data.draw(st.sampled_from(self.log[partition]))
            assert self.ledger.deliver(self.record_of(partition, logged, old), now=0) is None

    def record_of(self, partition: PartitionId, logged: Logged, assignment: int) -> KafkaRecord:
        return a_record(
            logged.offset,
            partition=partition.partition,
            leader_epoch=logged.leader_epoch,
            assignment=assignment,
            value=b"v" * logged.offset,
        )

    # The work

    @property
    def open(self) -> list[Read]:
        return [read for assignment in self.owned.values() for read in assignment.open]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), parts=st.integers(1, 3), ignored=st.lists(st.sampled_from(REASONS)))
    def split(self, data: st.DataObject, parts: int, ignored: list[IgnoreReason]) -> None:
        read = data.draw(st.sampled_from(self.open))
        if not read.parts and not read.outcomes:
            self.ledger.split(read.entry, parts, ignored)
            read.parts = read.left = parts
            read.outcomes.extend(map(Ignored, ignored))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def finish_a_part(self, data: st.DataObject, outcome: Outcome) -> None:
        self.finish(data.draw(st.sampled_from(self.open)), outcome)

    @rule(partition=st.sampled_from(PARTITIONS))
    def everything_read_is_finished(self, partition: PartitionId) -> None:
        if partition in self.owned:
            self.finish_all(self.owned[partition].open)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def a_dead_letter_is_under_way(self, data: st.DataObject) -> None:
        read = data.draw(st.sampled_from(self.open))
        self.ledger.reject(read.entry, REFUSED)
        read.outcomes.append(REFUSED)

    @precondition(lambda self: self.gone)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES), parts=st.integers(0, 2))
    def a_result_comes_late(self, data: st.DataObject, outcome: Outcome, parts: int) -> None:
        entry = data.draw(st.sampled_from(self.gone)).entry
        if parts:
            self.ledger.split(entry, parts)
        self.ledger.finish(entry, outcome)

    def finish(self, read: Read, outcome: Outcome) -> None:
        self.ledger.finish(read.entry, outcome)
        read.outcomes.append(outcome)
        read.left -= 1
        if read.left:
            return
        read.logged.finished = True
        reasons = [each.reason for each in read.outcomes if isinstance(each, Ignored)]
        if REFUSED in read.outcomes:
            self.books.dead_lettered[REFUSED.reason] += 1
        elif Delivered() in read.outcomes:
            self.books.delivered += 1
        else:
            self.books.ignored[min(reasons, key=REASONS.index)] += 1

    def finish_all(self, open_reads: list[Read]) -> None:
        for read in open_reads:
            while read.left:
                self.finish(read, Delivered())

    # Commits

    @precondition(lambda self: self.out is None)
    @rule(at_once=st.booleans())
    def a_commit_is_asked_for(self, at_once: bool) -> None:
        offsets = self.ledger.commitable()
        self.out = Commit(offsets, {each: self.owned[each].number for each in self.owned})
        if at_once:
            self.the_commit_reaches_the_broker()

    @precondition(lambda self: self.out and not self.out.taken)
    @rule()
    def the_commit_reaches_the_broker(self) -> None:
        """What is no longer ours is left out, and the answer does not tell."""
        assert self.out is not None
        for offset in self.out.offsets:
            partition = PartitionId(offset.topic, offset.partition)
            now = self.owned.get(partition)
            if now is not None and now.number == self.out.assignments[partition]:
                self.broker_takes(offset)
        self.out.taken = True

    @precondition(lambda self: self.out)
    @rule()
    def the_commit_is_answered(self) -> None:
        """Well if it reached the broker, however long ago; else it failed, and the ledger does not hear of it."""
        if self.out is not None and self.out.taken:
            self.ledger.committed(self.out.offsets)
        self.out = None

    @rule()
    def membership_is_proved(self) -> None:
        """By a commit that must move nothing but what is finished."""
        if (anchor := self.ledger.anchor()) is not None:
            partition = PartitionId(anchor.topic, anchor.partition)
            below = [each for each in self.log[partition] if each.offset < anchor.offset]
            assert all(each.finished for each in below)
            self.at_the_broker[partition] = max(self.at_the_broker[partition], anchor.offset)

    # Partitions leave

    @rule(partition=st.sampled_from(PARTITIONS))
    def partition_is_about_to_leave(self, partition: PartitionId) -> None:
        self.ledger.stop_taking([partition])
        if partition in self.owned:
            self.owned[partition].stopping = True

    @rule(partition=st.sampled_from(PARTITIONS), commit_fails=st.booleans())
    def revoke(self, partition: PartitionId, commit_fails: bool) -> None:
        last = self.ledger.revoke([partition])
        assert partition in self.owned or not last
        if not commit_fails:
            for offset in last:
                self.broker_takes(offset)
            if self.owned.get(partition) and (done := self.owned[partition].done):
                assert self.at_the_broker[partition] == done[-1].logged.offset + 1
        self.give_up(partition)

    @rule(partition=st.sampled_from(PARTITIONS))
    def lose(self, partition: PartitionId) -> None:
        self.ledger.revoke([partition])
        self.give_up(partition)

    @precondition(lambda self: self.out is None)
    @rule(partition=st.sampled_from(PARTITIONS), in_time=st.booleans())
    def an_answer_outlives_its_assignment(self, partition: PartitionId, in_time: bool) -> None:
        """It must not count for what was read, and finished, once more."""
        self.a_commit_is_asked_for(at_once=in_time)
        self.lose(partition)
        self.read_on(partition, len(self.log[partition]))
        self.everything_read_is_finished(partition)
        if not in_time:
            self.the_commit_reaches_the_broker()
        self.the_commit_is_answered()

    def give_up(self, partition: PartitionId) -> None:
        assignment = self.owned.pop(partition, Assignment(0, 0))
        self.books.released += len(assignment.open)
        self.gone += assignment.read

    # What holds at every step

    @invariant()
    def what_may_be_committed_is_all_below_the_lowest_unfinished(self) -> None:
        offered = {
            PartitionId(each.topic, each.partition): each for each in self.ledger.commitable()
        }
        assert set(offered) <= set(self.owned)
        for partition, assignment in self.owned.items():
            done = assignment.done
            if partition in offered:
                last = done[-1].logged
                assert offered[partition] == (*partition, last.offset + 1, last.leader_epoch)
            elif done:
                assert self.at_the_broker[partition] == done[-1].logged.offset + 1
            oldest = self.ledger.oldest_unfinished(partition)
            assert oldest is (assignment.open[0].entry if assignment.open else None)
            assert self.ledger.unfinished(partition) == len(assignment.open)

    @invariant()
    def the_books_balance(self) -> None:
        self.books.pending = len(self.open)
        books = self.ledger.books
        ended = books.delivered + books.ignored.total() + books.dead_lettered.total()

        assert books == self.books
        assert books.consumed == ended + books.released + books.pending

    @invariant()
    def memory_is_charged_for_what_is_held(self) -> None:
        assert self.ledger.pending_bytes == sum(
            read.weight_bytes
            for assignment in self.owned.values()
            for read in assignment.read[len(assignment.done) :]
        )

    def teardown(self) -> None:
        """Whatever happened, all of the log gets finished and committed, and nothing is left in memory."""
        self.the_commit_is_answered()
        for partition, log in self.log.items():
            if partition in self.owned and self.owned[partition].stopping:
                self.revoke(partition, commit_fails=True)
            self.read_on(partition, len(log))
        self.finish_all(self.open)
        self.a_commit_is_asked_for(at_once=True)
        self.the_commit_is_answered()

        assert all(each.finished for log in self.log.values() for each in log)
        ends = {each: log[-1].offset + 1 if log else 0 for each, log in self.log.items()}
        assert self.at_the_broker == ends
        assert self.ledger.commitable() == []
        assert (self.ledger.pending_bytes, self.ledger.books.pending) == (0, 0)


TestLedgerAgainstALog = LedgerAgainstALog.TestCase
TestLedgerAgainstALog.settings = effort(examples=150, steps=50)
