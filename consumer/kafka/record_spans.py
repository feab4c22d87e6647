"""What tracing is told of records."""

from collections.abc import Collection, Iterable

from consumer.kafka.offset_ledger import Entry
from consumer.record import KafkaRecord
from consumer.telemetry.tracing import Place, Tracing

QUEUED = "queued"
"""The outcome of a record that LiveIntent will be told of."""


def trace_record(tracing: Tracing, record: KafkaRecord, entry: Entry, *, now: float) -> None:
    """Tell what was decided about a record, at this moment. `now` is by the clock its entry was opened with."""
    rejection = entry.rejection
    if rejection is not None:
        outcome = rejection.reason.value
    elif entry.record is None and entry.why is not None:
        outcome = entry.why.value
    else:
        outcome = QUEUED
    tracing.record(
        record,
        seconds_ago=now - entry.read_at,
        outcome=outcome,
        error_type=None if rejection is None else outcome,
    )


def places_of(entries: Iterable[Entry]) -> Collection[Place]:
    """The records of these entries, each once, in their order."""
    return dict.fromkeys((entry.partition, entry.next_offset) for entry in entries)
