"""A Kafka consumer that does what a script says, where the mock cluster cannot be made to: order within one call."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from consumer.kafka.confirmed_commit import answers_confirmed
from consumer.kafka.listener_bridge import ListenerBridge
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from tests.contract.kafka_reader import Listener

Step = Callable[["ScriptedConsumer"], list[Message]]


class ScriptedConsumer:
    """Each call of `consume` plays one step; callbacks are called from inside it, as librdkafka does."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.calls: list[tuple[str, Any]] = []
        self.commit_error: KafkaError | None = None
        self.close_error: Exception | None = None
        self.committed_offsets: Sequence[TopicPartition] = ()

    def built(self, settings: dict[str, Any], *, logger: object) -> "ScriptedConsumer":
        self.settings = settings
        return self

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.callbacks = callbacks

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        return self.steps.pop(0)(self)

    def assign(self, *partitions: int) -> None:
        self.callbacks["on_assign"](self, [TopicPartition("events", each) for each in partitions])

    def revoke(self, *partitions: int) -> None:
        self.callbacks["on_revoke"](self, [TopicPartition("events", each) for each in partitions])

    def lose(self, *partitions: int) -> None:
        self.callbacks["on_lost"](self, [TopicPartition("events", each) for each in partitions])

    def answer_commit(
        self, error: KafkaError | None = None, offsets: Sequence[TopicPartition] = ()
    ) -> None:
        self.settings["on_commit"](error, list(offsets))

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("assign", [(each.partition, each.offset) for each in partitions]))

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("unassign", [each.partition for each in partitions]))

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("pause", [each.partition for each in partitions]))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("resume", [each.partition for each in partitions]))

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert asynchronous, "a synchronous commit has no time-out"
        kind = "commit now" if answers_confirmed(offsets) else "commit"
        self.calls.append((kind, [(each.partition, each.offset) for each in offsets]))
        if self.commit_error is not None:
            raise KafkaException(self.commit_error)
        self.committed_offsets = offsets
        return offsets

    def committed(
        self, partitions: list[TopicPartition], *, timeout: float
    ) -> list[TopicPartition]:
        assert timeout > 0
        return list(self.committed_offsets)

    def close(self) -> None:
        self.calls.append(("close", None))
        if self.close_error is not None:
            raise self.close_error

    def called(self, what: str) -> list[Any]:
        return [argument for name, argument in self.calls if name == what]


class InlineBridge(ListenerBridge):
    """Calls the listener at once, on the caller's thread."""

    def __init__(self, listener: Listener) -> None:
        loop = asyncio.new_event_loop()
        super().__init__(listener, loop=loop, drain_seconds=0)
        loop.close()
        self.drained: list[PartitionId] = []
        self.last: list[CommitOffset] = []

    def post(self, call: Callable[..., object], *arguments: Any) -> None:  # type: ignore[override] # noqa: ANN401
        call(*arguments)

    def drain(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        self.drained += partitions
        return self.last


def a_message(offset: int, *, partition: int = 0, value: bytes = b"v") -> Message:
    return Message(
        topic="events", partition=partition, offset=offset, value=value, timestamp=(1, 1000)
    )


def an_error(code: int, *, partition: int = 0, fatal: bool = False) -> Message:
    return Message(topic="events", partition=partition, error=KafkaError(code, "text", fatal))


def an_end(offset: int, *, partition: int = 0) -> Message:
    """What librdkafka says once all below this offset is read."""
    return Message(
        topic="events",
        partition=partition,
        offset=offset,
        error=KafkaError(KafkaError._PARTITION_EOF, "text", False),
    )
