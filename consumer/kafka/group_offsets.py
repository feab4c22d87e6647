"""A group's offsets seen and set from outside, for the replay commands. Joins no group.

Blocks: not for an event loop. Every call raises KafkaFatal when Kafka does not answer.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from consumer.errors import KafkaFatal
from consumer.kafka.connection import (
    KafkaConnection,
    admin_properties,
    consumer_properties,
    instance_id,
)
from consumer.kafka.dead_letter_reader import SilentLog
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_documents import OldOffset
from consumer.kafka.replay_plan import PartitionSight
from consumer.kafka.trouble import trouble_of

_ANSWER_SECONDS: Final = 10.0
_TIMES_SECONDS: Final = 20.0
# A transaction's marker has no time, so the newest record is looked for among the last few offsets.
_NEWEST_AMONG: Final = 10
_EPOCH_UNKNOWN: Final = -1
_NO_SUCH_TOPIC: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - the binding's public name for it
)


@dataclass(frozen=True, slots=True)
class GroupSight:
    """The group at one moment. `state` is Kafka's own word, None where it does not tell."""

    state: str | None
    members: int = 0
    instance_ids: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether offsets may be set. Some services take an empty group for dead at once (source: Azure Event Hubs)."""
        return self.state in {"EMPTY", "DEAD"} and not self.members


@dataclass(frozen=True, slots=True)
class RefusedOffset:
    """Kafka did not take one partition's offset. `code` is its name for why."""

    partition: PartitionId
    code: str


class GroupOffsets:
    """A context manager; close it before the brokers go away."""

    def __init__(
        self, connection: KafkaConnection, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._group = connection.group_id
        self._now = now
        # It subscribes to nothing. An admin client must not be asked for a group's offsets: it crashes, and the process
        # with it, when the coordinator has moved (source: librdkafka 2.16.0, rd_kafka_handle_OffsetFetch).
        properties = consumer_properties(connection)
        if instance_id(properties) is not None:
            del properties["group.instance.id"]
        try:
            self._consumer = Consumer({**properties}, logger=SilentLog())
            self._admin = AdminClient({**admin_properties(connection)}, logger=SilentLog())
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

    def partitions(self, topic: str) -> list[PartitionId]:
        """Return the topic's partitions; none where there is no such topic, or we may not see it."""
        try:
            found = self._consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            raise _failed("Kafka does not answer", error) from error
        if found.error is not None and found.error.code() not in _NO_SUCH_TOPIC:
            raise _failed("A topic cannot be looked at", KafkaException(found.error))
        return [PartitionId(topic, number) for number in sorted(found.partitions)]

    def group(self) -> GroupSight:
        """Who is in the group. A group Kafka does not know is DEAD, without members."""
        asked = self._admin.describe_consumer_groups([self._group], request_timeout=_ANSWER_SECONDS)
        try:
            found = asked[self._group].result(_ANSWER_SECONDS)
        except (KafkaException, TimeoutError):
            return GroupSight(None)
        state = found.state.name if isinstance(found.state, ConsumerGroupState) else None
        named = (member.group_instance_id for member in found.members)
        return GroupSight(state, len(found.members), tuple(sorted(filter(None, named))))

    def committed(self, partitions: Collection[PartitionId]) -> dict[PartitionId, OldOffset]:
        """Return what the group has committed for each, with its metadata."""
        try:
            found = _told(self._consumer.committed(_places(partitions), timeout=_ANSWER_SECONDS))
        except KafkaException as error:
            raise _failed("The group's offsets cannot be read", error) from error
        return {
            PartitionId(each.topic, each.partition): OldOffset(
                PartitionId(each.topic, each.partition),
                each.offset if each.offset >= 0 else None,
                each.metadata or "",
                each.leader_epoch,
            )
            for each in found
        }

    def log_bounds(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, tuple[int, int]]:
        """Return each log's first offset, and the one the next record that may be read will get."""
        try:
            return {
                each: self._consumer.get_watermark_offsets(
                    TopicPartition(*each), timeout=_ANSWER_SECONDS, cached=False
                )
                for each in partitions
            }
        except KafkaException as error:
            raise _failed("Where the logs begin and end is not known", error) from error

    def sights(self, partitions: Collection[PartitionId]) -> list[PartitionSight]:
        """Return each partition of the group at this moment."""
        committed, bounds = self.committed(partitions), self.log_bounds(partitions)
        return [PartitionSight(each, committed[each].offset, *bounds[each]) for each in partitions]

    def offsets_at(
        self, partitions: Collection[PartitionId], unix_ms: int
    ) -> dict[PartitionId, int | None]:
        """Return the first record at this time or later, by the records' own times; None where every one is older."""
        asked = [TopicPartition(*each, unix_ms) for each in partitions]
        try:
            found = _told(self._consumer.offsets_for_times(asked, timeout=_ANSWER_SECONDS))
        except KafkaException as error:
            raise _failed("Kafka does not tell offsets by time", error) from error
        return {
            PartitionId(each.topic, each.partition): each.offset if each.offset >= 0 else None
            for each in found
        }

    def times(self, spans: Mapping[PartitionId, tuple[int, int]]) -> dict[PartitionId, list[int]]:
        """Return times, in Unix milliseconds, of records at both ends of these spans; of what cannot be read, none."""
        firsts = {each: (start, start + 1) for each, (start, end) in spans.items() if start < end}
        lasts = {
            each: (max(start, end - _NEWEST_AMONG), end)
            for each, (start, end) in spans.items()
            if start < end
        }
        times: dict[PartitionId, list[int]] = {each: [] for each in spans}
        for wanted in (firsts, lasts):
            self._read_times(wanted, times)
        return times

    def alter(self, offsets: Sequence[OldOffset]) -> list[RefusedOffset]:
        """Set the group's offsets, in one request; returns what Kafka did not take. Raises KafkaFatal when the outcome is open."""
        wanted = [
            TopicPartition(
                *each.partition,
                each.offset or 0,
                each.metadata,
                _EPOCH_UNKNOWN if each.leader_epoch is None else each.leader_epoch,
            )
            for each in offsets
        ]
        asked = self._admin.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._group, wanted)], request_timeout=_ANSWER_SECONDS
        )
        try:
            answered = asked[self._group].result(2 * _ANSWER_SECONDS)
        except KafkaException as error:
            code = error.args[0]
            if code.code() in _OPEN:
                raise _failed("Whether the offsets were set is not known", error) from error
            return [RefusedOffset(each.partition, code.name()) for each in offsets]
        except TimeoutError as error:
            raise KafkaFatal("Whether the offsets were set is not known: no answer.") from error
        return [
            RefusedOffset(PartitionId(each.topic, each.partition), each.error.name())
            for each in answered.topic_partitions
            if each.error is not None
        ]

    def _read_times(
        self, spans: Mapping[PartitionId, tuple[int, int]], times: dict[PartitionId, list[int]]
    ) -> None:
        ends = {each: end for each, (_, end) in spans.items()}
        if not ends:
            return
        self._consumer.assign([TopicPartition(*each, spans[each][0]) for each in ends])
        deadline = self._now() + _TIMES_SECONDS
        while ends and self._now() < deadline:
            for message in self._consumer.consume(100, 0.1):
                where = PartitionId(message.topic() or "", message.partition() or 0)
                if message.error() is not None:
                    ends.pop(where, None)
                    continue
                end, next_offset = ends.get(where, 0), (message.offset() or 0) + 1
                if next_offset <= end or not times[where]:
                    times[where].append(message.timestamp()[1])
                if next_offset >= end:
                    ends.pop(where, None)
        self._consumer.unassign()


# The request may have arrived.
_OPEN: Final = frozenset(
    {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT}  # noqa: SLF001
)


def _places(partitions: Iterable[PartitionId]) -> list[TopicPartition]:
    return [TopicPartition(*each) for each in partitions]


def _told(answers: list[TopicPartition]) -> list[TopicPartition]:
    for each in answers:
        if each.error is not None:
            raise KafkaException(each.error)
    return answers


def _failed(what: str, error: KafkaException) -> KafkaFatal:
    reason = trouble_of(error.args[0]).reason
    return KafkaFatal(f"{what}: {reason}. `segment-liveintent check` says more.")
