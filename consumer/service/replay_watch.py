"""Says in metrics and log while records are delivered again, and under which replay."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import structlog

from consumer.kafka.lag import Lag
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_marker import ReplayMarker
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
_BY_HAND: Final = ""


class Progress(Protocol):
    """Where the group is and was. `LagWatch`."""

    def lag(self, partition: PartitionId) -> Lag:
        """How far behind the partition is."""
        ...

    def replays_to(self, partition: PartitionId) -> int | None:
        """Where the partition's offset was before it was set back, until it is there again."""
        ...


class ReplayWatch:
    """Looks once a second. Lives on the event loop."""

    def __init__(
        self,
        *,
        held: Callable[[], Iterable[PartitionId]],
        markers: Callable[[], Mapping[PartitionId, ReplayMarker]],
        progress: Progress,
        side_replay_id: str | None,
        metrics: Metrics,
    ) -> None:
        """`side_replay_id` is the replay this process is there for, if it is."""
        self._held = held
        self._markers = markers
        self._progress = progress
        self._side_replay_id = side_replay_id
        self._metrics = metrics
        self.under_way: frozenset[str] = frozenset()
        """The replays under way; empty text for offsets that were set back without a marker."""
        self.records_left = 0
        """Until every offset that was set back is where it was."""

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Show what is under way, and log what begins and what is over."""
        left = {each: records for each in self._held() if (records := self._left(each)) > 0}
        markers = self._markers()
        named = {
            marker.replay_id if (marker := markers.get(each)) is not None else _BY_HAND
            for each in left
        }
        if self._side_replay_id is not None:
            named = {self._side_replay_id}
        self.records_left = sum(left.values())
        self._metrics.replay_active.set(bool(named))
        self._metrics.replay_records_left.set(self.records_left)
        for replay_id in named - self.under_way:
            self._metrics.replay_info.labels(replay_id).set(1)
            log.info("A replay is under way.", replay_id=replay_id, records_left=self.records_left)
        for replay_id in self.under_way - named:
            self._metrics.replay_info.remove(replay_id)
            log.info("A replay has come to where the group was.", replay_id=replay_id)
        self.under_way = frozenset(named)

    def _left(self, partition: PartitionId) -> int:
        until = self._progress.replays_to(partition)
        committed = self._progress.lag(partition).committed
        return 0 if until is None or committed is None else max(0, until - committed)
