"""Puts dead letters back on their topics, once each, whatever breaks and whoever else tries.

A chunk of records and a marker for each go out in one transaction: both are there, or neither. One transactional id for
each dead-letter topic makes Kafka fence an operator as soon as another begins, and ends what was left open.
Blocks: not for an event loop.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.errors import CheckFailed, KafkaFatal
from consumer.kafka.connection import KafkaConnection, producer_properties
from consumer.kafka.dead_letter_headers import as_first_read, read_failure
from consumer.kafka.dead_letter_reader import SilentLog
from consumer.kafka.redrive_headers import Place, marker_headers, redriven_headers
from consumer.kafka.trouble import trouble_of
from consumer.record import KafkaRecord

# A chunk is written in moments. While one is open, readers of its topics wait behind it: not for long, should this
# machine die in the middle.
_PROPERTIES: Final[Mapping[str, str]] = MappingProxyType(
    {"transaction.timeout.ms": "30000", "message.timeout.ms": "20000"}
)
_CALL_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 60.0
_QUEUE_FULL_SECONDS: Final = 0.1

_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - the binding's public name for it
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)
# The record's own fault: without it, the others can go.
_REFUSALS: Final = frozenset(
    {
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
    }
)


# What librdkafka ends the transaction after a refused one with; the abort puts its numbers right.
_OUT_OF_STEP: Final = KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER
_TRIES: Final = 3


class Overtaken(CheckFailed):
    """Another redrive of the same dead-letter topic has begun. What was not committed here was not put back."""


@dataclass(frozen=True, slots=True)
class Put:
    """These are back on their topics, and marked."""

    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Kafka does not take this one; it stays where it is. `code` is Kafka's name for why."""

    place: Place
    code: str


class Redrive:
    """A context manager. Raises Overtaken, and KafkaFatal when Kafka does not answer or does not allow it."""

    def __init__(
        self,
        connection: KafkaConnection,
        dead_letter_topic: str,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = dead_letter_topic
        self._now = now
        self._refusals: list[tuple[str, KafkaError]] = []
        self._open = False
        properties = {
            **producer_properties(connection),
            **_PROPERTIES,
            "transactional.id": transactional_id(dead_letter_topic),
        }
        try:
            self._producer = Producer({**properties}, logger=SilentLog())
        except KafkaException as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Undo what is open, as far as Kafka answers at once; what is left, Kafka undoes when its time is over."""
        if self._open:
            try:
                self._producer.abort_transaction(_CALL_SECONDS)
            except KafkaException:
                return

    def take_over(self) -> None:
        """Fence everybody else who redrives from this topic, and end what they left open. Before anything else.

        What they committed is on the topics by then, markers included; what they did not never will be.
        """
        try:
            self._until_settled(self._producer.init_transactions)
        except KafkaException as error:
            raise self._failed(error) from error

    def put_back(self, records: Sequence[KafkaRecord]) -> Iterator[Put | Refused]:
        """Put dead letters back, as they were read from the dead-letter topic: together, or in parts if Kafka refuses some.

        Each goes to the partition it was read from, with the time it first had, and all its headers.
        """
        code = self._transaction(records)
        if code is None:
            yield Put(tuple(_place(record) for record in records))
        elif len(records) == 1:
            yield Refused(_place(records[0]), code)
        else:
            middle = len(records) // 2
            yield from self.put_back(records[:middle])
            yield from self.put_back(records[middle:])

    def _transaction(self, records: Sequence[KafkaRecord]) -> str | None:
        """Write records and markers, all or nothing. None, or the code of Kafka's refusal of some of them."""
        for tries_left in reversed(range(_TRIES)):
            try:
                self._write_all(records)
            except KafkaException as error:
                self._undo(error)
                if self._refusals:
                    return self._refusal(error)
                if error.args[0].code() != _OUT_OF_STEP or not tries_left:
                    raise self._failed(error) from error
            else:
                break
        return None

    def _write_all(self, records: Sequence[KafkaRecord]) -> None:
        self._refusals.clear()
        self._producer.begin_transaction()
        self._open = True
        for record in records:
            self._write(record)
        self._until_settled(self._producer.commit_transaction)
        self._open = False

    def _write(self, record: KafkaRecord) -> None:
        place, failure = _place(record), read_failure(record.headers)
        if failure is None:
            message = "only a dead letter can be put back"
            raise RuntimeError(message)
        self._produce(
            failure.topic,
            value=record.value,
            key=record.key,
            partition=failure.partition,
            # It tells when an event is from that says nothing of it itself; 0 means now.
            timestamp=as_first_read(record).timestamp_ms or 0,
            headers=redriven_headers(record.headers, topic=self._topic, place=place),
        )
        self._produce(self._topic, partition=place.partition, headers=marker_headers(place))

    def _produce(self, topic: str, **message: object) -> None:
        while True:
            try:
                self._producer.produce(topic, on_delivery=partial(self._report, topic), **message)  # type: ignore[arg-type] # each has produce's own type
            except BufferError:
                self._producer.poll(_QUEUE_FULL_SECONDS)
            except KafkaException as error:
                self._report(topic, error.args[0], None)
                raise
            else:
                return

    def _report(self, topic: str, error: KafkaError | None, _message: Message | None) -> None:
        if error is not None and error.code() in _REFUSALS:
            self._refusals.append((topic, error))

    def _undo(self, error: KafkaException) -> None:
        """End the transaction that failed; raises where that cannot be."""
        self._open = False
        if error.args[0].fatal():
            raise self._failed(error) from error
        try:
            self._until_settled(self._producer.abort_transaction)
        except KafkaException as second:
            raise self._failed(second) from error

    def _refusal(self, error: KafkaException) -> str:
        topic, refusal = self._refusals[0]
        if topic == self._topic:
            message = (
                f"Topic {topic} does not take the marks of what is put back: {refusal.name()}. Is it compacted? "
                "Set cleanup.policy=delete on it."
            )
            raise KafkaFatal(message) from error
        return refusal.name()

    def _until_settled(self, call: Callable[[float], None]) -> None:
        """Make a call that goes on where it was when it is made again, until it is through."""
        deadline = self._now() + _SETTLE_SECONDS
        while True:
            try:
                return call(_CALL_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable() or self._now() > deadline:
                    raise

    def _failed(self, error: KafkaException) -> Overtaken | KafkaFatal:
        """What to end with."""
        if error.args[0].code() in _FENCED:
            return Overtaken(
                "Another redrive of this dead-letter topic has begun, and goes on in place of this one."
            )
        reason = trouble_of(error.args[0]).reason
        return KafkaFatal(
            f"Dead letters cannot be put back: {reason}. Those under way are all back, or none of them: asked again, this "
            "goes on with what is left. Besides WRITE on the topics it needs WRITE and DESCRIBE on the transactional id "
            f"{transactional_id(self._topic)}."
        )


def transactional_id(dead_letter_topic: str) -> str:
    """Return the one id under which dead letters of this topic are put back, whoever does it."""
    return f"segment-liveintent.redrive.{dead_letter_topic}"


def _place(record: KafkaRecord) -> Place:
    return Place(record.partition, record.offset)
