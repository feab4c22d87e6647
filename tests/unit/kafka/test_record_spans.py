"""What tracing is told of records."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

import pytest

from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.kafka.record_spans import places_of, trace_record
from consumer.record import (
    Delivered,
    Ignored,
    IgnoreReason,
    KafkaRecord,
    Outcome,
    Rejected,
    RejectReason,
)
from consumer.telemetry.tracing import NO_SPAN, Place, Span
from tests.builders import a_record


class Told:
    """Keeps what it is told of records."""

    on = True

    def __init__(self) -> None:
        self.records: list[tuple[int, float, str, str | None]] = []

    def record(
        self, record: KafkaRecord, *, seconds_ago: float, outcome: str, error_type: str | None
    ) -> None:
        self.records.append((record.offset, seconds_ago, outcome, error_type))

    def flush(
        self, audience: str, places: Callable[[], Collection[Place]]
    ) -> AbstractContextManager[Span]:
        return NO_SPAN


def an_entry(record: KafkaRecord, ledger: OffsetLedger) -> Entry:
    ledger.assign([PartitionId(record.topic, record.partition)], record.assignment)
    entry = ledger.deliver(record, now=100.0)
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("finished", "outcome", "error_type"),
    [
        (None, "queued", None),
        (Ignored(IgnoreReason.STALE), "stale", None),
        (Rejected(RejectReason.UNDECODABLE, "ana@example.com"), "undecodable", "undecodable"),
        (Delivered(), "queued", None),
    ],
)
def test_what_was_decided_about_a_record_is_one_word(
    finished: Outcome | None, outcome: str, error_type: str | None
) -> None:
    ledger, told, record = OffsetLedger(), Told(), a_record(offset=41)
    entry = an_entry(record, ledger)
    if finished is not None:
        ledger.finish(entry, finished)

    trace_record(told, record, entry, now=102.5)

    assert told.records == [(41, 2.5, outcome, error_type)]


def test_a_record_rejected_while_its_dead_letter_is_written_is_rejected() -> None:
    ledger, told, record = OffsetLedger(), Told(), a_record(offset=41)
    entry = an_entry(record, ledger)
    ledger.reject(entry, Rejected(RejectReason.INVALID_EVENT))

    trace_record(told, record, entry, now=100.0)

    assert told.records == [(41, 0.0, "invalid_event", "invalid_event")]


def test_a_record_of_several_changes_is_one_place() -> None:
    record = a_record(offset=41)
    entry = an_entry(record, OffsetLedger())

    assert list(places_of([entry, entry])) == [((record.topic, record.partition), 42)]
