"""What the running service says of itself: live, ready, status, books."""

import math
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime

from consumer.kafka.connection import GROUP_PROTOCOL
from consumer.liveintent.exchange import Blocked, Health
from consumer.service.assembly import Parts
from consumer.service.partition_report import WHY_BLOCKED, lag_seconds, partition_status
from consumer.service.replay_assembly import connection_of
from consumer.service.status_report import (
    dead_letters_status,
    hosts_status,
    memory_status,
    replay_status,
    worst_lanes,
)
from consumer.settings import Settings
from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.build import VERSION
from consumer.telemetry.causes import Cause
from consumer.telemetry.lag_seconds import LagSecondsCollector
from consumer.telemetry.process import register_process_metrics
from consumer.telemetry.status import (
    LANES_SHOWN,
    Hold,
    Phase,
    Status,
    Verdict,
)
from consumer.telemetry.why_behind import count, duration

_WHY_NOT_CALLED = {
    Blocked.UNAUTHORISED: "unauthorised, our API key is refused",
    Blocked.CIRCUIT_OPEN: "circuit open, it keeps failing",
    Blocked.ASKED_TO_WAIT: "asked to wait",
}

_CAUSE_NOT_CALLED = {
    Blocked.UNAUTHORISED: Cause.TOKEN_REFUSED,
    Blocked.CIRCUIT_OPEN: Cause.CIRCUIT_OPEN,
    Blocked.ASKED_TO_WAIT: Cause.ASKED_TO_WAIT,
}

_CAUSE_BLOCKED = {
    "memory": Cause.MEMORY_FULL,
    "unauthorised": Cause.TOKEN_REFUSED,
    "circuit_open": Cause.CIRCUIT_OPEN,
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

    def status(self, *, lanes_max: int = LANES_SHOWN) -> Status:
        """Everything about this moment; of the audiences the worst `lanes_max`."""
        parts, now = self._parts, self._now()
        lanes, lane_totals = worst_lanes(parts, lanes_max, now=now)
        return Status(
            version=VERSION,
            started_at=self._started_at,
            uptime_seconds=now - self._started,
            ready=self.ready(),
            at=datetime.now(UTC),
            instance=os.environ.get("HOSTNAME") or socket.gethostname(),
            group=connection_of(self._settings).group_id,
            phase=self._phase(),
            partitions=tuple(
                partition_status(parts, partition, now=now)
                for partition in sorted(parts.ledger.partitions())
            ),
            lanes=lanes,
            lane_totals=lane_totals,
            liveintent=hosts_status(parts, self._settings),
            memory=memory_status(parts),
            replay=replay_status(parts),
            direct_calls=() if parts.direct is None else parts.direct.status,
            holds=self._holds(),
            books=self.books(),
            dead_letters=dead_letters_status(parts, now=now),
            registry_waiting=self._registry(),
        )

    def _phase(self) -> Phase:
        if self.draining:
            return Phase.STOPPING
        begun = self._parts.pipeline.ever_assigned or self._is_spare()
        return Phase.RUNNING if begun else Phase.STARTING

    def _remarks(self) -> tuple[str, ...]:
        return tuple(f"{hold.what}: {hold.why}" for hold in self._holds())

    def _holds(self) -> tuple[Hold, ...]:
        parts = self._parts
        obstacles = [*parts.exchange.obstacles, *(parts.direct.obstacles if parts.direct else ())]
        holds = [_uncalled(obstacle) for obstacle in obstacles]
        holds += self._privacy_held()
        if (schema := self._schema_held()) is not None:
            holds.append(schema)
        if (unconfirmed := self._unconfirmed_held()) is not None:
            holds.append(unconfirmed)
        if parts.dead_letters.last_error is not None:
            why = parts.dead_letters.last_error
            cause = Cause.DEAD_LETTERS_UNWRITTEN
            holds.append(Hold("dead letters cannot be written", why, cause=cause))
        if (commits := self._commits_held()) is not None:
            holds.append(commits)
        if (error := self._why_unassigned()) is not None:
            cause = Cause.KAFKA_UNREACHABLE
            holds.append(Hold("Kafka gives us no partitions", error, cause=cause))
        if (error := parts.lag.last_error) is not None:
            what, cause = "Kafka does not tell how far behind we are", Cause.KAFKA_UNREACHABLE
            holds.append(Hold(what, error, cause=cause))
        holds += [
            Hold(
                f"topic {topic} is not read",
                "Kafka knows no such topic, or hides it from us",
                cause=Cause.TOPIC_MISSING,
            )
            for topic, partitions in parts.lag.topic_partitions.items()
            if not partitions
        ]
        if parts.pipeline.blocked is not None:
            # Last, as it may be the consequence of any other.
            why = WHY_BLOCKED.get(parts.pipeline.blocked, parts.pipeline.blocked)
            cause = _CAUSE_BLOCKED.get(parts.pipeline.blocked, Cause.OTHER)
            holds.append(Hold("reading is held back", why, cause=cause))
        return tuple(holds)

    def _privacy_held(self) -> list[Hold]:
        privacy = self._parts.privacy
        held = None if privacy is None else privacy.api.held
        if held is None:
            return []
        why = f"{held.reason}; next try in {duration(held.next_try_seconds)}"
        what, cause = "privacy requests are held back", Cause.PRIVACY_HELD
        return [Hold(what, why, held.held_seconds, cause=cause)]

    def _schema_held(self) -> Hold | None:
        waiting, why = len(self._parts.pipeline.parking), self._registry()
        # Once it has come, what was put aside for it takes its turn, as any backlog does: nobody need see to the registry.
        if not (waiting and why):
            return None
        verb = "waits" if waiting == 1 else "wait"
        what = f"{count(waiting, 'partition')} {verb} for a schema"
        return Hold(what, why, cause=Cause.SCHEMA_AWAITED)

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
        what, cause = "committing offsets is held back", Cause.COMMITS_HELD
        return Hold(what, why, silent_seconds, cause=cause)

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

    def _unconfirmed_held(self) -> Hold | None:
        if not (unconfirmed := self._parts.uploader.unconfirmed):
            return None
        return Hold(
            f"{count(unconfirmed, 'upload')} held back",
            "Kafka has not confirmed that the records in them are still ours",
            cause=Cause.UPLOADS_UNCONFIRMED,
        )

    def _oldest_flush_seconds(self) -> float:
        flying = self._parts.delivery.lanes.flying
        flight = next(iter(flying)).in_flight if flying else None
        return 0.0 if flight is None else self._now() - flight.taken_at

    def _oldest_waiting_seconds(self) -> float:
        lane = self._parts.delivery.lanes.first_waiting()
        since = None if lane is None else lane.waiting_since
        return 0.0 if since is None else self._now() - since


def _uncalled(obstacle: Health) -> Hold:
    why = "" if obstacle.blocked is None else _WHY_NOT_CALLED[obstacle.blocked]
    return Hold(
        f"calls to LiveIntent ({obstacle.host}) are held back",
        f"{why}: {obstacle.last_error}; next try in {duration(obstacle.next_try_seconds)}",
        obstacle.blocked_seconds,
        cause=Cause.OTHER if obstacle.blocked is None else _CAUSE_NOT_CALLED[obstacle.blocked],
    )
