"""How far behind we are, right also while partitions are paused.

librdkafka's own lag statistics freeze for a paused partition (source: librdkafka#4996), and the consumer itself must
not be asked from outside its thread; so an admin client of our own asks for the logs' ends.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # documented, unlisted

from consumer.kafka.client_log import ClientErrors, ClientLog
from consumer.kafka.offset_ledger import PartitionId
from consumer.telemetry.metrics import Metrics

_ANSWER_SECONDS = 5.0
_SOON_SECONDS = 1.0
_NOT_KNOWN = float("nan")
_LATEST = cast("OffsetSpec", OffsetSpec.latest())  # type: ignore[no-untyped-call] # the package's own omission


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind one partition is, in offsets; None where it cannot be known yet.

    On a topic written in transactions the markers count too: 1 at rest is normal there.
    """

    committed: int | None
    end: int | None
    records: int | None
    """End less committed: what is not read, and what is read and not finished."""
    unread: int | None
    """End less the next offset to read."""


def lag_of(*, end: int | None, committed: int | None, position: int | None) -> Lag:
    """Return one partition's lag. Before the first read, reading will begin at what is committed; and the reverse.

    Never negative, and never less than what is read and not committed: the end may have been asked for before the
    other two moved on, and a log that was read so far reaches so far.
    """
    if end is not None and position is not None:
        end = max(end, position)
    done = committed if committed is not None else position
    read = position if position is not None else committed
    return Lag(
        committed=committed,
        end=end,
        records=None if end is None or done is None else max(0, end - done),
        unread=None if end is None or read is None else max(0, end - read),
    )


class LagWatch:
    """Asks Kafka every interval, and keeps the metrics. Lives on the event loop; its client works in threads."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        properties: Mapping[str, str],
        group_id: str,
        isolation_level: str,
        assignment: Callable[[], Iterable[PartitionId]],
        positions: Callable[[], Mapping[PartitionId, int]],
        metrics: Metrics,
        interval_seconds: float = 15.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._properties = properties
        self._group_id = group_id
        self._isolation = (
            IsolationLevel.READ_UNCOMMITTED
            if isolation_level.lower() == "read_uncommitted"
            else IsolationLevel.READ_COMMITTED
        )
        self._assignment = assignment
        self._positions = positions
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self._now = now
        self._errors = ClientErrors(metrics=metrics, now=now)
        self._admin: AdminClient | None = None
        self._ends: dict[PartitionId, int] = {}
        self._committed: dict[PartitionId, int] = {}
        self._shown: set[PartitionId] = set()
        self.lags: Mapping[PartitionId, Lag] = {}
        """The lag of every assigned partition, as of the last `refresh`."""
        self.last_error: str | None = None
        """Why Kafka could not be asked the last time; None when it answered."""

    async def run(self) -> None:
        """Ask every interval, until cancelled; soon again while an assigned partition's end is not known yet."""
        while True:
            await self.ask()
            is_known = bool(self.lags) and all(lag.end is not None for lag in self.lags.values())
            await asyncio.sleep(
                self._interval_seconds if is_known else min(self._interval_seconds, _SOON_SECONDS)
            )

    async def ask(self) -> None:
        """Ask Kafka once and refresh. When Kafka does not answer, what it said last stands."""
        partitions = list(self._assignment())
        if partitions:
            try:
                self._committed, self._ends = await asyncio.to_thread(self._ask, partitions)
                self.last_error = None
            except KafkaException as error:
                self._errors.note(error.args[0])
                self.last_error = error.args[0].name()
            except TimeoutError:
                self.last_error = "_TIMED_OUT"
                self._errors.note(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
        self.refresh()

    def refresh(self) -> None:
        """Reckon again with what Kafka said last and what is read now; drop the series of partitions that left us."""
        positions = self._positions()
        self.lags = {
            each: lag_of(
                end=self._ends.get(each),
                committed=self._committed.get(each),
                position=positions.get(each),
            )
            for each in self._assignment()
        }
        for topic, partition in self._shown - set(self.lags):
            self._metrics.lag_records.remove(topic, str(partition))
            self._metrics.unread_records.remove(topic, str(partition))
        for (topic, partition), lag in self.lags.items():
            self._metrics.lag_records.labels(topic, str(partition)).set(_number(lag.records))
            self._metrics.unread_records.labels(topic, str(partition)).set(_number(lag.unread))
        self._shown = set(self.lags)

    def _ask(
        self, partitions: Sequence[PartitionId]
    ) -> tuple[dict[PartitionId, int], dict[PartitionId, int]]:
        """In a thread: return what is committed, and the logs' ends. In this order, so that no lag is negative."""
        if self._admin is None:
            self._admin = AdminClient(dict(self._properties), logger=ClientLog(self._now))
        self._admin.poll(0)
        wanted = [TopicPartition(*each) for each in partitions]
        return _committed(self._admin, self._group_id, wanted), _ends(
            self._admin, wanted, self._isolation
        )


def _committed(
    admin: AdminClient, group_id: str, partitions: list[TopicPartition]
) -> dict[PartitionId, int]:
    request = ConsumerGroupTopicPartitions(group_id, partitions)
    answers = admin.list_consumer_group_offsets([request], request_timeout=_ANSWER_SECONDS)
    answer = answers[group_id].result(_ANSWER_SECONDS)
    return {
        PartitionId(each.topic, each.partition): each.offset
        for each in answer.topic_partitions
        if each.offset >= 0
    }


def _ends(
    admin: AdminClient, partitions: list[TopicPartition], isolation: IsolationLevel
) -> dict[PartitionId, int]:
    answers = admin.list_offsets(
        dict.fromkeys(partitions, _LATEST),
        isolation_level=isolation,
        request_timeout=_ANSWER_SECONDS,
    )
    return {
        PartitionId(each.topic, each.partition): answer.result(_ANSWER_SECONDS).offset
        for each, answer in answers.items()
    }


def _number(records: int | None) -> float:
    return _NOT_KNOWN if records is None else records
