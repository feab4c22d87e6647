"""Uploaders against the plainest LiveIntent there is: what was stored, and what of it was applied, in order."""

import asyncio
import hashlib
from collections.abc import Iterable, Set

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from prometheus_client import CollectorRegistry

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.liveintent.policies import UploadPolicy
from consumer.liveintent.shapes import AudienceId
from consumer.liveintent.uploader import (
    Finished,
    PartlyFinished,
    SendResult,
    Uploader,
    UploadRefused,
)
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.properties.effort import effort
from tests.properties.upload_world import (
    MAX_DELAY_SECONDS,
    NEVER,
    SENDING,
    STORE_FAULTS,
    TIMES,
    Batch,
    File,
    Life,
    Line,
    Resolver,
    Sending,
    What,
    World,
    kind_of,
)
from tests.unit.liveintent.fake_liveintent import BAD_REQUEST
from tests.unit.liveintent.virtual_time import VirtualTime

KEY = AudienceKey("spring_buyers")
MAX_ROWS = 3
PEOPLE = 7
DEVICE = "38400000-8cf0-11bd-b23e-10b96e40000"
ADD = (Action.ADD, IdentifierType.EMAIL_HASH)
REMOVE = (Action.REMOVE, IdentifierType.EMAIL_HASH)
ADD_DEVICE = (Action.ADD, IdentifierType.AAID)

REPLICAS = st.integers(0, 1)
SECONDS = st.sampled_from([0.0, 0.5, 2.0, 5.0, 20.0, 60.0, 400.0, 1000.0, 6000.0])
DELAYS = st.lists(st.sampled_from([0.0, 0.1, 1.0, MAX_DELAY_SECONDS]), min_size=1, max_size=5)
LIVES = st.builds(
    Life,
    listed=st.sampled_from([0.0, 10.0, 40.0, 600.0, NEVER]),
    runs=st.sampled_from([0.0, 30.0, 300.0]),
    ends=st.sampled_from([1.0, 30.0, 100.0, 700.0, 3000.0, NEVER]),
    end=st.sampled_from(["Finished", "Finished", "Error"]),
    word=st.sampled_from(["Running", "Paused"]),
    invalid=st.sampled_from([0, 0, 1]),
)
WANTED = st.lists(st.sampled_from(["add", "remove", "leave"]), min_size=PEOPLE, max_size=PEOPLE)


def hashed(replica: int, person: int) -> str:
    return hashlib.sha256(f"{replica} {person}".encode()).hexdigest()


def a_batch(replica: int, wanted: list[str], *, device: bool) -> Batch:
    people = [(hashed(replica, i), what) for i, what in enumerate(wanted)]
    rows: dict[What, list[str]] = {
        REMOVE: [row for row, what in people if what == "remove"],
        ADD: [row for row, what in people if what == "add"],
        ADD_DEVICE: [f"{DEVICE}{replica}"] if device else [],
    }
    return Batch(KEY, rows)


def finished_rows(sending: Sending, result: SendResult | None) -> set[str]:
    """What the lane may tell its records: LiveIntent has it."""
    match result:
        case Finished():
            rows = {row for what in sending.whats for row in sending.batch.rows(*what)}
        case PartlyFinished():
            rows = set(result.rows)
        case _:
            rows = set()
    return rows - sending.batch.released


class Replica:
    def __init__(self, number: int, world: World, delays: list[float]) -> None:
        self.number = number
        self.line = Line(world, delays)
        self.metrics = Metrics(CollectorRegistry())
        self.uploader = Uploader(
            self.line,
            Resolver(world),
            self.metrics,
            policy=UploadPolicy(times=TIMES, max_rows_per_upload=MAX_ROWS),
            clock=world.time.clock,
            lease=self.line.lease,
        )
        self.under_way: dict[int, tuple[Sending, asyncio.Task[SendResult]]] = {}
        self.over: list[tuple[Sending, SendResult | None]] = []
        """In the order they were started; None: cancelled."""

    def overdue(self, deadline: str) -> float:
        name = f"{PREFIX}_uploads_overdue"
        return self.metrics.registry.get_sample_value(name, {"deadline": deadline}) or 0.0


class Uploads(RuleBasedStateMachine):
    """Everything LiveIntent, its storage, Kafka and a stopping process may do to uploads of one audience."""

    replica_count = 1
    lists_unused_urls = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.time = VirtualTime()
        self.world = World(self.time, lists_unused_urls=self.lists_unused_urls)
        self.replicas: list[Replica] = []
        self.sendings = 0
        self.audience_changed = False

    @initialize(delays=DELAYS)
    def start(self, delays: list[float]) -> None:
        self.replicas = [
            Replica(number, self.world, delays) for number in range(self.replica_count)
        ]

    def replica(self, number: int) -> Replica:
        return self.replicas[number % self.replica_count]

    # What we do

    @rule(
        number=REPLICAS,
        wanted=WANTED,
        device=st.booleans(),
        lives=st.lists(LIVES, max_size=3),
        faults=st.lists(st.sampled_from(STORE_FAULTS), max_size=3),
        seconds=SECONDS,
    )
    def a_batch_is_sent(
        self,
        number: int,
        wanted: list[str],
        device: bool,
        lives: list[Life],
        faults: list[str],
        seconds: float,
    ) -> None:
        replica = self.replica(number)
        if len(replica.under_way) < 2:
            self.world.lives.extend(lives)
            replica.line.store_faults.extend(faults)
            batch = a_batch(replica.number, wanted, device=device)
            sending = Sending(replica.number, batch, self.sendings, tuple(batch.files()))
            self.sendings += 1
            task = self.loop.create_task(self.send(replica, sending))
            replica.under_way[sending.number] = sending, task
        self.wait(seconds)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.wait(seconds)

    @rule(number=REPLICAS, data=st.data(), interrupts=st.booleans(), seconds=SECONDS)
    def rows_are_released(
        self, number: int, data: st.DataObject, interrupts: bool, seconds: float
    ) -> None:
        replica = self.replica(number)
        if replica.under_way:
            sending, _ = data.draw(st.sampled_from(list(replica.under_way.values())))
            rows = sorted({row for held in sending.batch.held.values() for row in held})
            if rows:
                sending.batch.released.update(data.draw(st.sets(st.sampled_from(rows))))
            if interrupts:
                replica.uploader.interrupt(KEY)
            self.wait(seconds)

    @rule(number=REPLICAS, data=st.data(), arrives=st.booleans(), seconds=SECONDS)
    def a_sending_is_cancelled(
        self, number: int, data: st.DataObject, arrives: bool, seconds: float
    ) -> None:
        replica = self.replica(number)
        if replica.under_way:
            replica.line.arrives_when_cancelled = arrives
            sending, task = data.draw(st.sampled_from(list(replica.under_way.values())))
            sending.given_up = True
            task.cancel()
            self.wait(seconds)

    @rule(number=REPLICAS)
    def a_partition_of_others_becomes_ours(self, number: int) -> None:
        self.replica(number).uploader.look_again()

    @rule(number=REPLICAS, seconds=SECONDS)
    def kafka_does_not_confirm_our_membership_for_a_while(
        self, number: int, seconds: float
    ) -> None:
        lease = self.replica(number).line.lease
        lease.held = False
        self.wait(seconds)
        lease.held = True

    # What LiveIntent does

    @rule(number=REPLICAS)
    def the_next_url_is_refused(self, number: int) -> None:
        self.replica(number).line.mint_faults.append(BAD_REQUEST)

    @rule(seconds=SECONDS)
    def the_list_is_refused_for_a_while(self, seconds: float) -> None:
        self.world.list_refused_until = self.time.seconds + seconds

    @rule(seconds=SECONDS)
    def the_audience_is_replaced(self, seconds: float) -> None:
        self.audience_changed = True
        self.world.audience = AudienceId(self.world.audience + 1)
        self.wait(seconds)

    @rule()
    def somebody_unsticks_what_does_not_end(self) -> None:
        self.world.unstick()

    async def send(self, replica: Replica, sending: Sending) -> SendResult:
        SENDING.set(sending)
        return await replica.uploader.send(sending.batch, on_stored=lambda: self.stored(sending))

    def stored(self, sending: Sending) -> None:
        sending.stored_at.append(self.time.seconds)
        for what in sending.whats:
            kept = {row for file in self.world.of(sending, what) for row in file.rows}
            missing = not kept.issuperset(sending.batch.rows(*what))
            if missing and not self.world.is_mistakable(sending, kind_of(what)):
                self.world.breaches.append("on_stored before everything was stored")

    # What must hold

    @invariant()
    def nothing_forbidden_happened(self) -> None:
        assert not self.world.breaches, self.world.breaches

    @invariant()
    def lateness_is_shown_while_it_is_waited_for(self) -> None:
        for replica in self.replicas:
            if not replica.under_way:
                assert (replica.overdue("finished"), replica.overdue("listed")) == (0, 0)
            for sending, _ in replica.under_way.values():
                files = [file for file in self.world.files if file.sending is sending]
                if files and self.is_late(files[-1]):
                    assert replica.overdue("finished") == 1

    def is_late(self, file: File) -> bool:
        """Whether this file, which is being followed, has been at LiveIntent for far too long."""
        looks = TIMES.poll_max_seconds + 3 * MAX_DELAY_SECONDS
        return (
            file.certain
            and file.audience == self.world.audience
            and not file.is_lost
            and file.is_open(self.time.seconds)
            and self.time.seconds - file.stored_at > TIMES.finish_deadline_seconds + looks
        )

    def gather(self) -> None:
        for replica in self.replicas:
            for number, (sending, task) in list(replica.under_way.items()):
                if task.done():
                    del replica.under_way[number]
                    result = None if task.cancelled() else task.result()
                    replica.over.append((sending, result))
                    self.judge(sending, result)

    def judge(self, sending: Sending, result: SendResult | None) -> None:
        match result:
            case Finished():
                assert len(sending.stored_at) == 1
                for what in sending.whats:
                    self.expect_applied(sending, what, set(sending.batch.rows(*what)))
            case PartlyFinished(refused=UploadRefused() as refused, rows=rows):
                assert len(sending.stored_at) <= 1
                assert self.may_refuse(sending), refused.detail
                for what in sending.whats:
                    self.expect_applied(sending, what, rows.intersection(sending.batch.rows(*what)))
            case UploadRefused():
                assert len(sending.stored_at) <= 1
                assert self.may_refuse(sending), result.detail
            case None:
                assert sending.given_up
            case _:
                raise AssertionError(result)

    def expect_applied(self, sending: Sending, what: What, rows: Set[str]) -> None:
        files = self.world.of(sending, what)
        applied = {
            row for file in files if file.has_finished(self.time.seconds) for row in file.rows
        }
        if not applied >= rows:
            assert self.world.is_mistakable(sending, kind_of(what)), (
                f"{what} is called finished and is not"
            )

    def may_refuse(self, sending: Sending) -> bool:
        """For what is wrong with the data only: Error time and again, a file too large, no URL twice."""
        errors: dict[tuple[str, str], int] = {}
        for file in self.world.files:
            ours = file.sending is sending or self.replica_count > 1
            if ours and file.life.end == "Error" and file.has_ended(self.time.seconds):
                errors[file.kind] = errors.get(file.kind, 0) + 1
        most = max(errors.values(), default=0)
        return most > TIMES.error_attempts or sending.too_large > 0 or sending.mints_refused >= 2

    def wait(self, seconds: float) -> None:
        self.loop.run_until_complete(self.time.run_until(self.time.seconds + seconds))
        self.gather()

    # How it ends

    def teardown(self) -> None:
        try:
            if self.replicas:
                self.all_is_calm()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(self.time.settle())
            self.loop.close()

    def all_is_calm(self) -> None:
        """Everything comes to an end, and LiveIntent has of everybody what was sent last."""
        self.world.list_refused_until = -1.0
        self.world.lives.clear()
        for replica in self.replicas:
            replica.line.store_faults.clear()
            replica.line.mint_faults.clear()
            replica.line.lease.held = True
        for _ in range(12):
            self.wait(4000.0)
            self.world.unstick()
            self.nothing_forbidden_happened()
            if not any(replica.under_way for replica in self.replicas):
                break
        else:
            raise AssertionError("a sending does not end")
        self.wait(10_000.0)
        self.lateness_is_shown_while_it_is_waited_for()
        if not self.audience_changed and self.replica_count == 1:
            self.expect_the_newest_to_win(self.replicas[0])

    def expect_the_newest_to_win(self, replica: Replica) -> None:
        newest: dict[str, Action] = {}
        for sending, result in sorted(replica.over, key=lambda each: each[0].number):
            for (action, _), rows in sending.batch.held.items():
                for row in rows:
                    if row in finished_rows(sending, result):
                        newest[row] = action
                    else:
                        newest.pop(row, None)  # sent or not: nobody claims anything
        at_liveintent = dict(self.applied(self.world.files))
        for row in newest.keys() - self.world.overtaken:
            assert at_liveintent.get(row) is newest[row]

    def applied(self, files: Iterable[File]) -> list[tuple[str, Action]]:
        """Each row with what LiveIntent did about it, in the order it was done."""
        finished = [file for file in files if file.has_finished(self.time.seconds)]
        return [
            (row, Action[file.request.action])
            for file in sorted(finished, key=lambda file: file.ended_at)
            for row in file.rows
        ]


class UploadsOfTwo(Uploads):
    """The same, with another replica that sends to the same audience."""

    replica_count = 2


class UploadsWithUnusedUrls(Uploads):
    """The same, should LiveIntent list a URL as a pending upload before anything is stored there."""

    lists_unused_urls = True


def test_liveintent_ends_with_what_one_replica_sent_last() -> None:
    run_state_machine_as_test(Uploads, settings=effort(examples=60, steps=30))


def test_two_replicas_do_not_take_each_others_uploads_for_their_own() -> None:
    run_state_machine_as_test(UploadsOfTwo, settings=effort(examples=60, steps=30))


def test_urls_listed_before_they_are_used_confuse_nobody() -> None:
    run_state_machine_as_test(UploadsWithUnusedUrls, settings=effort(examples=30, steps=30))
