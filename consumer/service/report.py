"""What the running service says of itself: live, ready, status, books."""

import math
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from consumer.kafka.connection import GROUP_PROTOCOL
from consumer.liveintent.exchange import Blocked, Health
from consumer.liveintent.uploader import Counted
from consumer.service.assembly import Parts
from consumer.service.partition_report import WHY_BLOCKED, lag_seconds, partition_status
from consumer.settings import Settings
from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.build import VERSION
from consumer.telemetry.lag_seconds import LagSecondsCollector
from consumer.telemetry.process import register_process_metrics
from consumer.telemetry.status import (
    DeadLetterStatus,
    Hold,
    LaneStatus,
    LastUploadStatus,
    Status,
    Verdict,
)
from consumer.telemetry.why_behind import count, duration

_WHY_NOT_CALLED = {
    Blocked.UNAUTHORISED: "unauthorised, our API key is refused",
    Blocked.CIRCUIT_OPEN: "circuit open, it keeps failing",
    Blocked.ASKED_TO_WAIT: "asked to wait",
}

# While brokers are gone the client tries, and says so, at least every ten seconds unless told otherwise.
_ERRORS_COUNT_SECONDS = 60.0

# Far above what a broker takes to answer a new member's first heartbeats with an assignment.
_SPARE_AFTER_SECONDS = 10.0

# Kafka answers a commit within a session's time-out, one way or another.
_COMMIT_SILENT_SECONDS = 30.0

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
        metrics.registry.register(LagSecondsCollector(lambda: lag_seconds(self._parts)))
        register_process_metrics(metrics.registry)
        metrics.build_info.info({"version": VERSION})
        metrics.memory_budget.set(self._parts.budget.high_bytes)
        lanes, ledger = self._parts.delivery.lanes, self._parts.ledger
        metrics.memory_used.set_function(lambda: ledger.pending_bytes)
        metrics.waiting_changes.set_function(lambda: sum(lane.waiting_rows for lane in lanes))
        metrics.in_flight_changes.set_function(
            lambda: sum(len(lane.in_flight) for lane in lanes.flying if lane.in_flight is not None)
        )
        parking = self._parts.pipeline.parking
        metrics.partitions_waiting_for_schema.set_function(lambda: len(parking))
        metrics.lanes_busy.set_function(lambda: len(lanes.flying))
        metrics.lanes_waiting.set_function(lambda: lanes.waiting)
        metrics.oldest_waiting.set_function(self._oldest_waiting_seconds)
        metrics.oldest_flush_age.set_function(self._oldest_flush_seconds)
        metrics.uploads_unconfirmed.set_function(lambda: self._parts.uploader.unconfirmed)
        metrics.latest_state_members.set_function(lambda: len(lanes.latest))
        if self._parts.direct is not None:
            self._parts.direct.show_in(metrics)
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
        if not self._parts.pipeline.ever_assigned and not self._is_spare():
            return Verdict(ok=False, reasons=("no partitions were assigned yet", *self._remarks()))
        # A bad token is a bad deploy, so it stops a rollout; an outage is not, and stopping would not help.
        return Verdict(ok=not self._token_refused(), reasons=self._remarks())

    def _is_spare(self) -> bool:
        """Whether all goes well, and there are no partitions for us: under KIP-848 a member is not told that it gets none.

        librdkafka calls back only when an assignment changes, and calls a member without one "init" for ever.
        """
        lag = self._parts.lag
        return (
            self._settings.kafka_properties.get(GROUP_PROTOCOL, "").lower() == "consumer"
            and self._now() - self._started >= _SPARE_AFTER_SECONDS
            and lag.last_error is None
            and bool(lag.topic_partitions)
            and all(lag.topic_partitions.values())
            and self._parts.reader.last_error(within_seconds=_ERRORS_COUNT_SECONDS) is None
        )

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
                partition_status(self._parts, partition, now=now)
                for partition in sorted(self._parts.ledger.partitions())
            ),
            lanes=self._lanes(),
            direct_calls=() if self._parts.direct is None else self._parts.direct.status,
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
            registry_waiting=self._registry(),
        )

    def _remarks(self) -> tuple[str, ...]:
        return tuple(f"{hold.what}: {hold.why}" for hold in self._holds())

    def _holds(self) -> tuple[Hold, ...]:
        parts = self._parts
        obstacles = [*parts.exchange.obstacles, *(parts.direct.obstacles if parts.direct else ())]
        holds = [_uncalled(obstacle) for obstacle in obstacles]
        holds += self._privacy_held()
        if waiting := len(parts.pipeline.parking):
            verb = "waits" if waiting == 1 else "wait"
            what = f"{count(waiting, 'partition')} {verb} for a schema"
            why = self._registry() or "it has come; their records take their turn as memory allows"
            holds.append(Hold(what, why))
        if (unconfirmed := self._unconfirmed_held()) is not None:
            holds.append(unconfirmed)
        if parts.dead_letters.last_error is not None:
            holds.append(Hold("dead letters cannot be written", parts.dead_letters.last_error))
        if (commits := self._commits_held()) is not None:
            holds.append(commits)
        if (error := self._why_unassigned()) is not None:
            holds.append(Hold("Kafka gives us no partitions", error))
        if parts.lag.last_error is not None:
            holds.append(Hold("Kafka does not tell how far behind we are", parts.lag.last_error))
        holds += [
            Hold(f"topic {topic} is not read", "Kafka knows no such topic, or hides it from us")
            for topic, partitions in parts.lag.topic_partitions.items()
            if not partitions
        ]
        if parts.pipeline.blocked is not None:
            # Last, as it may be the consequence of any other.
            why = WHY_BLOCKED.get(parts.pipeline.blocked, parts.pipeline.blocked)
            holds.append(Hold("reading is held back", why))
        return tuple(holds)

    def _privacy_held(self) -> list[Hold]:
        privacy = self._parts.privacy
        held = None if privacy is None else privacy.api.held
        if held is None:
            return []
        why = f"{held.reason}; next try in {duration(held.next_try_seconds)}"
        return [Hold("privacy requests are held back", why, held.held_seconds)]

    def _registry(self) -> str:
        """What is waited for from the schema registry, and why; empty when nothing is."""
        schemas = self._parts.schemas
        return "" if schemas is None else schemas.waiting or ""

    def _commits_held(self) -> Hold | None:
        committer = self._parts.committer
        last = self._started if committer.last_success is None else committer.last_success
        silent_seconds = self._now() - last
        if committer.last_error is None and silent_seconds <= _COMMIT_SILENT_SECONDS:
            return None
        why = committer.last_error or "Kafka does not answer"
        return Hold("committing offsets is held back", why, silent_seconds)

    def _why_unassigned(self) -> str | None:
        """What Kafka's client said last. To have no partitions may also be right: replicas can outnumber them."""
        if self._parts.reader.assignment:
            return None
        recent = _ERRORS_COUNT_SECONDS if self._parts.pipeline.ever_assigned else math.inf
        return self._parts.reader.last_error(within_seconds=recent)

    def _token_refused(self) -> bool:
        direct = self._parts.direct
        refused = self._parts.exchange.health.blocked is Blocked.UNAUTHORISED
        return refused or (direct is not None and direct.token_refused)

    def _lanes(self) -> tuple[LaneStatus, ...]:
        parts, now = self._parts, self._now()
        ids, counted = parts.directory.mappings, parts.uploader.counted
        lanes = []
        for audience in parts.delivery.lanes.audiences():
            lane, activity = parts.delivery.lanes.open(audience), parts.uploader.activity_of(audience)
            flight = None if lane is None else lane.in_flight
            lanes.append(
                LaneStatus(
                    audience=audience,
                    waiting_changes=0 if lane is None else lane.waiting_rows,
                    in_flight_changes=0 if flight is None else len(flight),
                    stage="idle" if activity is None else activity.stage.value.replace("_", " "),
                    stage_seconds=None if activity is None else now - activity.since,
                    refused=parts.delivery.refused.get(audience, ""),
                    audience_id=ids.get(audience),
                    last_upload=_last_upload(counted.get(audience), now=now),
                )
            )
        return tuple(lanes)

    def _unconfirmed_held(self) -> Hold | None:
        if not (unconfirmed := self._parts.uploader.unconfirmed):
            return None
        return Hold(
            f"{count(unconfirmed, 'upload')} held back",
            "Kafka has not confirmed that the records in them are still ours",
        )

    def _oldest_flush_seconds(self) -> float:
        flying = self._parts.delivery.lanes.flying
        flight = next(iter(flying)).in_flight if flying else None
        return 0.0 if flight is None else self._now() - flight.taken_at

    def _oldest_waiting_seconds(self) -> float:
        lane = self._parts.delivery.lanes.first_waiting()
        since = None if lane is None else lane.waiting_since
        return 0.0 if since is None else self._now() - since


def _last_upload(counted: Counted | None, *, now: float) -> LastUploadStatus | None:
    if counted is None:
        return None
    counts = counted.counts
    return LastUploadStatus(
        action=counted.action.value,
        identifier_type=counted.identifier_type.value,
        rows=counts.rows,
        uploaded=counts.uploaded,
        invalid=counts.invalid,
        duplicates=counts.duplicates,
        missing=counts.missing,
        age_seconds=now - counted.at,
    )


def _uncalled(obstacle: Health) -> Hold:
    why = "" if obstacle.blocked is None else _WHY_NOT_CALLED[obstacle.blocked]
    return Hold(
        f"calls to LiveIntent ({obstacle.host}) are held back",
        f"{why}: {obstacle.last_error}; next try in {duration(obstacle.next_try_seconds)}",
        obstacle.blocked_seconds,
    )
