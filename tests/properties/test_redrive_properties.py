"""Whatever filters, crashes and second operators come together: each dead letter goes back at most once, and none is lost."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.kafka.dead_letter_headers import dead_letter_headers, failure_of, read_failures
from consumer.kafka.dead_letter_selection import (
    DeadLetter,
    RedrivePlan,
    RedriveRules,
    Survey,
    Wanted,
    plan_redrive,
)
from consumer.kafka.redrive_headers import Place, marker_headers, read_marker, redriven_headers
from consumer.record import KafkaRecord, Rejected, RejectReason
from tests.builders import a_record
from tests.properties.effort import effort

PARTITIONS, MAX_ATTEMPTS = 2, 3
REASONS = (RejectReason.UNDECODABLE, RejectReason.AUDIENCE_REFUSED)
AUDIENCES = ("", "vip_customers", "lapsed_buyers")
partitions = st.integers(0, PARTITIONS - 1)
wanteds = st.builds(
    Wanted,
    reasons=st.frozensets(st.sampled_from(REASONS)),
    audiences=st.frozensets(st.sampled_from(AUDIENCES)),
    since_ms=st.none() | st.integers(0, 50),
    until_ms=st.none() | st.integers(0, 50),
)


class Operator:
    """One redrive: what it planned, where its first look ended, and whether it holds the fence."""

    def __init__(self, plan: RedrivePlan, seen_to: list[int], epoch: int | None) -> None:
        self.letters = list(plan.put_back)
        self.seen_to = seen_to
        self.epoch = epoch


class Redriving(RuleBasedStateMachine):
    """Two operators take their steps in any order. A transaction that is fenced or crashes leaves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.topic: list[list[KafkaRecord]] = [[] for _ in range(PARTITIONS)]
        self.put_back: list[tuple[Place, KafkaRecord]] = []
        self.waiting_for_service: list[KafkaRecord] = []
        self.epoch = 0
        self.clock_ms = 0
        self.operators: dict[bool, Operator] = {}
        for number in range(3):
            self.a_record_fails(number % PARTITIONS, RejectReason.UNDECODABLE, "")
        for who in (False, True):
            self._plan(who, Wanted(), None)

    @rule(
        partition=partitions, reason=st.sampled_from(REASONS), audience=st.sampled_from(AUDIENCES)
    )
    def a_record_fails(self, partition: int, reason: RejectReason, audience: str) -> None:
        self._fail(a_record(self.clock_ms), Rejected(reason, "", audience), partition)

    @rule(partition=partitions)
    def what_was_put_back_fails_again(self, partition: int) -> None:
        if self.waiting_for_service:
            record = self.waiting_for_service.pop()
            self._fail(record, Rejected(RejectReason.UNDECODABLE), partition)

    @rule(
        who=st.booleans(), wanted=st.just(Wanted()) | wanteds, limit=st.none() | st.integers(1, 3)
    )
    def an_operator_looks_and_plans(self, who: bool, wanted: Wanted, limit: int | None) -> None:
        self._plan(who, wanted, limit)

    def _plan(self, who: bool, wanted: Wanted, limit: int | None) -> None:
        survey = Survey(wanted)
        for partition in self.topic:
            for record in partition:
                survey.see(record)
        rules = RedriveRules(("events",), {"events": 1}, MAX_ATTEMPTS, limit)
        plan = plan_redrive(survey.waiting, rules)
        assert all(wanted.takes(letter) for letter in plan.put_back)
        self.operators[who] = Operator(plan, [len(each) for each in self.topic], epoch=None)

    @rule(who=st.booleans())
    def an_operator_takes_over_and_looks_at_what_came_since(self, who: bool) -> None:
        if who not in self.operators:
            self._plan(who, Wanted(), None)
        operator = self.operators[who]
        self.epoch += 1
        operator.epoch = self.epoch
        since = (
            record
            for partition, seen_to in zip(self.topic, operator.seen_to, strict=True)
            for record in partition[seen_to:]
        )
        marked = {read_marker(record.headers) for record in since}
        operator.letters = [each for each in operator.letters if each.place not in marked]

    def _ready(self) -> list[bool]:
        return [who for who, each in self.operators.items() if each.epoch is not None]

    @precondition(lambda machine: bool(machine._ready()))
    @rule(first=st.booleans(), count=st.integers(1, 3))
    def an_operator_puts_a_chunk_back(self, first: bool, count: int) -> None:
        who = self._ready()[0 if first else -1]
        operator = self.operators[who]
        chunk, operator.letters = operator.letters[:count], operator.letters[count:]
        if operator.epoch != self.epoch:
            del self.operators[who]  # fenced: Kafka refuses the transaction
            return
        for letter in chunk:
            self._commit(letter)

    @rule(who=st.booleans())
    def an_operator_crashes(self, who: bool) -> None:
        self.operators.pop(who, None)

    def _fail(self, record: KafkaRecord, rejected: Rejected, partition: int) -> None:
        headers = dead_letter_headers(
            record.headers, failure_of(record, rejected, stage="decode", version="1")
        )
        self._append(partition, tuple(headers))

    def _commit(self, letter: DeadLetter) -> None:
        partition, offset = letter.place
        dead = self.topic[partition][offset]
        headers = redriven_headers(dead.headers, topic="dead", place=letter.place)
        record = a_record(self.clock_ms, headers=tuple(headers))
        self.put_back.append((letter.place, record))
        self.waiting_for_service.append(record)
        self._append(partition, tuple(marker_headers(letter.place)))

    def _append(self, partition: int, headers: tuple[tuple[str, bytes | None], ...]) -> None:
        self.clock_ms += 1
        offset = len(self.topic[partition])
        self.topic[partition].append(
            a_record(
                offset,
                topic="dead",
                partition=partition,
                headers=headers,
                timestamp_ms=self.clock_ms,
            )
        )

    @invariant()
    def nothing_went_back_twice(self) -> None:
        times = Counter(place for place, _ in self.put_back)
        assert all(count == 1 for count in times.values())

    @invariant()
    def every_dead_letter_waits_or_went_back(self) -> None:
        survey = Survey(Wanted())
        for partition in self.topic:
            for record in reversed(partition):
                survey.see(record)
        waiting = {letter.place for letter in survey.waiting}
        back = {place for place, _ in self.put_back}
        assert waiting | back == {letter.place for letter in survey.letters}
        assert not waiting & back
        assert survey.others == 0

    @invariant()
    def no_record_goes_round_for_ever(self) -> None:
        for _, record in self.put_back:
            failures = read_failures(record.headers)
            assert [each.attempt for each in failures] == list(range(1, len(failures) + 1))
            assert len(failures) < MAX_ATTEMPTS


TestRedriving = Redriving.TestCase
TestRedriving.settings = effort(examples=60, steps=40)
