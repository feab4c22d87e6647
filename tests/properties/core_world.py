"""One process's core between a Kafka and a LiveIntent that are lists and sets, with its promise beside it.

What the promise is told, and what the process is given, is one step here; which steps, and in which order, is the machine's.
"""

from collections.abc import Sequence
from typing import Final

from consumer.audience.batch import Pending
from consumer.audience.membership import Action, IdentifierType
from consumer.choices import DeliveryAck
from consumer.kafka.offset_ledger import CommitOffset, Entry, PartitionId
from consumer.record import source_of
from tests.properties.core_process import Process, Upload
from tests.properties.promise import Promise, member_of
from tests.properties.segment_log import UNDECODABLE, Logged, SegmentLog
from tests.properties.virtual_loop import VirtualLoop
from tests.unit.delivery.parts import PARTITIONS

AUDIENCES: Final = ["spring_sale_openers", "lapsed_buyers"]
FILES_OF_A_FLUSH: Final = len(Action) * len(IdentifierType)
Place = tuple[PartitionId, int]


class CoreWorld:
    """Checks at every step what must hold at once; `ends_well` what must hold in the end."""

    def __init__(self, ack: DeliveryAck, room: int) -> None:
        self._loop = VirtualLoop()
        self._ack, self._room = ack, room
        self._promise = Promise()
        self._committed = dict.fromkeys(PARTITIONS, 0)
        self._at_liveintent: dict[str, set[str]] = {each: set() for each in AUDIENCES}
        self._dead_letters: set[Place] = set()  # of processes that are gone
        self._undecodable: set[Place] = set()
        self._must_be_dead_letters: set[Place] = set()
        self.log = SegmentLog(PARTITIONS)
        self.any_was_dead_lettered = False
        self._start()

    def _start(self) -> None:
        self.process = Process(self._loop, audiences=AUDIENCES, ack=self._ack, room=self._room)
        self._owned: dict[PartitionId, tuple[int, int]] = {}
        """The assignment's number, and the place in the log that is read next."""

    # Kafka

    def write(self, partition: PartitionId, value: bytes) -> None:
        """A record that means nothing."""
        offset = self.log.append(partition, value)
        if value == UNDECODABLE:
            self._undecodable.add((partition, offset))
            self._must_be_dead_letters.add((partition, offset))

    def read(self, partition: PartitionId, count: int) -> None:
        """From the committed offset, when the partition was not ours."""
        if partition not in self._owned:
            number = self.log.number()
            self.process.assign(partition, number)
            place = self.log.place_of(partition, self._committed[partition])
            self._owned[partition] = (number, place)
        number, place = self._owned[partition]
        some = self.log.partitions[partition][place : place + count]
        self._owned[partition] = (number, place + len(some))
        for logged in some:
            self._offer(logged)
            self.process.read([logged.record(partition, number)])
            self._see_what_was_forgotten()

    def _offer(self, logged: Logged) -> None:
        for change in logged.changes:
            if not logged.is_withheld:
                self._promise.offer(change)
                continue
            self._promise.withhold(change)
            member = member_of(change)
            standing = self._promise.standings.get(member)
            if standing is not None and self._promise.blocks(member, standing.newest):
                self._promise.dropped(standing.newest)  # or sent already, as it may be

    def commit(self) -> None:
        """Everything that is finished."""
        ledger = self.process.parts.ledger
        offsets = ledger.commitable()
        self._broker_takes(offsets)
        ledger.committed(offsets)

    def _broker_takes(self, offsets: Sequence[CommitOffset]) -> None:
        missing = self._must_be_dead_letters - self._dead_letters - self.process.dead_letters
        on_their_way = [each.part for each in self.process.unfinished()]
        not_done = missing | {(each.partition, each.next_offset - 1) for each in on_their_way}
        for topic, number, offset, _ in offsets:
            partition = PartitionId(topic, number)
            assert offset >= self._committed[partition], "the group is sent back"
            below = {at for where, at in not_done if where == partition and at < offset}
            assert not below, "neither sent nor dead-lettered, and gone"
            self._committed[partition] = offset

    def revoke(self, partition: PartitionId, *, commit_fails: bool) -> None:
        """Drain, commit last, let go."""
        if partition in self._owned:
            busy = self.process.changes()
            last = self.process.revoke(partition)
            if not commit_fails:
                self._broker_takes(last)
            self._give_up(partition, busy)

    def lose(self, partition: PartitionId) -> None:
        """Let go, without a commit."""
        if partition in self._owned:
            busy = self.process.changes()
            self.process.lose(partition)
            self._give_up(partition, busy)

    def _give_up(self, partition: PartitionId, busy: list[Pending[Entry]]) -> None:
        """What is not committed will be offered once more, with what LiveIntent refused of it."""
        del self._owned[partition]
        here = {where for where in self._must_be_dead_letters if where[0] == partition}
        self._must_be_dead_letters -= here - self._undecodable
        for pending in busy:
            if pending.part.partition == partition:
                self._promise.forget(member_of(pending.change))
        # Nor does what was sent of the partition count any more: somebody else may send older changes meanwhile.
        self._promise.forget_what_came_from(source_of(*partition))

    def kill(self) -> None:
        """And start another, which remembers nothing."""
        self._die()
        self._start()

    def _die(self) -> None:
        self._dead_letters |= self.process.dead_letters
        self._must_be_dead_letters &= self._undecodable
        self.process.kill()
        self._promise.die()

    # LiveIntent

    def take_files(self, upload: Upload, count: int) -> None:
        """LiveIntent applies so many of its files, and says Finished when it has them all and is asked again."""
        if upload.next_file is None:
            self.process.finish(upload)
        for _ in range(count):
            if (file := upload.next_file) is not None:
                carried = [each for each, _ in upload.flight.batch.live()]
                assert not any(each.part.released for each in carried), "its partition left"
                rows = upload.apply(file)
                held = self._at_liveintent[upload.audience]
                if file[0] is Action.ADD:
                    held |= rows
                else:
                    held -= rows
        self._see_what_was_forgotten()

    def flush_everything(self) -> None:
        """What waits and what is under way, to the end."""
        for _ in range(3):
            while self.process.uploads:
                self.take_files(self.process.uploads[0], FILES_OF_A_FLUSH)
            self.process.flush()

    def refuse(self, upload: Upload, *, is_redriven: bool) -> None:
        """LiveIntent takes no more of its files; the dead letters are put back on the topic, perhaps."""
        if upload.next_file is None:
            return  # it has it all, and with ack=stored the records are gone
        self.any_was_dead_lettered = True
        for pending, rows in upload.flight.batch.live():
            if upload.done_with.issuperset(rows):
                continue
            self._promise.dead_lettered(pending.change)
            partition, offset = pending.part.partition, pending.part.next_offset - 1
            self._must_be_dead_letters.add((partition, offset))
            if is_redriven:
                self.log.append_again(partition, self.log.at(partition, offset))
        self.process.refuse(upload)
        self._see_what_was_forgotten()  # what it had taken before is remembered, as far as there is room

    def _see_what_was_forgotten(self) -> None:
        busy = {member_of(pending.change) for pending in self.process.changes()}
        self._promise.see(self.process.parts.delivery.lanes.latest, busy=busy)

    # The end

    def ends_well(self, *, in_order: tuple[str, ...]) -> None:
        """All of the log is read, flushed and committed: nothing is lost, nothing wrong, nothing left.

        `in_order` are the rows of a member whose events came in order, which excuses nothing.
        """
        self.process.let_dead_letters_through(True)
        for partition, log in self.log.partitions.items():
            self.read(partition, len(log))
        self.flush_everything()
        self.commit()

        ledger = self.process.parts.ledger
        assert (ledger.books.pending, ledger.pending_bytes, self.process.changes()) == (0, 0, [])
        assert self._committed == {each: self.log.end_of(each) for each in PARTITIONS}
        assert self._undecodable <= self._dead_letters | self.process.dead_letters
        for (audience, who), standing in self._promise.standings.items():
            held = self._at_liveintent[audience] & set(who.values)
            assert held in (set(), set(who.values)), "half a person is in"
            assert bool(held) in standing.ends or standing.excused
            if who.values == in_order and not self.any_was_dead_lettered:
                assert not standing.excused, "per-key order is enough, whatever was forgotten"

    def close(self) -> None:
        """Leave nothing behind."""
        self._die()
        self._loop.close()
