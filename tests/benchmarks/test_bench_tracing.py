"""What tracing costs a record: make bench, or pytest tests/benchmarks/test_bench_tracing.py --benchmark-enable.

Off is the guard alone, as it stands in the path of every record.
"""

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import TracerProvider
from pytest_benchmark.fixture import BenchmarkFixture

from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.kafka.record_spans import trace_record
from consumer.record import KafkaRecord
from consumer.telemetry.otel_spans import OtelTracing
from consumer.telemetry.tracing import NO_TRACING, Tracing
from tests.builders import a_record

RECORDS = 1000
NOT_SAMPLED = (("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),)


def on(*, sample_ratio: float) -> Tracing:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("benchmark")
    return OtelTracing(tracer, group="liveintent", sample_ratio=sample_ratio, random=lambda: 0.5)


@pytest.mark.parametrize(
    ("tracing", "headers"),
    [
        pytest.param(lambda: NO_TRACING, (), id="off"),
        pytest.param(lambda: on(sample_ratio=0.0), (), id="on, by chance not this record"),
        pytest.param(
            lambda: on(sample_ratio=0.0), NOT_SAMPLED, id="on, its producer traces it not"
        ),
        pytest.param(lambda: on(sample_ratio=1.0), (), id="on, this record"),
    ],
)
def test_tracing_a_thousand_records(
    benchmark: BenchmarkFixture,
    tracing: Callable[[], Tracing],
    headers: tuple[tuple[str, bytes | None], ...],
) -> None:
    tracer, ledger = tracing(), OffsetLedger()
    record = a_record(headers=headers)
    ledger.assign([PartitionId(record.topic, record.partition)], record.assignment)
    entry = ledger.deliver(record, now=0.0)
    assert entry is not None

    benchmark(_trace_all, tracer, record, entry)

    assert entry.record is record


def _trace_all(tracing: Tracing, record: KafkaRecord, entry: Entry) -> None:
    for _ in range(RECORDS):
        if tracing.on:
            trace_record(tracing, record, entry, now=1.0)
