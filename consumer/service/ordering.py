"""Whether the topic's key lets the newest event win between replicas, and a warning when it does not.

Several replicas keep a person's events in order only if all of them are in one partition. See docs/architecture.md.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog

from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.sharing import Sharing
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
# Longer than a rebalance, in which everybody holds fewer partitions than they will.
SHARED_AFTER_SECONDS: Final = 60.0


class OrderingWatch:
    """Counts what endangers the order, and warns once a process for each. Lives on the event loop."""

    def __init__(
        self,
        *,
        records_without_key: Callable[[], int],
        members_on_several_partitions: Callable[[], int],
        held: Callable[[], Collection[PartitionId]],
        topic_partitions: Callable[[], Mapping[str, int]],
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """The first two give counts since the process started."""
        self._without_key = _Danger(
            records_without_key,
            metrics.records_without_key.inc,
            "Records without a key are read while other replicas read the same topics, so an older event of a person "
            "may undo a newer one. Key the topic by userId, or run one replica.",
        )
        self._several_partitions = _Danger(
            members_on_several_partitions,
            metrics.members_on_several_partitions.inc,
            "Events of one person come from several partitions while other replicas read the same topics, so an older "
            "one may undo a newer one. Key the topic by userId, or run one replica.",
        )
        self._held = held
        self._topic_partitions = topic_partitions
        self._sharing = Sharing(SHARED_AFTER_SECONDS)
        self._now = now

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Count on, and warn if there is reason to."""
        is_shared = self._sharing.look(
            held=len(self._held()),
            partitions=sum(self._topic_partitions().values()),
            now=self._now(),
        )
        for danger in (self._without_key, self._several_partitions):
            danger.count_on()
            if is_shared:
                danger.warn_once()


class _Danger:
    """One count, how much of it is in the metrics, and the warning it deserves if it grows beside other replicas."""

    def __init__(
        self, read: Callable[[], int], increase: Callable[[float], None], warning: str
    ) -> None:
        self._read = read
        self._increase = increase
        self._warning = warning
        self._counted = 0
        self._grew = False
        self._warned = False

    def count_on(self) -> None:
        count = self._read()
        self._grew = count > self._counted
        self._increase(count - self._counted)
        self._counted = count

    def warn_once(self) -> None:
        if self._grew and not self._warned:
            self._warned = True
            log.warning(self._warning, count=self._counted)
