"""What the status says of audiences, of LiveIntent's hosts, of memory and of replays."""

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from consumer.audience.lane import Lane
from consumer.audience.membership import AudienceKey
from consumer.kafka.offset_ledger import Entry
from consumer.liveintent.exchange import Exchange
from consumer.liveintent.uploader import Activity, Counted
from consumer.service.assembly import Parts
from consumer.service.replay_assembly import requests_per_second
from consumer.settings import Settings
from consumer.telemetry.status import (
    DeadLetterStatus,
    HostStatus,
    LaneStatus,
    LaneTotals,
    LastUploadStatus,
    MemoryStatus,
    ReplayStatus,
)

_FREE: Final = "free"


def worst_lanes(
    parts: Parts, lanes_max: int, *, now: float
) -> tuple[tuple[LaneStatus, ...], LaneTotals]:
    """What is said of at most `lanes_max` audiences, the worst first, and of all together.

    Refused ones come first, then those whose upload has stayed in its stage for longest, then those with the most waiting.
    """
    lanes = parts.delivery.lanes
    refused, activity = parts.delivery.refused, parts.uploader.activity

    def badness(name: AudienceKey) -> tuple[bool, bool, float, int, str]:
        """Small for the worst."""
        lane, upload = lanes.open(name), activity.get(name)
        since = 0.0 if upload is None else upload.since
        waiting = 0 if lane is None else lane.waiting_rows
        return name not in refused, upload is None, since, -waiting, name

    worst = heapq.nsmallest(lanes_max, lanes.audiences(), key=badness)
    totals = LaneTotals(
        audiences=len(lanes.audiences()),
        refused=len(refused),
        uploading=len(activity),
        waiting_changes=sum(lane.waiting_rows for lane in lanes),
        in_flight_changes=sum(map(_in_flight, lanes.flying)),
    )
    # Each a copy: asked for once.
    ids, counted = parts.directory.mappings, parts.uploader.counted
    shown = tuple(
        LaneStatus(
            audience=name,
            waiting_changes=0 if (lane := lanes.open(name)) is None else lane.waiting_rows,
            in_flight_changes=_in_flight(lane),
            refused=refused.get(name, ""),
            audience_id=ids.get(name),
            last_upload=_last_upload(counted.get(name), now=now),
            stage=_stage(activity.get(name)),
            stage_seconds=_stage_seconds(activity.get(name), now=now),
        )
        for name in worst
    )
    return shown, totals


def hosts_status(parts: Parts, settings: Settings) -> tuple[HostStatus, ...]:
    """How calls to each of LiveIntent's hosts fare, those for direct calls included."""
    audiences = _hosts(
        [parts.exchange],
        requests_per_second=requests_per_second(settings),
        concurrency=settings.liveintent_concurrency,
    )
    direct = () if parts.direct is None else parts.direct.exchanges
    return (*audiences, *_hosts(direct, requests_per_second=None, concurrency=None))


def dead_letters_status(parts: Parts, *, now: float) -> tuple[DeadLetterStatus, ...]:
    """Dead letters by reason, as the books count them: a refused batch is one refusal and many records."""
    recent, unix_now = parts.refusals.recent, datetime.now(UTC)
    return tuple(
        DeadLetterStatus(
            str(reason),
            records,
            unix_now - timedelta(seconds=now - recent[reason].last_at)
            if reason in recent
            else None,
        )
        for reason, records in parts.ledger.books.dead_lettered.items()
        if records
    )


def memory_status(parts: Parts) -> MemoryStatus:
    """How much of the budget unfinished records take, and what is remembered beside them."""
    return MemoryStatus(
        unfinished_bytes=parts.ledger.pending_bytes,
        budget_bytes=parts.budget.high_bytes,
        members_remembered=len(parts.delivery.lanes.latest),
    )


def replay_status(parts: Parts) -> ReplayStatus | None:
    """The replays under way; None without one."""
    under_way = parts.replays.under_way
    if not under_way:
        return None
    return ReplayStatus(tuple(sorted(filter(None, under_way))), parts.replays.records_left)


def _hosts(
    exchanges: Iterable[Exchange], *, requests_per_second: float | None, concurrency: int | None
) -> tuple[HostStatus, ...]:
    hosts = []
    for exchange in exchanges:
        # The first of several obstacles on one host is the one that must be cleared away first.
        obstacles = {each.host: each for each in reversed(exchange.obstacles)}
        for host in exchange.hosts:
            held = obstacles.get(host)
            blocked = None if held is None else held.blocked
            hosts.append(
                HostStatus(
                    host.value,
                    _FREE if blocked is None else blocked.value,
                    None if held is None else held.blocked_seconds,
                    None if held is None else held.next_try_seconds,
                    requests_per_second,
                    concurrency,
                )
            )
    return tuple(hosts)


def _in_flight(lane: Lane[Entry] | None) -> int:
    return 0 if lane is None or lane.in_flight is None else len(lane.in_flight)


def _stage(activity: Activity | None) -> str:
    return "idle" if activity is None else activity.stage.value.replace("_", " ")


def _stage_seconds(activity: Activity | None, *, now: float) -> float | None:
    return None if activity is None else now - activity.since


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
