"""Which dead letters there are, which were put back, and which may be. No input or output."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from consumer.kafka.dead_letter_headers import Failure, read_failure
from consumer.kafka.redrive_headers import Place, read_marker
from consumer.record import KafkaRecord


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter, without the record's key and value. `failed_at_ms` is its own Kafka timestamp."""

    place: Place
    failure: Failure
    failed_at_ms: int
    key_bytes: int | None
    value_bytes: int | None
    """None: the record had none."""


def dead_letter_from(record: KafkaRecord) -> DeadLetter | None:
    """Return the dead letter a record of the dead-letter topic is; None for a marker, and for what is not ours."""
    if read_marker(record.headers) is not None:
        return None
    failure = read_failure(record.headers)
    if failure is None:
        return None
    return DeadLetter(
        place=Place(record.partition, record.offset),
        failure=failure,
        failed_at_ms=record.timestamp_ms or 0,
        key_bytes=None if record.key is None else len(record.key),
        value_bytes=None if record.value is None else len(record.value),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are asked for: those that fit all that is given. An empty set, or None, means any."""

    reasons: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    """Failed before this moment."""

    @property
    def is_everything(self) -> bool:
        """Whether every dead letter is asked for."""
        return self == Wanted()

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this dead letter is asked for."""
        failure = letter.failure
        return (
            (not self.reasons or failure.reason in self.reasons)
            and (not self.audiences or failure.audience in self.audiences)
            and (not self.topics or failure.topic in self.topics)
            and (self.since_ms is None or letter.failed_at_ms >= self.since_ms)
            and (self.until_ms is None or letter.failed_at_ms < self.until_ms)
        )


class Survey:
    """What a reader of the dead-letter topic has seen: the dead letters asked for, and which of all were put back.

    Order does not matter, and what is seen twice counts once.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._letters: dict[Place, DeadLetter] = {}
        self._redriven: set[Place] = set()
        self._others: set[Place] = set()
        # Millions of dead letters have a few dozen texts between them.
        self._texts: dict[str, str] = {}

    def see(self, record: KafkaRecord) -> None:
        """Take note of one record of the dead-letter topic."""
        marked = read_marker(record.headers)
        if marked is not None:
            self._redriven.add(marked)
            return
        letter = dead_letter_from(record)
        if letter is None:
            self._others.add(Place(record.partition, record.offset))
        elif self._wanted.takes(letter):
            self._letters[letter.place] = self._slim(letter)

    @property
    def letters(self) -> list[DeadLetter]:
        """The dead letters asked for, the oldest failure first."""
        return sorted(self._letters.values(), key=lambda each: (each.failed_at_ms, each.place))

    @property
    def waiting(self) -> list[DeadLetter]:
        """Those of them that were not put back."""
        return [letter for letter in self.letters if letter.place not in self._redriven]

    @property
    def others(self) -> int:
        """Records that are neither dead letters of ours nor markers."""
        return len(self._others)

    def is_redriven(self, place: Place) -> bool:
        """Whether the dead letter of this place was put back."""
        return place in self._redriven

    def _slim(self, letter: DeadLetter) -> DeadLetter:
        failure = letter.failure
        return replace(
            letter,
            failure=replace(
                failure,
                reason=self._same(failure.reason),
                stage=self._same(failure.stage),
                detail=self._same(failure.detail),
                topic=self._same(failure.topic),
                version=self._same(failure.version),
                audience=self._same(failure.audience),
            ),
        )

    def _same(self, text: str) -> str:
        return self._texts.setdefault(text, text)


class LeftBecause(StrEnum):
    """Why a dead letter that was asked for was not put back."""

    ATTEMPTS_SPENT = "attempts_spent"
    TOPIC_NOT_READ = "topic_not_read"
    PARTITION_GONE = "partition_gone"
    REFUSED_BY_KAFKA = "refused_by_kafka"
    EXPIRED = "expired"


WHY_LEFT: Mapping[LeftBecause, str] = {
    LeftBecause.ATTEMPTS_SPENT: "it failed as often as --max-attempts allows",
    LeftBecause.TOPIC_NOT_READ: "its topic is not one of KAFKA_TOPICS, so nobody would read it there",
    LeftBecause.PARTITION_GONE: "its topic does not exist, or has not so many partitions any more",
    LeftBecause.REFUSED_BY_KAFKA: "Kafka does not take it: it is too large now, or its time is outside what the topic takes",
    LeftBecause.EXPIRED: "the dead-letter topic has deleted it meanwhile",
}


@dataclass(frozen=True, slots=True)
class RedrivePlan:
    """What a redrive would do."""

    put_back: tuple[DeadLetter, ...]
    left: Mapping[Place, LeftBecause]


@dataclass(frozen=True, slots=True)
class RedriveRules:
    """What may be put back. `partitions` counts the partitions of each topic that is read and exists."""

    topics: Collection[str]
    partitions: Mapping[str, int]
    max_attempts: int
    limit: int | None = None


def plan_redrive(waiting: Iterable[DeadLetter], rules: RedriveRules) -> RedrivePlan:
    """Return what becomes of dead letters that were not put back yet, in this order, up to the limit."""
    put_back: list[DeadLetter] = []
    left: dict[Place, LeftBecause] = {}
    for letter in waiting:
        if rules.limit is not None and len(put_back) >= rules.limit:
            break
        why = _why_left(letter.failure, rules)
        if why is None:
            put_back.append(letter)
        else:
            left[letter.place] = why
    return RedrivePlan(tuple(put_back), left)


def _why_left(failure: Failure, rules: RedriveRules) -> LeftBecause | None:
    if failure.attempt >= rules.max_attempts:
        return LeftBecause.ATTEMPTS_SPENT
    if failure.topic not in rules.topics:
        return LeftBecause.TOPIC_NOT_READ
    if not 0 <= failure.partition < rules.partitions.get(failure.topic, 0):
        return LeftBecause.PARTITION_GONE
    return None
