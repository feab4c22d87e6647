"""Watches every partition's committed offset, and says which partitions make no progress."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

import structlog

from consumer.kafka.lag import Lag
from consumer.kafka.offset_ledger import OffsetLedger, PartitionId
from consumer.kafka.stalls import Progress, Sight, StallDetector, Standing
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
# Four times as long as Kafka is usually asked in: past it, where the log ends is not known any more.
ANSWER_OLD_SECONDS: Final = 60.0


class LagSource(Protocol):
    """What Kafka told last. `LagWatch`."""

    def lag(self, partition: PartitionId) -> Lag:
        """How far behind the partition is, with what we have read and committed since Kafka was asked."""
        ...

    def answer_age_seconds(self, partition: PartitionId) -> float | None:
        """How long ago Kafka told where the partition's log ends; None when it has not yet."""
        ...

    def replays_to(self, partition: PartitionId) -> int | None:
        """Where the partition's offset was before somebody set it back, until it is there again."""
        ...

    def refresh(self) -> None:
        """Reckon the metrics again; drop the series of partitions that left us."""
        ...


class ProgressWatch:
    """Looks once a second, so that a partition's series are gone a second after it left. Lives on the event loop."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        ledger: OffsetLedger,
        lag: LagSource,
        held_for: Callable[[], Collection[str]],
        stalled_after_seconds: float,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """`held_for` gives the reasons, if any, why nothing is meant to move at this moment."""
        self._ledger = ledger
        self._lag = lag
        self._held_for = held_for
        self._detector = StallDetector(stalled_after_seconds)
        self._metrics = metrics
        self._now = now
        self._unix_time = unix_time
        self.standings: Mapping[PartitionId, Standing] = {}
        """The verdict on every partition we own, as of the last look."""

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Judge every partition, show it in the metrics, and log who has stopped and who goes on."""
        self._lag.refresh()
        before = self.standings
        sights = {each: self._sight(each) for each in self._ledger.partitions()}
        self.standings = self._detector.look(sights, now=self._now())
        for partition in before.keys() - self.standings.keys():
            self._forget(partition)
        for partition, standing in self.standings.items():
            self._show(partition, standing)
            if _is_stalled(standing) != _is_stalled(before.get(partition)):
                self._tell(partition, standing, sights[partition])

    def is_answer_old(self, partition: PartitionId) -> bool:
        """Whether Kafka has not told for long, or never, where the partition's log ends."""
        age_seconds = self._lag.answer_age_seconds(partition)
        return age_seconds is None or age_seconds > ANSWER_OLD_SECONDS

    def _sight(self, partition: PartitionId) -> Sight:
        lag = self._lag.lag(partition)
        return Sight(
            committed=lag.committed,
            is_settled=lag.unread == 0
            and not self.is_answer_old(partition)
            and not self._ledger.unfinished(partition)
            and not has_uncommitted(self._ledger, partition),
            is_held=bool(self._held_for()),
            replays_to=self._lag.replays_to(partition),
        )

    def _show(self, partition: PartitionId, standing: Standing) -> None:
        metrics, labels = self._metrics, (partition.topic, str(partition.partition))
        metrics.commit_age.labels(*labels).set(standing.still_seconds)
        metrics.partition_stalled.labels(*labels).set(_is_stalled(standing))
        metrics.last_progress_timestamp.labels(*labels).set(
            self._unix_time() - (self._now() - standing.since)
        )

    def _forget(self, partition: PartitionId) -> None:
        metrics = self._metrics
        for gauge in (
            metrics.commit_age,
            metrics.partition_stalled,
            metrics.last_progress_timestamp,
        ):
            gauge.remove(partition.topic, str(partition.partition))

    def _tell(self, partition: PartitionId, standing: Standing, sight: Sight) -> None:
        fields = {"topic": partition.topic, "partition": partition.partition}
        if _is_stalled(standing):
            log.error(
                "A partition makes no progress. /status says what it waits for.",
                **fields, committed=sight.committed, still_seconds=round(standing.still_seconds),
            )  # fmt: skip
        elif standing.progress is not Progress.HELD:
            log.info("A partition makes progress again.", **fields, committed=sight.committed)


def has_uncommitted(ledger: OffsetLedger, partition: PartitionId) -> bool:
    """Whether records are finished and their offset is not committed yet."""
    watermark = ledger.watermark(partition)
    return watermark is not None and watermark != ledger.committed_offset(partition)


def _is_stalled(standing: Standing | None) -> bool:
    return standing is not None and standing.progress is Progress.STALLED
