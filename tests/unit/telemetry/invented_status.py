"""Invented statuses: a healthy process, a busy one, one held back by an outage."""

from datetime import UTC, datetime

from consumer.telemetry.books import BooksSnapshot
from consumer.telemetry.causes import Cause
from consumer.telemetry.status import (
    DeadLetterStatus,
    Hold,
    HostStatus,
    LaneStatus,
    LaneTotals,
    MemoryStatus,
    PartitionStatus,
    Status,
    Verdict,
)

STARTED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)


def a_partition(
    partition: int = 0, *, committed: int = 500, position: int = 500, end: int = 500
) -> PartitionStatus:
    return PartitionStatus(
        topic="segment-events",
        partition=partition,
        committed=committed,
        position=position,
        end=end,
        lag=end - committed,
        unread=end - position,
        pending=position - committed,
        oldest_offset=committed if position > committed else None,
        oldest_age_seconds=12.0 if position > committed else None,
        late_seconds=75.0 if position > committed else 0.0,
        oldest_why="the next flush of vip_customers" if position > committed else "",
    )


def hosts(
    state: str = "free", *, seconds: float | None = None, next_try_seconds: float | None = None
) -> tuple[HostStatus, ...]:
    return (
        HostStatus("api", state, seconds, next_try_seconds, 5.0, 4),
        HostStatus("storage", requests_per_second=5.0, concurrency=4),
    )


def a_healthy_status() -> Status:
    return Status(
        version="0.1.0",
        started_at=STARTED,
        uptime_seconds=266_400,
        ready=Verdict(ok=True),
        at=NOW,
        instance="segment-liveintent-6d4b9c7f5-x2v8q",
        partitions=tuple(a_partition(n) for n in range(3)),
        lanes=(
            LaneStatus("vip_customers", audience_id=90_210),
            LaneStatus("cart_abandoners", audience_id=90_211),
        ),
        lane_totals=LaneTotals(audiences=2),
        liveintent=hosts(),
        memory=MemoryStatus(0, 2**28, 1_100_000),
        books=BooksSnapshot(
            consumed=1_250_000,
            delivered=1_100_000,
            ignored={"not_an_audience": 149_000, "duplicate": 1000},
        ),
    )


def a_busy_status() -> Status:
    return Status(
        version="0.1.0",
        started_at=STARTED,
        uptime_seconds=7_500,
        ready=Verdict(ok=True),
        at=NOW,
        instance="segment-liveintent-6d4b9c7f5-x2v8q",
        partitions=(
            a_partition(0, committed=1_204_000, position=1_251_000, end=4_800_000),
            a_partition(1, committed=1_100_300, position=1_100_420, end=1_100_420),
            PartitionStatus("segment-events", 2, paused=("the memory budget is used up",)),
            a_partition(3),
        ),
        lanes=(
            LaneStatus(
                "vip_customers",
                45_210,
                100_000,
                "waiting for LiveIntent (Running)",
                312.0,
                audience_id=90_210,
            ),
            LaneStatus("cart_abandoners", 1200, 0, audience_id=90_211),
            LaneStatus(
                "old_newsletter", refused="it is Archived at LiveIntent", audience_id=77_001
            ),
            LaneStatus("<script>alert(1)</script>", 3, 0),
        ),
        lane_totals=LaneTotals(
            audiences=4, refused=1, uploading=1, waiting_changes=46_413, in_flight_changes=100_000
        ),
        liveintent=hosts("circuit_open", seconds=240.0, next_try_seconds=20.0),
        memory=MemoryStatus(2**28, 2**28, 1_200_000),
        holds=(
            Hold(
                "reading is paused", "the memory budget is used up", 95.0, cause=Cause.MEMORY_FULL
            ),
            Hold(
                "calls to api.liveintent.example are held back",
                "it answered 503 five times; next try in 20 s",
                240.0,
                cause=Cause.CIRCUIT_OPEN,
            ),
        ),
        books=BooksSnapshot(
            consumed=1_251_120,
            delivered=1_200_000,
            ignored={"not_an_audience": 3800, "stale": 120, "no_consent": 0},
            dead_lettered={"audience_refused": 72, "undecodable": 8},
            pending=47_120,
        ),
        dead_letters=(
            DeadLetterStatus("undecodable", 8, datetime(2026, 11, 23, 8, 1, tzinfo=UTC)),
            DeadLetterStatus("audience_refused", 72, datetime(2026, 11, 23, 11, 15, 4, tzinfo=UTC)),
        ),
    )
