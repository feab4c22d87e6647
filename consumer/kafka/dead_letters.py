"""Records that cannot be delivered, on their way to the dead-letter topic."""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.errors import KafkaFatal
from consumer.kafka.client_log import ClientErrors, ClientLog, is_fatal
from consumer.kafka.dead_letter_headers import Header, dead_letter_headers, failure_of
from consumer.record import KafkaRecord, Rejected
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.redaction import redacted

log = structlog.get_logger(__name__)

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_QUEUE_FULL_WAIT_SECONDS = 0.1
_SERVE_SECONDS = 0.1


class DeadLetterLimit:
    """At most `count` refusals within any `per_seconds`. Pure: the clock is the caller's."""

    def __init__(self, count: int, per_seconds: float) -> None:
        self.count = count
        self.per_seconds = per_seconds
        self._recent: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Count one refusal, and say whether it is within the limit."""
        while self._recent and self._recent[0] <= now - self.per_seconds:
            self._recent.popleft()
        if len(self._recent) >= self.count:
            return False
        self._recent.append(now)
        return True


class DeadLetters:
    """Writes records with their original key, value and headers, and with why they failed.

    The original timestamp is kept in a header: on a topic that expires records by their own time (CreateTime), the
    dead letter of a replayed old record could be deleted as soon as it is written.
    """

    def __init__(
        self,
        *,
        properties: Mapping[str, str],
        topic: str,
        version: str,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._properties = properties
        self._topic = topic
        self._version = version
        self._metrics = metrics
        self._now = now
        self._jitter = jitter
        self._errors = ClientErrors(metrics=metrics, now=now)
        self._producer: Producer | None = None
        self._server: threading.Thread | None = None
        self._closing = threading.Event()
        self._waiting: set[asyncio.Future[KafkaError | None]] = set()
        self._dead: KafkaError | None = None
        self.last_error: str | None = None
        """Why the latest write failed, which is tried again; None once one succeeded."""

    async def start(self) -> None:
        """Build the producer. Raises KafkaFatal when librdkafka refuses its properties."""
        self._producer = await asyncio.to_thread(self._build)
        self._server = threading.Thread(
            target=self._serve,
            args=(self._producer, asyncio.get_running_loop()),
            name="dead-letters",
            daemon=True,
        )
        self._server.start()

    async def send(self, record: KafkaRecord, rejected: Rejected, *, stage: str) -> None:
        """Return once Kafka has the dead letter: a failed write is tried again for ever, with growing waits.

        Raises KafkaFatal when the producer is dead. When cancelled, as by `close`, it may or may not have been written.
        """
        failure = failure_of(record, rejected, stage=stage, version=self._version)
        headers = dead_letter_headers(record.headers, failure)
        wait_seconds = _FIRST_WAIT_SECONDS
        while (error := await self._write(record, headers)) is not None:
            self._metrics.dead_letter_writes.labels("failed").inc()
            if is_fatal(error):
                message = (
                    f"The dead-letter producer is dead: {error.name()}, {redacted(error.str())}"
                )
                raise KafkaFatal(message)
            log.error(
                "A dead letter was not written and is tried again; until then its partition is not committed past it.",
                topic=self._topic, code=error.name(), wait_seconds=wait_seconds,
                source_topic=record.topic, source_partition=record.partition, source_offset=record.offset,
            )  # fmt: skip
            self.last_error = error.name()
            await asyncio.sleep(wait_seconds * (0.5 + self._jitter() / 2))
            wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
        self.last_error = None
        self._metrics.dead_letter_writes.labels("ok").inc()

    async def close(self, *, flush_seconds: float) -> int:
        """Wait for the writes under way, at most so long; cancel the rest, and return how many that were."""
        if self._producer is None or self._server is None:
            return 0
        with suppress(KafkaException):  # the producer is dead, as `send` has said
            await asyncio.to_thread(self._producer.flush, flush_seconds)
        self._closing.set()
        await asyncio.to_thread(self._server.join)
        # Lets the last delivery reports, which the thread has posted, reach those who wait for them.
        await asyncio.sleep(0)
        left = [answer for answer in self._waiting if not answer.done()]
        for answer in left:
            answer.cancel()
        if left:
            log.warning(
                "Dead letters were not written in time; their records are read again.",
                left=len(left),
            )
        return len(left)

    async def _write(self, record: KafkaRecord, headers: list[Header]) -> KafkaError | None:
        """Write once; returns None or why it failed."""
        if self._producer is None:
            message = "dead letters can be sent only after start"
            raise RuntimeError(message)
        answer: asyncio.Future[KafkaError | None] = asyncio.get_running_loop().create_future()
        while True:
            if self._closing.is_set():
                raise asyncio.CancelledError
            if self._dead is not None:
                return self._dead
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    key=record.key,
                    headers=[*headers],
                    on_delivery=partial(_deliver, answer),
                )
            except BufferError:
                # The producer's own queue is full; it empties as Kafka takes what is in it.
                await asyncio.sleep(_QUEUE_FULL_WAIT_SECONDS)
            except KafkaException as error:
                return error.args[0]  # type: ignore[no-any-return] # always a KafkaError
            else:
                break
        self._waiting.add(answer)
        try:
            return await answer
        finally:
            self._waiting.discard(answer)

    def _build(self) -> Producer:
        try:
            return Producer(
                {**self._properties, "error_cb": self._errors.note}, logger=ClientLog(self._now)
            )
        except KafkaException as error:
            message = (
                f"The dead-letter producer could not be built: {redacted(error.args[0].str())}"
            )
            raise KafkaFatal(message) from error

    def _serve(self, producer: Producer, loop: asyncio.AbstractEventLoop) -> None:
        """The thread that takes delivery reports and librdkafka's log lines; both pile up otherwise."""
        while not self._closing.is_set():
            try:
                producer.poll(_SERVE_SECONDS)
            except KafkaException as error:
                # So the binding reports a fatal error, and the callbacks' own failures, of which ours have none.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._die, error.args[0])
                return

    def _die(self, error: KafkaError) -> None:
        """Answer who waits: a dead producer keeps what it has queued, without a report, until its time is over."""
        self._dead = error
        for answer in list(self._waiting):
            _settle(answer, error)


def _deliver(
    answer: asyncio.Future[KafkaError | None], error: KafkaError | None, _message: Message
) -> None:
    # The loop may be gone by the time the last reports come in.
    with suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(_settle, answer, error)


def _settle(answer: asyncio.Future[KafkaError | None], error: KafkaError | None) -> None:
    if not answer.done():
        answer.set_result(error)
