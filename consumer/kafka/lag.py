"""How far behind we are, right also while partitions are paused; and what else Kafka alone can tell of our partitions."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import IsolationLevel, KafkaException
from prometheus_client import Gauge

from consumer.kafka.client_log import ClientErrors, ClientLog
from consumer.kafka.log_offsets import Answers, Questioner
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_marker import ReplayMarker
from consumer.kafka.stalls import Rewinds
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_SOON_SECONDS = 1.0
_NOT_KNOWN = float("nan")


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
        topics: Sequence[str],
        assignment: Callable[[], Iterable[PartitionId]],
        positions: Callable[[], Mapping[PartitionId, int]],
        committed: Callable[[PartitionId], int | None],
        metrics: Metrics,
        interval_seconds: float = 15.0,
        now: Callable[[], float] = time.monotonic,
        markers: Callable[[], Mapping[PartitionId, ReplayMarker]] = dict,
    ) -> None:
        """`committed` is what we have committed ourselves since the partition became ours, if anything."""
        self._markers = markers
        self._properties = properties
        self._group_id = group_id
        self._isolation = (
            IsolationLevel.READ_UNCOMMITTED
            if isolation_level.lower() == "read_uncommitted"
            else IsolationLevel.READ_COMMITTED
        )
        self._topics = topics
        self._assignment = assignment
        self._positions = positions
        self._our_committed = committed
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self._now = now
        self._errors = ClientErrors(metrics=metrics, now=now)
        self._questioner: Questioner | None = None
        self._said = Answers()
        self._said_at: dict[PartitionId, float] = {}
        self._shown: set[PartitionId] = set()
        self._rewinds = Rewinds()
        self.lags: Mapping[PartitionId, Lag] = {}
        """The lag of every assigned partition, as of the last `refresh`."""
        self.last_error: str | None = None
        """Why Kafka did not answer everything the last time; None when it did."""

    async def run(self) -> None:
        """Ask every interval, until cancelled; soon again while an assigned partition's lag is not known."""
        while True:
            await self.ask()
            is_known = bool(self.lags) and all(
                each.records is not None for each in self.lags.values()
            )
            soon = not is_known or self.last_error is not None
            await asyncio.sleep(
                min(self._interval_seconds, _SOON_SECONDS) if soon else self._interval_seconds
            )

    async def ask(self) -> None:
        """Ask Kafka once and refresh. Where Kafka does not answer, what it said last stands."""
        partitions = list(self._assignment())
        before = self._rewinds.before_asking(self._committed_by_us(partitions))
        try:
            answers = await asyncio.to_thread(self._ask, partitions)
        except KafkaException as error:
            answers = Answers(error=error.args[0])
        self.last_error = None if answers.error is None else answers.error.name()
        if answers.error is None:
            self._metrics.kafka_answered_timestamp.set_to_current_time()
        else:
            self._errors.note(answers.error)
        self._tell_rewinds(before, answers.committed)
        self._take_in(answers)
        self.refresh()

    def lag(self, partition: PartitionId) -> Lag:
        """What Kafka said last of one partition, with what we have read and committed since."""
        committed = self._our_committed(partition)
        return lag_of(
            end=self._said.ends.get(partition),
            committed=self._said.committed.get(partition) if committed is None else committed,
            position=self._positions().get(partition),
        )

    def answer_age_seconds(self, partition: PartitionId) -> float | None:
        """How long ago Kafka told where the partition's log ends; None when it has not yet."""
        said_at = self._said_at.get(partition)
        return None if said_at is None else self._now() - said_at

    def unstable_records(self, partition: PartitionId) -> int | None:
        """Offsets that exist and cannot be read, because a transaction below them has not ended; None is not known."""
        end, high = self._said.ends.get(partition), self._said.high_watermarks.get(partition)
        return None if end is None or high is None else max(0, high - end)

    def replays_to(self, partition: PartitionId) -> int | None:
        """Where the partition's offset was before somebody set it back, until it is there again."""
        marker = self._markers().get(partition)
        marked = None if marker is None else marker.until
        committed = self.lag(partition).committed
        if marked is not None and committed is not None and committed >= marked:
            marked = None
        known = (marked, self._rewinds.replays_to(partition))
        return max((each for each in known if each is not None), default=None)

    @property
    def topic_partitions(self) -> Mapping[str, int]:
        """How many partitions each of our topics has: 0 where Kafka knows no such topic, or hides it from us."""
        return self._said.topics

    def refresh(self) -> None:
        """Reckon again with what Kafka said last and what is read now; drop the series of partitions that left us."""
        self.lags = {each: self.lag(each) for each in self._assignment()}
        for topic, partition in self._shown - set(self.lags):
            for gauge in self._gauges:
                gauge.remove(topic, str(partition))
        for partition_id, lag in self.lags.items():
            labels = (partition_id.topic, str(partition_id.partition))
            metrics = self._metrics
            metrics.lag_records.labels(*labels).set(_number(lag.records))
            metrics.unread_records.labels(*labels).set(_number(lag.unread))
            metrics.unstable_records.labels(*labels).set(
                _number(self.unstable_records(partition_id))
            )
            metrics.retention_headroom.labels(*labels).set(
                _number(self._retention_headroom(partition_id, lag))
            )
        self._shown = set(self.lags)

    def _ask(self, partitions: Sequence[PartitionId]) -> Answers:
        """In a thread."""
        if self._questioner is None:
            self._questioner = Questioner(
                self._properties,
                group_id=self._group_id,
                isolation=self._isolation,
                logger=ClientLog(self._now),
            )
        return self._questioner.ask(partitions, self._topics)

    def _take_in(self, answers: Answers) -> None:
        """Keep what was said, and what was said before where nothing was; forget partitions that left us."""
        before, ours = self._said, set(self._assignment())

        def kept(
            old: dict[PartitionId, int], new: dict[PartitionId, int]
        ) -> dict[PartitionId, int]:
            return {each: offset for each, offset in {**old, **new}.items() if each in ours}

        self._said = Answers(
            topics={**before.topics, **answers.topics},
            committed=kept(before.committed, answers.committed),
            ends=kept(before.ends, answers.ends),
            high_watermarks=kept(before.high_watermarks, answers.high_watermarks),
            log_starts=kept(before.log_starts, answers.log_starts),
        )
        now = self._now()
        self._said_at = {
            each: now if each in answers.ends else self._said_at[each] for each in self._said.ends
        }
        for topic, partitions in answers.topics.items():
            self._metrics.topic_partitions.labels(topic).set(partitions)

    def _committed_by_us(self, partitions: Iterable[PartitionId]) -> dict[PartitionId, int]:
        return {
            each: offset for each in partitions if (offset := self._our_committed(each)) is not None
        }

    def _tell_rewinds(
        self, before: Mapping[PartitionId, int], committed: Mapping[PartitionId, int]
    ) -> None:
        for rewind in self._rewinds.answered(before, committed):
            self._metrics.offset_rewinds.inc()
            log.warning(
                "The group's offset of a partition was set back. A replay works only if the whole group was stopped.",
                topic=rewind.partition.topic, partition=rewind.partition.partition,
                offset_before=rewind.was, offset=rewind.now,
            )  # fmt: skip

    def _retention_headroom(self, partition: PartitionId, lag: Lag) -> int | None:
        """Records below the committed offset. With nothing behind, retention can delete nothing unread."""
        log_start = self._said.log_starts.get(partition)
        if not lag.records or lag.committed is None or log_start is None:
            return None
        return lag.committed - log_start

    @property
    def _gauges(self) -> tuple[Gauge, ...]:
        metrics = self._metrics
        return (
            metrics.lag_records,
            metrics.unread_records,
            metrics.unstable_records,
            metrics.retention_headroom,
        )


def _number(records: int | None) -> float:
    return _NOT_KNOWN if records is None else records
