"""What the running service says of itself: live, ready, status, books."""

import math
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from consumer.kafka.lag import Lag, lag_of
from consumer.kafka.offset_ledger import PartitionId
from consumer.liveintent.exchange import Blocked
from consumer.service.assembly import Parts
from consumer.settings import Settings
from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.build import VERSION
from consumer.telemetry.lag_seconds import LagSecondsCollector
from consumer.telemetry.status import (
    DeadLetterStatus,
    Hold,
    LaneStatus,
    PartitionStatus,
    Status,
    Verdict,
)

_UNKNOWN_LAG = Lag(committed=None, end=None, records=None, unread=None)
_WHY_BLOCKED = {
    "memory": "unfinished records use up MEMORY_BUDGET_MB",
    "schema_registry": "a schema is being waited for",
    "unauthorised": "LiveIntent refuses our API key",
    "circuit_open": "LiveIntent keeps failing",
}

# While brokers are gone the client tries, and says so, at least every ten seconds unless told otherwise.
_ERRORS_COUNT_SECONDS = 60.0

# Far above the longest legal turn of the poll loop, a revoke with its drain and its synchronous commit.
POLL_LOOP_STUCK_SECONDS = 120.0


class Report:
    """Reads the parts; changes nothing. Lives on the event loop."""

    def __init__(
        self, parts: Parts, settings: Settings, *, started_at: datetime, now: Callable[[], float]
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._started_at = started_at
        self._now = now
        self._started = now()
        self.draining = False

    def register(self) -> None:
        """Put the books, and the gauges that are read at each scrape, on the registry."""
        metrics = self._parts.metrics
        metrics.registry.register(BooksCollector(self.books))
        metrics.registry.register(LagSecondsCollector(self._lag_seconds))
        metrics.build_info.info({"version": VERSION})
        metrics.memory_budget.set(self._parts.budget.high_bytes)
        lanes, ledger = self._parts.delivery.lanes, self._parts.ledger
        metrics.memory_used.set_function(lambda: ledger.pending_bytes)
        metrics.waiting_changes.set_function(lambda: sum(lane.waiting_rows for lane in lanes))
        metrics.in_flight_changes.set_function(
            lambda: sum(len(lane.in_flight) for lane in lanes if lane.in_flight is not None)
        )
        metrics.lanes_busy.set_function(lambda: sum(lane.in_flight is not None for lane in lanes))
        metrics.oldest_flush_age.set_function(self._oldest_flush_seconds)
        metrics.latest_state_members.set_function(lambda: len(lanes.latest))
        metrics.ready.set_function(lambda: self.ready().ok)

    def books(self) -> BooksSnapshot:
        """Where every record read has gone, as of now."""
        books = self._parts.ledger.books
        return BooksSnapshot(
            consumed=books.consumed,
            delivered=books.delivered,
            ignored={str(reason): count for reason, count in books.ignored.items()},
            dead_lettered={str(reason): count for reason, count in books.dead_lettered.items()},
            released=books.released,
            pending=books.pending,
        )

    def live(self) -> Verdict:
        """No only when a restart would help: the poll loop is stuck. Never for an outage elsewhere."""
        last_poll = self._parts.reader.last_poll
        silent = self._now() - (self._started if last_poll is None else last_poll)
        if silent > POLL_LOOP_STUCK_SECONDS:
            return Verdict(
                ok=False, reasons=(f"the poll loop has not come round for {silent:.0f} s",)
            )
        return Verdict(ok=True)

    def ready(self) -> Verdict:
        """Ready after the first assignment, even of nothing; not while draining; an outage is a remark, not a no."""
        if self.draining:
            return Verdict(ok=False, reasons=("draining",))
        if not self._parts.pipeline.ever_assigned:
            return Verdict(ok=False, reasons=("no partitions were assigned yet", *self._remarks()))
        # A bad token is a bad deploy, so it stops a rollout; an outage is not, and stopping would not help.
        return Verdict(ok=not self._token_refused(), reasons=self._remarks())

    def status(self) -> Status:
        """Everything about this moment."""
        now = self._now()
        return Status(
            version=VERSION,
            started_at=self._started_at,
            uptime_seconds=now - self._started,
            ready=self.ready(),
            instance=os.environ.get("HOSTNAME") or socket.gethostname(),
            partitions=tuple(
                self._partition(partition) for partition in sorted(self._parts.ledger.partitions())
            ),
            lanes=self._lanes(),
            holds=self._holds(),
            books=self.books(),
            dead_letters=tuple(
                DeadLetterStatus(
                    str(reason),
                    recent.count,
                    datetime.now(UTC) - timedelta(seconds=now - recent.last_at),
                )
                for reason, recent in self._parts.refusals.recent.items()
            ),
            registry_waiting=(self._parts.schemas.waiting or "")
            if self._parts.schemas is not None
            else "",
        )

    def _remarks(self) -> tuple[str, ...]:
        return tuple(f"{hold.what}: {hold.why}" for hold in self._holds())

    def _holds(self) -> tuple[Hold, ...]:
        parts = self._parts
        holds = []
        health = parts.exchange.health
        if health.blocked is not None:
            why = f"{health.blocked.value.replace('_', ' ')}: {health.last_error}"
            holds.append(
                Hold(
                    f"calls to LiveIntent ({health.host}) are held back",
                    why,
                    health.blocked_seconds,
                )
            )
        if parts.pipeline.blocked is not None:
            holds.append(
                Hold(
                    "reading is held back",
                    _WHY_BLOCKED.get(parts.pipeline.blocked, parts.pipeline.blocked),
                )
            )
        if parts.committer.last_error is not None:
            holds.append(Hold("committing offsets is held back", parts.committer.last_error))
        if (error := self._why_unassigned()) is not None:
            holds.append(Hold("Kafka gives us no partitions", error))
        if parts.lag.last_error is not None:
            holds.append(Hold("Kafka does not answer", parts.lag.last_error))
        return tuple(holds)

    def _why_unassigned(self) -> str | None:
        """What Kafka's client said last. To have no partitions may also be right: replicas can outnumber them."""
        if self._parts.reader.assignment:
            return None
        recent = _ERRORS_COUNT_SECONDS if self._parts.pipeline.ever_assigned else math.inf
        return self._parts.reader.last_error(within_seconds=recent)

    def _token_refused(self) -> bool:
        return self._parts.exchange.health.blocked is Blocked.UNAUTHORISED

    def _lanes(self) -> tuple[LaneStatus, ...]:
        parts, now = self._parts, self._now()
        ids = parts.directory.mappings
        lanes = []
        for lane in parts.delivery.lanes:
            activity = parts.uploader.activity.get(lane.audience)
            lanes.append(
                LaneStatus(
                    audience=lane.audience,
                    waiting_changes=lane.waiting_rows,
                    in_flight_changes=0 if lane.in_flight is None else len(lane.in_flight),
                    stage="idle" if activity is None else activity.stage.value.replace("_", " "),
                    stage_seconds=None if activity is None else now - activity.since,
                    refused=parts.delivery.refused.get(lane.audience, ""),
                    audience_id=ids.get(lane.audience),
                )
            )
        return tuple(lanes)

    def _partition(self, partition: PartitionId) -> PartitionStatus:
        ledger, reader, now = self._parts.ledger, self._parts.reader, self._now()
        lag = self._lag(partition)
        oldest = ledger.oldest_unfinished(partition)
        return PartitionStatus(
            topic=partition.topic,
            partition=partition.partition,
            committed=lag.committed,
            position=reader.positions.get(partition),
            end=lag.end,
            lag=lag.records,
            unread=lag.unread,
            pending=ledger.unfinished(partition),
            oldest_offset=None if oldest is None else oldest.next_offset - 1,
            oldest_age_seconds=None if oldest is None else now - oldest.read_at,
            oldest_why="" if oldest is None else self._parts.delivery.waits_for(oldest),
            paused=tuple(sorted(reader.paused)),
        )

    def _lag(self, partition: PartitionId) -> Lag:
        """What Kafka said last, with what we have read and committed since."""
        said = self._parts.lag.lags.get(partition, _UNKNOWN_LAG)
        committed = self._parts.ledger.committed_offset(partition)
        return lag_of(
            end=said.end,
            committed=said.committed if committed is None else committed,
            position=self._parts.reader.positions.get(partition),
        )

    def _lag_seconds(self) -> dict[tuple[str, int], float]:
        ledger, unix_now = self._parts.ledger, time.time()
        ages = {}
        for partition in ledger.partitions():
            oldest = ledger.oldest_unfinished(partition)
            record = None if oldest is None else oldest.record
            made_at = (
                unix_now
                if record is None or record.timestamp_ms is None
                else record.timestamp_ms / 1000
            )
            ages[partition.topic, partition.partition] = max(0.0, unix_now - made_at)
        return ages

    def _oldest_flush_seconds(self) -> float:
        flights = [
            lane.in_flight.taken_at
            for lane in self._parts.delivery.lanes
            if lane.in_flight is not None
        ]
        return self._now() - min(flights) if flights else 0.0
