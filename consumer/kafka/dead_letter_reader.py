"""Reads the dead-letter topic as of now, for the commands. Joins no group and commits nothing.

Blocks: not for an event loop. Only what committed transactions wrote is seen, whatever KAFKA_PROPERTIES say: what a
redrive wrote and did not commit was not put back.
"""

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.errors import KafkaFatal
from consumer.kafka.client_log import is_fatal
from consumer.kafka.connection import ISOLATION_LEVEL, KafkaConnection, consumer_properties
from consumer.kafka.incoming import record_from
from consumer.kafka.redrive_headers import Place
from consumer.kafka.trouble import trouble_of
from consumer.record import KafkaRecord

_CONSUME_RECORDS: Final = 500
_CONSUME_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 10.0
_STALLED_SECONDS: Final = 60.0

Span = tuple[int, int]
"""Offsets of one partition: the first, and the one after the last."""


class SilentLog:
    """The `logger` of a client whose errors are raised."""

    def log(self, _level: int, _text: str, *_parts: object) -> None:
        """Say nothing."""


class DeadLetterReader:
    """A context manager; close it before the brokers go away. Every call raises KafkaFatal when Kafka does not answer."""

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        *,
        now: Callable[[], float] = time.monotonic,
        stalled_seconds: float = _STALLED_SECONDS,
    ) -> None:
        self.topic = topic
        self._unreadable = f"Topic {topic} cannot be read"
        self._now = now
        self._stalled_seconds = stalled_seconds
        properties = {
            **consumer_properties(connection),
            ISOLATION_LEVEL: "read_committed",
            "enable.partition.eof": "true",
            # What was deleted while it was to be read is not there to be read; the rest is.
            "auto.offset.reset": "earliest",
        }
        try:
            self._consumer = Consumer({**properties}, logger=SilentLog())
        except KafkaException as error:
            raise _failed("The Kafka client could not be built", error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def spans(self) -> dict[int, Span]:
        """Return what each partition holds as of now, up to the first transaction still open."""
        try:
            found = self._consumer.list_topics(self.topic, timeout=_ANSWER_SECONDS)
            return {
                number: self._consumer.get_watermark_offsets(
                    TopicPartition(self.topic, number), timeout=_ANSWER_SECONDS, cached=False
                )
                for number in found.topics[self.topic].partitions
            }
        except KafkaException as error:
            raise _failed(self._unreadable, error) from error

    def read(self, spans: Mapping[int, Span]) -> Generator[KafkaRecord, None, None]:
        """Give the records of these spans, those of one partition in their order; what is not there any more is left out."""
        ends = {number: end for number, (start, end) in spans.items() if start < end}
        try:
            self._consumer.assign(
                [TopicPartition(self.topic, number, spans[number][0]) for number in ends]
            )
            yield from self._read_to(ends)
        except KafkaException as error:
            raise _failed(self._unreadable, error) from error
        finally:
            # Closed already, when what ended the reading ended everything.
            with suppress(RuntimeError):
                self._consumer.unassign()

    def read_places(self, places: Collection[Place]) -> Iterator[KafkaRecord]:
        """Give the records of these places, by partition and offset as far as partitions go; absent ones are left out."""
        wanted = frozenset(places)
        offsets: dict[int, list[int]] = {}
        for place in wanted:
            offsets.setdefault(place.partition, []).append(place.offset)
        spans = {number: (min(each), max(each) + 1) for number, each in offsets.items()}
        for record in self.read(spans):
            if Place(record.partition, record.offset) in wanted:
                yield record

    def _read_to(self, ends: dict[int, int]) -> Iterator[KafkaRecord]:
        silent_since: float | None = None
        while ends:
            messages = self._consumer.consume(_CONSUME_RECORDS, _CONSUME_SECONDS)
            # Not since the last record: whoever takes records here may have taken long over it.
            silent_since = None if messages else (silent_since or self._now())
            if silent_since is not None and self._now() - silent_since > self._stalled_seconds:
                sentence = (
                    f"{self._unreadable}: nothing came for {self._stalled_seconds:g} seconds. "
                    "`segment-liveintent check` says more."
                )
                raise KafkaFatal(sentence)
            for message in messages:
                if self._is_at_the_end(message, ends):
                    continue
                record = record_from(message, assignment=0)
                end = ends.get(record.partition, 0)
                if record.next_offset >= end:
                    ends.pop(record.partition, None)
                if record.offset < end:
                    yield record

    def _is_at_the_end(self, message: Message, ends: dict[int, int]) -> bool:
        """Whether the message is no record: the end of a partition, which is noted, or an error that passes."""
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the binding's public name for it
            ends.pop(message.partition() or 0, None)
        elif is_fatal(error) or not error.retriable():
            raise KafkaException(error)
        return True


def _failed(what: str, error: KafkaException) -> KafkaFatal:
    reason = trouble_of(error.args[0]).reason
    return KafkaFatal(f"{what}: {reason}. `segment-liveintent check` says more.")
