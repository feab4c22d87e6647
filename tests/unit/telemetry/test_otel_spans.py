"""Spans by OpenTelemetry: which records get one, what they link to, and what they never say."""

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from consumer.record import KafkaRecord
from consumer.telemetry import otel_spans
from consumer.telemetry.otel_spans import LINKS_MAX, OtelTracing
from consumer.telemetry.tracing import NO_SPAN, Place, span_here
from tests.traces import context_of, links_of, said_of

NOON_NS = 1_790_000_000 * 10**9
EXPORTED = InMemorySpanExporter()


@pytest.fixture(autouse=True)
def nothing_exported_yet() -> None:
    EXPORTED.clear()


def a_tracing(
    *, sample_ratio: float = 1.0, random: Callable[[], float] = lambda: 0.5
) -> OtelTracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(EXPORTED))
    return OtelTracing(
        provider.get_tracer("tests"),
        group="liveintent",
        sample_ratio=sample_ratio,
        random=random,
        wall_ns=lambda: NOON_NS,
    )


def a_record(offset: int = 7, **fields: object) -> KafkaRecord:
    told: dict[str, object] = {"key": b"user-ana", "value": b'{"email": "ana@example.com"}'}
    return KafkaRecord(topic="events", partition=3, offset=offset, **{**told, **fields})  # type: ignore[arg-type]


def tell(tracing: OtelTracing, record: KafkaRecord, *, error_type: str | None = None) -> None:
    tracing.record(record, seconds_ago=1.5, outcome="queued", error_type=error_type)


def place(offset: int) -> Place:
    return (("events", 3), offset + 1)


def spans() -> list[ReadableSpan]:
    return list(EXPORTED.get_finished_spans())


def test_a_record_s_span_lasts_from_its_reading_to_its_judgement() -> None:
    tell(a_tracing(), a_record())

    (span,) = spans()
    assert span.start_time == NOON_NS - 1_500_000_000
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "events",
        "messaging.destination.partition.id": "3",
        "messaging.consumer.group.name": "liveintent",
        "messaging.kafka.offset": 7,
        "messaging.kafka.message.tombstone": False,
        "messaging.message.body.size": 28,
        "segment_liveintent.outcome": "queued",
    }


def test_a_rejected_record_s_span_is_an_error() -> None:
    tell(a_tracing(), a_record(), error_type="undecodable")

    (span,) = spans()
    assert said_of(span, "error.type") == "undecodable"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(
    ("ratio", "chance", "traced"), [(0.0, 0.0, 0), (0.3, 0.29, 1), (0.3, 0.3, 0), (1.0, 0.999, 1)]
)
def test_chance_decides_about_records_without_a_trace(
    ratio: float, chance: float, traced: int
) -> None:
    tell(a_tracing(sample_ratio=ratio, random=lambda: chance), a_record())

    assert len(spans()) == traced


@pytest.mark.parametrize(
    "text",
    [
        b"",
        None,
        b"\xff\xfe",
        b"00-abc-def-01",
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"ff-" + b"1" * 200,
    ],
)
def test_an_unreadable_traceparent_is_as_none(text: bytes | None) -> None:
    tell(a_tracing(), a_record(headers=(("traceparent", text),)))

    (span,) = spans()
    assert span.parent is None


def test_a_read_that_is_repeated_is_linked_to_once() -> None:
    tracing = a_tracing()
    tell(tracing, a_record())
    tell(tracing, a_record())

    with tracing.flush("vip", lambda: [place(7)]):
        pass

    assert links_of(spans()[-1]) == [context_of(spans()[1])]


def test_a_flush_of_many_traced_records_links_to_some_and_counts_the_rest() -> None:
    tracing = a_tracing()
    for offset in range(LINKS_MAX + 2):
        tell(tracing, a_record(offset))

    with tracing.flush("vip", lambda: [place(offset) for offset in range(500)]):
        pass

    flush = spans()[-1]
    assert links_of(flush) == [context_of(span) for span in spans()[:LINKS_MAX]]
    assert said_of(flush, "segment_liveintent.links_left_out") == 2
    assert said_of(flush, "messaging.batch.message_count") == 500


def test_a_flush_without_a_traced_record_has_no_span() -> None:
    tracing = a_tracing()
    tell(tracing, a_record(1))

    with tracing.flush("vip", lambda: [place(2)]) as span:
        assert span is span_here() is NO_SPAN

    assert len(spans()) == 1


def test_of_too_many_traced_records_the_oldest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otel_spans, "RECORDS_REMEMBERED", 2)
    tracing = a_tracing()
    for offset in range(3):
        tell(tracing, a_record(offset))

    with tracing.flush("vip", lambda: [place(0), place(1), place(2)]):
        pass

    assert links_of(spans()[-1]) == [context_of(span) for span in spans()[1:3]]


def test_what_is_done_within_a_span_is_its_child_and_ends_with_it() -> None:
    tracing = a_tracing()
    tell(tracing, a_record())

    with tracing.flush("vip", lambda: [place(7)]) as flush:
        with span_here().child("file", {"rows": 3}) as file:
            assert span_here() is file
            with span_here().call("PUT", {}):
                span_here().event("sent")
        assert span_here() is flush
    assert span_here() is NO_SPAN

    _, call, inner, outer = spans()
    assert [call.parent, inner.parent, outer.parent] == [context_of(inner), context_of(outer), None]
    assert [event.name for event in call.events] == ["sent"]


def test_an_exception_is_told_by_its_type_alone() -> None:
    tracing = a_tracing()
    tell(tracing, a_record())

    with (
        pytest.raises(ValueError, match="ana@"),
        tracing.flush("vip", lambda: [place(7)]),
        span_here().child("file", {}),
    ):
        raise ValueError("ana@example.com")

    _, file, flush = spans()
    assert said_of(file, "error.type") == said_of(flush, "error.type") == "ValueError"
    assert [file.events, flush.events] == [(), ()]
    assert "ana" not in file.to_json() + flush.to_json()
