"""A look at Kafka from outside, for `check`: nothing is joined, written, created or committed.

Every question is asked once and blocks for a bounded time: ask from a thread, not on an event loop.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from consumer.kafka.confirmed_commit import CommitEnd
from consumer.kafka.connection import (
    KafkaConnection,
    admin_properties,
    consumer_properties,
    producer_properties,
)
from consumer.kafka.first_start import FirstStartPoint, PartitionStart, PartitionStarts
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.trouble import KafkaTrouble, TroubleKind, trouble_of
from consumer.telemetry.redaction import redacted

_SLICE_SECONDS: Final = 1.0
_LEAST_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Brokers:
    """The cluster answers."""

    count: int


@dataclass(frozen=True, slots=True)
class TopicFound:
    """The topic is there."""

    partitions: int


@dataclass(frozen=True, slots=True)
class NoTopic:
    """There is no such topic, or we may not see it: brokers tell both alike."""


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """Who is in the group. A static member counts until its session is over, also after a stop in good order."""

    count: int
    instance_ids: frozenset[str]
    """The group.instance.id of those who have one."""


@dataclass(frozen=True, slots=True)
class TopicRules:
    """What the brokers tell of a topic to those who may ask; None, or no settings, where they do not tell."""

    may_read: bool | None = None
    may_write: bool | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_compacted(self) -> bool:
        """Whether a newer record replaces an older one of the same key."""
        return "compact" in self.settings.get("cleanup.policy", "")

    @property
    def retention_ms(self) -> int | None:
        """How long records are kept; None for ever, or unknown."""
        retention_ms = int(self.settings.get("retention.ms", -1))
        return None if retention_ms < 0 else retention_ms

    @property
    def most_bytes(self) -> int:
        """The largest batch of records the topic takes; 0 when unknown."""
        return int(self.settings.get("max.message.bytes", 0))


class KafkaInspection:
    """The clients the service would have, for a look. A context manager; close it before the brokers go away."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        answer_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answer_seconds = answer_seconds
        self._now = now
        self._errors: list[KafkaError] = []
        # Only built: what it refuses here, the dead-letter producer would refuse as well.
        Producer(producer_properties(connection), logger=_Silent())
        self._admin = AdminClient({**admin_properties(connection)}, logger=_Silent())
        self._consumer = Consumer(
            {**consumer_properties(connection), "error_cb": self._errors.append}, logger=_Silent()
        )

    @classmethod
    def open(cls, connection: KafkaConnection, *, answer_seconds: float) -> Self | KafkaTrouble:
        """Build the clients, or say why librdkafka refuses their properties. Connects to nothing yet."""
        try:
            return cls(connection, answer_seconds=answer_seconds)
        except KafkaException as error:
            return KafkaTrouble(TroubleKind.PROPERTIES, redacted(error.args[0].str()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def reach(self, topic: str) -> Brokers | KafkaTrouble:
        """Whether the brokers answer us at all. Asks for one topic: all of them may be many."""
        deadline = self._now() + self._answer_seconds
        while True:
            left = deadline - self._now()
            try:
                slice_seconds = max(_LEAST_SECONDS, min(_SLICE_SECONDS, left))
                return Brokers(
                    len(self._consumer.list_topics(topic, timeout=slice_seconds).brokers)
                )
            except KafkaException as error:
                # Serves error_cb, which says why; librdkafka itself goes on trying until the time is over.
                self._consumer.poll(0)
                if self._is_hopeless() or left <= _SLICE_SECONDS:
                    return self._worst_trouble(error.args[0])

    def topic(self, topic: str) -> TopicFound | NoTopic | KafkaTrouble:
        """Whether the topic exists. Does not create it, whatever the brokers' settings."""
        try:
            found = self._consumer.list_topics(topic, timeout=self._answer_seconds).topics[topic]
        except KafkaException as error:
            return trouble_of(error.args[0])
        if found.error is None:
            return TopicFound(len(found.partitions))
        if found.error.code() in _NO_SUCH_TOPIC:
            return NoTopic()
        return trouble_of(found.error)

    def rules(self, topics: Iterable[str]) -> Mapping[str, TopicRules]:
        """What the brokers tell of our rights and of the topics' settings. Never fails: telling is optional."""
        names = list(topics)
        seconds = self._answer_seconds
        try:
            described = self._admin.describe_topics(
                TopicCollection(names), include_authorized_operations=True, request_timeout=seconds
            )
            configured = self._admin.describe_configs(
                [ConfigResource(ResourceType.TOPIC, name) for name in names],
                request_timeout=seconds,
            )
        except (KafkaException, ValueError):
            return {name: TopicRules() for name in names}
        by_name = {resource.name: answer for resource, answer in configured.items()}
        return {name: _rules(described.get(name), by_name.get(name), seconds) for name in names}

    def members(self, group_id: str) -> GroupMembers | None:
        """Who is in the group; None where the brokers do not tell."""
        seconds = self._answer_seconds
        asked = self._admin.describe_consumer_groups([group_id], request_timeout=seconds)
        found = _answer(asked[group_id], seconds)
        if found is None:
            return None
        named = (member.group_instance_id for member in found.members)
        return GroupMembers(len(found.members), frozenset(filter(None, named)))

    def starts(
        self, topic: str, partitions: int, *, group_id: str, first_start: FirstStartPoint | None
    ) -> Sequence[PartitionStart] | KafkaTrouble:
        """Where the service would start on each partition; commits nothing.

        Raises OffsetsUnknown with the very words the service would end with.
        """
        starts = PartitionStarts(
            group_id=group_id, first_start=first_start, now=self._now, commit=_commit_nothing
        )
        for number in range(partitions):
            starts.look_for(PartitionId(topic, number))
        try:
            return starts.found(self._consumer, owns=lambda _: True)
        except KafkaException as error:
            return trouble_of(error.args[0])

    def _is_hopeless(self) -> bool:
        return any(error.code() in _HOPELESS for error in self._errors)

    def _worst_trouble(self, last: KafkaError) -> KafkaTrouble:
        """The error that tells most: that no broker is up is only what follows from another."""
        errors = [error for error in self._errors if error.code() != KafkaError._ALL_BROKERS_DOWN]  # noqa: SLF001 - the binding's public name for it
        troubles = [trouble_of(error) for error in errors] or [trouble_of(last)]
        return next(
            (each for each in troubles if each.kind is not TroubleKind.UNREACHABLE), troubles[0]
        )


def _commit_nothing(_consumer: Consumer, _offsets: Sequence[CommitOffset]) -> CommitEnd:
    """So that the service's own rules can be asked where it would start."""
    return CommitEnd.COMMITTED


class _Silent:
    """The `logger` of a client whose errors are reported another way."""

    def log(self, _level: int, _text: str, *_parts: object) -> None:
        """Say nothing."""


_HOPELESS: Final = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION})  # noqa: SLF001
_NO_SUCH_TOPIC: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001
)


def _rules(
    described: Future[Any] | None, configured: Future[Any] | None, seconds: float
) -> TopicRules:
    """Both answers in our words; one that did not come tells nothing."""
    topic, entries = _answer(described, seconds), _answer(configured, seconds)
    operations = None if topic is None else topic.authorized_operations
    return TopicRules(
        may_read=None if operations is None else _is_among(AclOperation.READ, operations),
        may_write=None if operations is None else _is_among(AclOperation.WRITE, operations),
        settings={}
        if entries is None
        else {n: e.value for n, e in entries.items() if e.value is not None},
    )


def _answer(future: Future[Any] | None, seconds: float) -> Any:  # noqa: ANN401 - one of the binding's own types, or None
    try:
        return None if future is None else future.result(seconds)
    except (KafkaException, TimeoutError):
        return None


def _is_among(operation: AclOperation, operations: Iterable[AclOperation]) -> bool:
    return not {operation, AclOperation.ALL}.isdisjoint(operations)
