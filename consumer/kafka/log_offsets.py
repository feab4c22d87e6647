"""What Kafka tells of our partitions and topics, asked from outside the consumer.

librdkafka's own statistics freeze for a paused partition (source: librdkafka#4996), and the consumer must not be asked
from outside its thread; so an admin client of our own asks.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, cast

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # documented, unlisted

from consumer.kafka.offset_ledger import PartitionId

_ANSWER_SECONDS: Final = 5.0
_LEAST_SECONDS: Final = 0.1
_LATEST = cast("OffsetSpec", OffsetSpec.latest())  # type: ignore[no-untyped-call] # the package's own omission
_EARLIEST = cast("OffsetSpec", OffsetSpec.earliest())  # type: ignore[no-untyped-call]
_EVERYTHING: Final = IsolationLevel.READ_UNCOMMITTED
_NO_SUCH_TOPIC: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - the binding's public name for it
)

_Futures = Mapping[TopicPartition, Future[Any]]


@dataclass(slots=True)
class Answers:
    """One round of answers. What Kafka did not tell is left out, and `error` is the first reason it gave."""

    topics: dict[str, int] = field(default_factory=dict)
    """How many partitions each topic has: 0 where there is no such topic, or we may not see it."""
    committed: dict[PartitionId, int] = field(default_factory=dict)
    ends: dict[PartitionId, int] = field(default_factory=dict)
    """The last offset that may be read, plus one: below it every transaction has ended."""
    high_watermarks: dict[PartitionId, int] = field(default_factory=dict)
    log_starts: dict[PartitionId, int] = field(default_factory=dict)
    error: KafkaError | None = None


class Questioner:
    """Asks Kafka on behalf of one group, of which it is no member. Blocks for ten seconds at most: ask from a thread."""

    def __init__(
        self,
        properties: Mapping[str, str],
        *,
        group_id: str,
        isolation: IsolationLevel,
        logger: object,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        # An admin client is a producer to librdkafka, and a producer's question for a topic would create it.
        common = {**properties, "allow.auto.create.topics": "false"}
        self._admin = AdminClient({**common}, logger=logger)
        # It subscribes to nothing. An admin client must not be asked for a group's offsets: it crashes, and the process
        # with it, when the coordinator has moved (source: librdkafka 2.16.0, rd_kafka_handle_OffsetFetch).
        self._group = Consumer(
            {**common, "group.id": group_id, "enable.auto.commit": "false"}, logger=logger
        )
        self._isolation = isolation
        self._now = now

    def ask(self, partitions: Sequence[PartitionId], topics: Sequence[str]) -> Answers:
        """Everything about these partitions and topics that Kafka tells at this moment. Raises nothing of Kafka's."""
        answers = Answers()
        self._admin.poll(0)
        try:
            self._ask_for_topics(answers, topics)
        except KafkaException as error:
            # No broker in reach, most likely: the other questions would only take as long.
            answers.error = error.args[0]
            return answers
        deadline = self._now() + _ANSWER_SECONDS
        asked = self._asked_for_offsets(answers, partitions)
        # With nothing assigned, whether we may use the group at all is still worth knowing.
        some = partitions or [PartitionId(each, 0) for each in topics if answers.topics[each]]
        if some:
            self._ask_the_group(answers, some)
        for told, futures in asked:
            for each, future in futures.items():
                found = self._told(answers, future, deadline)
                if found is not None:
                    told[PartitionId(each.topic, each.partition)] = found.offset
        return answers

    def _ask_for_topics(self, answers: Answers, topics: Sequence[str]) -> None:
        deadline = self._now() + _ANSWER_SECONDS
        for topic in topics:
            left_seconds = max(_LEAST_SECONDS, deadline - self._now())
            found = self._admin.list_topics(topic, timeout=left_seconds).topics[topic]
            if found.error is None or found.error.code() in _NO_SUCH_TOPIC:
                answers.topics[topic] = len(found.partitions)
            else:
                answers.topics[topic] = 0
                answers.error = found.error

    def _asked_for_offsets(
        self, answers: Answers, partitions: Sequence[PartitionId]
    ) -> Sequence[tuple[dict[PartitionId, int], _Futures]]:
        """Ask for the logs' bounds; the answers are on their way. Each with where it belongs."""
        wanted = [TopicPartition(*each) for each in partitions]
        if not wanted:
            return ()
        return (
            (answers.ends, self._offsets(wanted, _LATEST, self._isolation)),
            (answers.high_watermarks, self._offsets(wanted, _LATEST, _EVERYTHING)),
            (answers.log_starts, self._offsets(wanted, _EARLIEST, _EVERYTHING)),
        )

    def _ask_the_group(self, answers: Answers, partitions: Sequence[PartitionId]) -> None:
        wanted = [TopicPartition(*each) for each in partitions]
        self._group.poll(0)
        try:
            found = self._group.committed(wanted, timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            answers.error = answers.error or error.args[0]
            return
        for each in found:
            if each.error is not None:
                answers.error = answers.error or each.error
            elif each.offset >= 0:
                answers.committed[PartitionId(each.topic, each.partition)] = each.offset

    def _offsets(
        self, partitions: Sequence[TopicPartition], spec: OffsetSpec, isolation: IsolationLevel
    ) -> _Futures:
        return self._admin.list_offsets(
            dict.fromkeys(partitions, spec),
            isolation_level=isolation,
            request_timeout=_ANSWER_SECONDS,
        )

    def _told(self, answers: Answers, future: Future[Any], deadline: float) -> Any:  # noqa: ANN401 - one of the binding's own types, or None
        """One answer, or None with its reason noted."""
        try:
            return future.result(max(_LEAST_SECONDS, deadline - self._now()))
        except KafkaException as error:
            answers.error = answers.error or error.args[0]
        except TimeoutError:
            answers.error = answers.error or KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001
        return None
