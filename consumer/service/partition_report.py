"""What the service says of one partition: how far it is, and what it waits for."""

import time

from consumer.kafka.offset_ledger import Entry, PartitionId
from consumer.kafka.progress import has_uncommitted
from consumer.kafka.stalls import Progress, Standing
from consumer.service.assembly import Parts
from consumer.telemetry.status import PartitionStatus

WHY_BLOCKED = {
    "memory": "unfinished records use up MEMORY_BUDGET_MB",
    "unauthorised": "LiveIntent refuses our API key",
    "circuit_open": "LiveIntent keeps failing",
}

# What stops a partition may be told a little before anybody notices that there is something to read.
_BEFORE_SECONDS = 60.0
_AT_REST = frozenset({Progress.CAUGHT_UP, Progress.HELD})


def partition_status(parts: Parts, partition: PartitionId, *, now: float) -> PartitionStatus:
    """Everything about one partition we own, at this moment. `now` is the ledger's clock."""
    ledger, reader = parts.ledger, parts.reader
    lag = parts.lag.lag(partition)
    oldest = ledger.oldest_unfinished(partition)
    standing = parts.progress.standings.get(partition)
    oldest_why = "" if oldest is None else parts.pipeline.waits_for(oldest)
    nothing_left = oldest is None and lag.records == 0
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
        late_seconds=0.0 if nothing_left else _age_seconds(oldest, unix_now=time.time()),
        oldest_why=oldest_why,
        paused=tuple(sorted(reader.paused)),
        progress="" if standing is None else standing.progress.value,
        still_seconds=None if standing is None else standing.still_seconds,
        waits_for=""
        if standing is None or standing.progress in _AT_REST
        else oldest_why or _waits_for(parts, partition, standing),
        unstable=parts.lag.unstable_records(partition),
    )


def lag_seconds(parts: Parts) -> dict[tuple[str, int], float]:
    """The age of each partition's oldest unfinished record, by its Kafka timestamp; 0 without one."""
    ledger, unix_now = parts.ledger, time.time()
    return {
        (each.topic, each.partition): _age_seconds(
            ledger.oldest_unfinished(each), unix_now=unix_now
        )
        or 0.0
        for each in ledger.partitions()
    }


def _age_seconds(oldest: Entry | None, *, unix_now: float) -> float | None:
    """How long ago the record was written to Kafka; None without a record, or without its time."""
    record = None if oldest is None else oldest.record
    if record is None or record.timestamp_ms is None:
        return None
    return max(0.0, unix_now - record.timestamp_ms / 1000)


def _waits_for(parts: Parts, partition: PartitionId, standing: Standing) -> str:
    """What the committed offset waits for with no unfinished record in its way, as the end of "it waits for ..."."""
    if has_uncommitted(parts.ledger, partition):
        return "Kafka to take its commit"
    lag = parts.lag.lag(partition)
    if lag.committed is None and lag.unread is None:
        return "Kafka to tell where it starts"
    if parts.progress.is_answer_old(partition):
        return "Kafka to tell where its log ends"
    if parts.reader.paused:
        blocked = parts.pipeline.blocked
        return "reading to go on" + (
            "" if blocked is None else f": {WHY_BLOCKED.get(blocked, blocked)}"
        )
    # An error may be told once and stand for hours.
    said = parts.reader.last_error(within_seconds=standing.still_seconds + _BEFORE_SECONDS)
    return "Kafka to give its records" + (f" (it said {said})" if said else "")
