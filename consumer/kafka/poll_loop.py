"""The one thread that owns the Kafka consumer: polls, answers rebalances, sends commits.

One turn: run the commands that came in, wait if too much is handed over, `consume`, hand over what came. Rebalance and
commit callbacks run inside `consume`, on this thread.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import structlog
from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from consumer.errors import KafkaFatal, OffsetsUnknown, SegmentLiveIntentError
from consumer.kafka.assignment import Assignment
from consumer.kafka.carried_markers import CarriedMarkers
from consumer.kafka.client_log import ClientErrors, ClientLog, is_fatal
from consumer.kafka.commit_queue import CommitQueue
from consumer.kafka.confirmed_commit import answers_confirmed
from consumer.kafka.fatal import kafka_fatal
from consumer.kafka.first_start import PartitionStarts
from consumer.kafka.group_lease import GroupLease
from consumer.kafka.incoming import record_from
from consumer.kafka.last_commit import LastCommit
from consumer.kafka.listener_bridge import ListenerBridge
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.read_bounds import ReadBounds
from consumer.kafka.rebalances import CallbackGuard, Rebalances, died_of
from consumer.kafka.record_listener import IntakeWindow, RecordBatch
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.redaction import redacted

log = structlog.get_logger(__name__)

Command = Callable[[Consumer], None]

BACK_PRESSURE: Final = "back_pressure"
STOPPING: Final = "stopping"

# Objects are made holding the interpreter's lock, about half a millisecond for a thousand.
_MESSAGES_MAX = 500
# `consume` waits the full time unless so many messages come: the latency of an idle topic, and of every command.
_POLL_SECONDS = 0.05
_ROOM_SLICE_SECONDS = 0.02
_ROOM_PATIENCE_SECONDS = 0.5
_COMMIT_AGAIN_SECONDS = 0.1
_FINISHING_POLL_SECONDS = 0.01


class PollLoop:
    """`run` is the thread. All else but `commands`, `stop` and what health asks for belongs to it."""

    def __init__(  # noqa: PLR0913 - built once, by the reader
        self,
        *,
        properties: Mapping[str, str],
        topics: Sequence[str],
        starts: PartitionStarts,
        bridge: ListenerBridge,
        window: IntakeWindow,
        lease: GroupLease,
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._properties = properties
        self._topics = topics
        self._starts = starts
        self._bridge = bridge
        self._window = window
        self._metrics = metrics
        self._now = now
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.assignment = Assignment(metrics, on_departure=lease.end)
        self.bounds = ReadBounds(self.assignment)
        self.markers = CarriedMarkers(now)
        self.commits = CommitQueue(
            self.assignment.owns, lease=lease, now=now, metadata=self.markers.metadata
        )
        self.last_poll: float | None = None
        self._rebalances = Rebalances(
            assignment=self.assignment, bridge=bridge, metrics=metrics, now=now,
            metadata=self.markers.metadata,
        )  # fmt: skip
        self._guard = CallbackGuard()
        self.errors = ClientErrors(metrics=metrics, now=now)
        self._last_commit: LastCommit | None = None
        self._full_since: float | None = None

    def stop(self, last: LastCommit) -> None:
        """Have the thread end, after this commit. From any thread."""
        self.commands.put(lambda _: self._end_with(last))
        self._window.wake()

    def run(self) -> None:
        """Poll until told to stop, or until the client is dead; then leave the group."""
        consumer: Consumer | None = None
        try:
            consumer = self._open()
            while (last := self._told_to_stop(consumer)) is None:
                self._turn(consumer)
            self._finish(consumer, last)
        except SegmentLiveIntentError as error:
            self._fail(error)
        except KafkaException as error:
            # So the binding reports some fatal errors: by raising from `consume`.
            self._fail(kafka_fatal(error.args[0]))
        except Exception as error:  # noqa: BLE001 - whatever it is, a reader that is gone must end the process
            self._fail(died_of(error))
        finally:
            self._close(consumer)

    def _open(self) -> Consumer:
        callbacks = {
            "on_commit": self._guard(self._on_commit),
            "error_cb": self._guard(self._on_client_error),
        }
        try:
            consumer = Consumer({**self._properties, **callbacks}, logger=ClientLog(self._now))
        except KafkaException as error:
            message = f"The Kafka consumer could not be built: {redacted(error.args[0].str())}"
            raise KafkaFatal(message) from error
        self._consumer = consumer
        consumer.subscribe(
            list(self._topics),
            on_assign=self._guard(self._rebalances.on_assign),
            on_revoke=self._guard(self._rebalances.on_revoke),
            # Left out, the binding would call on_revoke instead, and we would commit what is no longer ours.
            on_lost=self._guard(self._rebalances.on_lost),
        )
        return consumer

    def _told_to_stop(self, consumer: Consumer) -> LastCommit | None:
        self._run_commands(consumer)
        return self._last_commit

    def _turn(self, consumer: Consumer) -> None:
        self._find_starts(consumer)
        if not self._waits_for_room(consumer):
            messages = self._poll(consumer, _POLL_SECONDS)
            if (error := self.markers.look(consumer, self.assignment.numbers)) is not None:
                self.errors.note(error)
            self._hand_over(consumer, messages)
            if self._rebalances.came_back:
                # Which of their records are from before they left cannot be told: read all of them again.
                self._restart(consumer, dict.fromkeys(self._rebalances.came_back, OFFSET_INVALID))

    def _run_commands(self, consumer: Consumer) -> None:
        self.last_poll = self._now()
        self._metrics.last_poll_timestamp.set_to_current_time()
        while True:
            try:
                command = self.commands.get_nowait()
            except queue.Empty:
                return
            command(consumer)

    def _waits_for_room(self, consumer: Consumer) -> bool:
        """Whether this turn goes without `consume`. For a moment only: then the partitions are paused instead."""
        if BACK_PRESSURE in self.assignment.reasons:
            if self._window.is_half_empty():
                self.assignment.resume(consumer, BACK_PRESSURE)
            return False
        if not self._window.is_full():
            self._full_since = None
            return False
        now = self._now()
        self._full_since = now if self._full_since is None else self._full_since
        if now - self._full_since < _ROOM_PATIENCE_SECONDS:
            self._window.wait_for_room(_ROOM_SLICE_SECONDS)
            return True
        self._full_since = None
        self.assignment.pause(consumer, BACK_PRESSURE)
        return False

    def _poll(self, consumer: Consumer, seconds: float) -> list[Message]:
        """Return the records that were read; errors among them are dealt with."""
        self._rebalances.forget_last_poll()
        messages = consumer.consume(_MESSAGES_MAX, seconds)
        if self._guard.failure is not None:
            raise self._guard.failure
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(error, message)
        return [message for message in messages if message.error() is None]

    def _hand_over(self, consumer: Consumer, messages: Sequence[Message]) -> None:
        records = []
        for message in self.bounds.within(consumer, messages):
            partition = _partition_of(message)
            number = self.assignment.numbers.get(partition)
            # Read before its partition was taken from us, all inside one `consume`.
            if number is None or partition in self._rebalances.came_back:
                continue
            record = record_from(message, assignment=number)
            records.append(record)
            self.assignment.positions[partition] = record.next_offset
        if records:
            batch = RecordBatch(tuple(records), sum(record.size_bytes for record in records))
            self._window.handed_over(batch)
            self._bridge.post(self._bridge.listener.on_records, batch)

    def _find_starts(self, consumer: Consumer) -> None:
        try:
            starts = self._starts.found(consumer, self.assignment.owns)
        except KafkaException as error:
            self.errors.note(error.args[0])
            return
        except OffsetsUnknown as error:
            # The thread goes on, so that the other partitions' last commits can be made.
            self._fail(error)
            return
        if starts:
            self._restart(consumer, {each.partition: each.offset for each in starts})

    def _restart(self, consumer: Consumer, offsets: Mapping[PartitionId, int]) -> None:
        number = self.assignment.restart(consumer, offsets)
        self._bridge.post(self._bridge.listener.on_lost, list(offsets))
        self._bridge.post(self._bridge.listener.on_assigned, list(offsets), number)

    def _finish(self, consumer: Consumer, last: LastCommit) -> None:
        """Commit once more, polling for the answer: a synchronous commit could block for the session's time-out."""
        self.assignment.pause(consumer, STOPPING)
        self._rebalances.last_offsets = last.offsets
        next_attempt = self._now()
        while not last.settled and self._now() < last.deadline:
            self._run_commands(consumer)
            if self.commits.idle and self._now() >= next_attempt:
                next_attempt = self._now() + _COMMIT_AGAIN_SECONDS
                self.commits.submit(consumer, last.offsets, last.answered)
            else:
                self._poll(consumer, _FINISHING_POLL_SECONDS)
        if not last.settled:
            log.warning(
                "The last offsets were not committed in time; their records are read again."
            )
        self._metrics.offset_commits.labels("ok" if last.settled else "failed").inc()

    def _end_with(self, last: LastCommit) -> None:
        self._last_commit = last

    def _close(self, consumer: Consumer | None) -> None:
        self._rebalances.closing = True
        self.commits.give_up(KafkaFatal("The record reader has ended."))
        try:
            if consumer is not None:
                consumer.close()
        except Exception as error:  # noqa: BLE001 - nothing is lost by it: the group notices by itself
            log.warning("The Kafka consumer did not close in order.", error=type(error).__name__)

    def _fail(self, error: SegmentLiveIntentError) -> None:
        log.error("The record reader cannot go on.", error=str(error))
        self._bridge.post(self._bridge.listener.on_failed, error)

    # What librdkafka says

    def _on_error(self, error: KafkaError, message: Message) -> None:
        match error.code():
            case KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - the binding's public name for it
                self._starts.look_for(_partition_of(message))
            case KafkaError._PARTITION_EOF:  # noqa: SLF001
                self.assignment.reached_end(_partition_of(message), cast("int", message.offset()))
            case _ if is_fatal(error):
                raise kafka_fatal(error)
            case _:
                self.errors.note(error, topic=message.topic())
                if self.assignment.has_not_begun(partition := _partition_of(message)):
                    # Kafka would not tell its offset, which librdkafka asks for once and then never again.
                    self._starts.look_for(partition)

    def _on_client_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            raise kafka_fatal(error)
        self.errors.note(error)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if not answers_confirmed(partitions):
            self.commits.answer(self._consumer, error, partitions)
        elif error is not None:
            self.errors.note(error)


def _partition_of(message: Message) -> PartitionId:
    return PartitionId(cast("str", message.topic()), cast("int", message.partition()))
