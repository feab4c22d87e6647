"""The heart of the program against its promise: bytes in, members out, whatever breaks in between.

Records are read, flushed, uploaded file by file, refused, dead-lettered and committed; partitions leave, are lost and come
back; the process is killed at any step and the next one reads from the committed offset. In the end nothing is lost, and
LiveIntent's members are what tests/properties/promise.py says.
"""

from dataclasses import replace
from enum import StrEnum

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.audience.membership import Action
from consumer.choices import DeliveryAck
from consumer.kafka.offset_ledger import PartitionId
from tests.properties.core_process import Upload
from tests.properties.core_world import AUDIENCES, CoreWorld
from tests.properties.effort import effort
from tests.properties.segment_log import NOISE, Said
from tests.segment_events import hashes_of
from tests.unit.delivery.parts import PARTITIONS

ANYWHERE = "ana@shop.example"  # her events are anywhere, in any order
KEYED = "ben@shop.example"  # his in one partition, in any order
IN_ORDER = "cel@shop.example"  # and theirs in order: nothing may ever go wrong
HOURS = st.integers(0, 5)
ROOMS = [10_000, 10_000, 5, 3, 1]


class Cut(StrEnum):
    """What may come in the middle of a flush."""

    REVOKED = "revoked"
    LOST = "lost"
    KILLED = "killed"
    REFUSED = "refused"


class CoreAgainstThePromise(RuleBasedStateMachine):
    @initialize(ack=st.sampled_from(DeliveryAck), room=st.sampled_from(ROOMS))
    def start(self, ack: DeliveryAck, room: int) -> None:
        self.world = CoreWorld(ack, room)

    # Segment

    @rule(
        partition=st.sampled_from(PARTITIONS),
        email=st.sampled_from([ANYWHERE, KEYED]),
        hour=HOURS,
        action=st.sampled_from(Action),
        audience=st.sampled_from(AUDIENCES),
    )
    def an_event_of_some_time(
        self, partition: PartitionId, email: str, hour: int, action: Action, audience: str
    ) -> None:
        self.is_said(partition, Said(email, action, self.some_time(hour), audience))

    @rule(action=st.sampled_from(Action), gap=st.integers(0, 2))
    def the_next_event_in_order(self, action: Action, gap: int) -> None:
        said = Said(IN_ORDER, action, self.world.log.number(), AUDIENCES[0])
        self.world.log.append_event(PARTITIONS[1], said, gap=gap)

    @rule(
        partition=st.sampled_from(PARTITIONS),
        email=st.sampled_from([ANYWHERE, KEYED]),
        hour=HOURS,
        audience=st.sampled_from(AUDIENCES),
    )
    def an_add_that_consent_refuses(
        self, partition: PartitionId, email: str, hour: int, audience: str
    ) -> None:
        said = Said(email, Action.ADD, self.some_time(hour), audience, is_withheld=True)
        self.is_said(partition, said)

    @rule(actions=st.permutations(list(Action)), hour=HOURS)
    def a_tie_across_partitions(self, actions: list[Action], hour: int) -> None:
        at, received = self.some_time(hour), self.world.log.number()
        for partition, action in zip(PARTITIONS, actions, strict=True):
            self.is_said(partition, Said(ANYWHERE, action, at, AUDIENCES[0], received=received))

    def some_time(self, hour: int) -> int:
        """In this hour, and no other event's."""
        return hour * 3600 + self.world.log.number()

    def is_said(self, partition: PartitionId, said: Said) -> None:
        home = PARTITIONS[0] if said.email == KEYED else partition
        self.world.log.append_event(home, replace(said, has_phone=said.email == ANYWHERE))

    @rule(data=st.data(), partition=st.sampled_from(PARTITIONS))
    def a_record_is_written_twice(self, data: st.DataObject, partition: PartitionId) -> None:
        if written := self.world.log.partitions[partition]:
            self.world.log.append_again(partition, data.draw(st.sampled_from(written)))

    @rule(partition=st.sampled_from(PARTITIONS), value=st.sampled_from(NOISE))
    def noise(self, partition: PartitionId, value: bytes) -> None:
        self.world.write(partition, value)

    # Kafka

    @rule(partitions=st.permutations(PARTITIONS), count=st.integers(1, 4))
    def some_records_are_read(self, partitions: list[PartitionId], count: int) -> None:
        for partition in partitions:
            self.world.read(partition, count)

    @rule()
    def what_is_finished_is_committed(self) -> None:
        self.world.commit()

    @rule(partition=st.sampled_from(PARTITIONS), commit_fails=st.booleans())
    def a_partition_is_revoked(self, partition: PartitionId, commit_fails: bool) -> None:
        self.world.revoke(partition, commit_fails=commit_fails)

    @rule(partition=st.sampled_from(PARTITIONS))
    def a_partition_is_lost(self, partition: PartitionId) -> None:
        self.world.lose(partition)

    @rule()
    def the_process_dies_and_another_starts(self) -> None:
        self.world.kill()

    @rule(is_open=st.booleans())
    def dead_letters_can_be_written(self, is_open: bool) -> None:
        self.world.process.let_dead_letters_through(is_open)

    # LiveIntent

    @property
    def uploads(self) -> list[Upload]:
        return self.world.process.uploads

    @rule()
    def a_flush_starts(self) -> None:
        self.world.process.flush()

    @rule()
    def everything_is_flushed(self) -> None:
        self.world.flush_everything()

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), files=st.integers(1, 3))
    def liveintent_takes_some_files(self, data: st.DataObject, files: int) -> None:
        self.world.take_files(data.draw(st.sampled_from(self.uploads)), files)

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), is_redriven=st.booleans())
    def liveintent_refuses_an_upload(self, data: st.DataObject, is_redriven: bool) -> None:
        self.world.refuse(data.draw(st.sampled_from(self.uploads)), is_redriven=is_redriven)

    @rule(
        action=st.sampled_from(Action),
        files=st.integers(0, 1),
        cut=st.sampled_from(Cut),
        is_committed=st.booleans(),
    )
    def news_is_cut_off_on_its_way(
        self, action: Action, files: int, cut: Cut, is_committed: bool
    ) -> None:
        self.the_next_event_in_order(action, 0)
        self.some_records_are_read(list(PARTITIONS), 4)
        self.world.process.flush()
        for upload in self.uploads:
            self.world.take_files(upload, files)
        if is_committed:
            self.world.commit()
        match cut:
            case Cut.REVOKED:
                self.world.revoke(PARTITIONS[1], commit_fails=False)
            case Cut.LOST:
                self.world.lose(PARTITIONS[1])
            case Cut.KILLED:
                self.world.kill()
            case Cut.REFUSED:
                for upload in self.uploads[:1]:
                    self.world.refuse(upload, is_redriven=True)

    # What holds

    @invariant()
    def the_books_balance(self) -> None:
        books = self.world.process.parts.ledger.books
        ended = books.delivered + books.ignored.total() + books.dead_lettered.total()
        assert books.consumed == ended + books.released + books.pending

    def teardown(self) -> None:
        try:
            self.world.ends_well(in_order=hashes_of(IN_ORDER))
        finally:
            self.world.close()


TestCoreAgainstThePromise = CoreAgainstThePromise.TestCase
TestCoreAgainstThePromise.settings = effort(examples=300, steps=40)


def test_what_a_refused_upload_had_done_may_be_forgotten_for_lack_of_room() -> None:
    world = CoreWorld(DeliveryAck.STORED, room=1)
    try:
        ana = Said(ANYWHERE, Action.ADD, 3600, AUDIENCES[0], has_phone=True)
        world.log.append_event(PARTITIONS[1], ana)
        world.log.append_event(PARTITIONS[0], replace(ana, action=Action.REMOVE, at=7200))
        ben = Said(KEYED, Action.ADD, 3600, AUDIENCES[0], is_withheld=True)
        world.log.append_event(PARTITIONS[0], ben)
        world.read(PARTITIONS[0], 2)
        world.process.flush()
        world.take_files(world.process.uploads[0], 1)
        world.refuse(world.process.uploads[0], is_redriven=False)

        world.ends_well(
            in_order=hashes_of(IN_ORDER)
        )  # the older ADD comes now, and nobody knows better
    finally:
        world.close()
