"""From a record to its upload as a collector of traces sees it."""

import re
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import pytest
from opentelemetry.trace import StatusCode

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import LAPSED, VIP, emails, enters, rows_of
from tests.scenarios.harness import RunningService, World, eventually, running_service
from tests.segment_events import hashes_of
from tests.traces import Spans, context_of, kept_in_memory, links_of, said_of
from tests.unit.telemetry.otel_logs import quiet_loggers_as_they_were

PEOPLE = emails(5)
TRACE, PRODUCER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    with quiet_loggers_as_they_were():
        yield


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    return kept_in_memory(monkeypatch)


def traced_service(
    cluster: KafkaCluster, *, sample_ratio: float = 1, flush_seconds: float = 0.1
) -> AbstractAsyncContextManager[tuple[World, RunningService]]:
    """A service that traces all of its records, unless told otherwise."""
    return running_service(
        cluster,
        TRACING="otlp",
        TRACING_SAMPLE_RATIO=str(sample_ratio),
        FLUSH_SECONDS=str(flush_seconds),
    )


async def test_an_upload_links_to_the_records_in_it(
    kafka_cluster: KafkaCluster, spans: Spans
) -> None:
    async with traced_service(kafka_cluster, flush_seconds=1) as (world, service):
        await world.produce([*map(enters, PEOPLE), enters(PEOPLE[0], LAPSED)])
        await world.all_committed(len(PEOPLE) + 1)
        await service.stop()

        records = {
            said_of(s, "messaging.kafka.offset"): s for s in spans.named(f"process {world.topic}")
        }
        assert records.keys() == set(range(6))
        for offset, audience in ((0, VIP), (5, LAPSED)):
            carriers = [
                span
                for span in spans.named("flush audience")
                if context_of(records[offset]) in links_of(span)
            ]
            assert [said_of(span, "segment_liveintent.audience") for span in carriers] == [audience]
            assert said_of(carriers[0], "segment_liveintent.outcome") == "Finished"
            assert carriers[0].parent is None


async def test_what_is_done_for_an_upload_is_below_it(
    kafka_cluster: KafkaCluster, spans: Spans
) -> None:
    async with traced_service(kafka_cluster) as (world, service):
        await world.produce([enters(PEOPLE[0])])
        await world.all_committed(1)
        await service.stop()

        (flush,) = spans.named("flush audience")
        (file,) = spans.below(flush)
        calls = [span.name for span in spans.below(file)]
        assert file.name == "upload file"
        assert said_of(file, "liveintent.rows") == 3
        assert said_of(file, "liveintent.audience.id")
        assert calls[0] == "POST /search/audiences/v2"
        assert {
            "POST /audiences",
            "POST /audiences/{id}/signed-urls",
            "PUT {signed-url}",
            "GET /audiences/{id}/uploads",
        } <= set(calls)
        stages = dict.fromkeys(event.name for event in file.events)
        assert [name for name in stages if name not in {"confirming", "unlisted", "pending", "running"}] == [
            "resolving", "minting", "minted", "stored",
        ]  # fmt: skip


async def test_a_call_that_is_repeated_shows_each_attempt_and_why(
    kafka_cluster: KafkaCluster, spans: Spans
) -> None:
    async with traced_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(
            Fault(operation="mint", kind=FaultKind.STATUS, status=503, times=2)
        )
        await world.produce([enters(PEOPLE[0])])
        await world.all_committed(1)
        await service.stop()

        (file,) = spans.named("upload file")
        retries = [dict(event.attributes or {}) for event in file.events if event.name == "retry"]
        mints = spans.named("POST /audiences/{id}/signed-urls")
        assert [(each["liveintent.operation"], each["cause"]) for each in retries] == [
            ("create_signed_url", "server_error")
        ] * 2
        assert [said_of(span, "http.response.status_code") for span in mints] == [503, 503, 201]
        assert [span.status.status_code is StatusCode.ERROR for span in mints] == [
            True,
            True,
            False,
        ]
        assert file.status.status_code is not StatusCode.ERROR


async def test_a_producer_s_trace_goes_on_here(kafka_cluster: KafkaCluster, spans: Spans) -> None:
    async with traced_service(kafka_cluster, sample_ratio=0) as (world, service):
        headers = [
            ("traceparent", f"00-{TRACE}-{PRODUCER}-01".encode()),
            ("tracestate", b"vendor=ana.lopez"),
        ]
        unsampled = [("traceparent", f"00-{TRACE[::-1]}-{PRODUCER}-00".encode())]
        await world.produce_records(
            NewRecord(None, world.encoded(enters(email)), each)
            for email, each in zip(PEOPLE[:3], (headers, unsampled, ()), strict=True)
        )
        await world.all_committed(3)
        await service.stop()

        (record,) = spans.named(f"process {world.topic}")
        assert record.parent is not None
        assert f"{record.parent.trace_id:032x}" == TRACE
        assert f"{record.parent.span_id:016x}" == PRODUCER
        assert said_of(record, "messaging.kafka.offset") == 0
        (flush,) = [each for each in spans.named("flush audience") if each.links]
        assert links_of(flush) == [context_of(record)]
        assert "ana.lopez" not in spans.text()


async def test_a_record_that_asks_for_nothing_says_why(
    kafka_cluster: KafkaCluster, spans: Spans
) -> None:
    async with traced_service(kafka_cluster) as (world, service):
        await world.produce([b"{", {**enters(PEOPLE[0]), "type": "page"}])
        await world.all_committed(2)
        await service.stop()

        rejected, ignored = spans.named(f"process {world.topic}")
        assert said_of(rejected, "segment_liveintent.outcome") == "undecodable"
        assert rejected.status.status_code is StatusCode.ERROR
        assert said_of(ignored, "segment_liveintent.outcome") == "not_an_audience"
        assert ignored.status.status_code is not StatusCode.ERROR
        assert spans.named("flush audience") == []


async def test_a_refused_upload_is_an_error_all_the_way_up(
    kafka_cluster: KafkaCluster, spans: Spans
) -> None:
    async with traced_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=422))
        await world.produce([enters(PEOPLE[0])])
        await world.all_committed(1)
        await service.stop()

        (flush,), (file,) = spans.named("flush audience"), spans.named("upload file")
        assert said_of(flush, "segment_liveintent.outcome") == "UploadRefused"
        assert said_of(file, "error.type") == said_of(flush, "error.type") == "UploadRefused"
        assert flush.status.status_code is file.status.status_code is StatusCode.ERROR


async def test_nothing_of_a_person_and_no_secret_is_in_any_span(
    kafka_cluster: KafkaCluster, spans: Spans
) -> None:
    async with traced_service(kafka_cluster) as (world, service):
        world.liveintent.faults.add(
            Fault(operation="store", kind=FaultKind.RESET_AFTER_EFFECT, times=1)
        )
        events = [enters(email, anonymousId=f"anonymous-{email[:2]}") for email in PEOPLE]
        events += [{**enters("late@example.com"), "timestamp": "never"}]
        await world.produce(events)
        await world.all_committed(len(events))
        await service.stop()

        text = spans.text()
        secrets = [world.environ["LIVEINTENT_API_KEY"], "@example.com", "anonymous-", "user-p"]
        secrets += [row for email in PEOPLE for row in hashes_of(email)]
        assert {span.name for span in spans} >= {"PUT {signed-url}", "flush audience"}
        assert [secret for secret in secrets if secret in text] == []
        # Where the sandbox's signed URLs point to, and how they are signed.
        assert re.search(r"https?://|signature=|/storage|\?", text, re.IGNORECASE) is None


async def test_delivery_does_not_notice_that_the_collector_is_down(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    async with traced_service(kafka_cluster) as (world, service):
        await world.produce(map(enters, PEOPLE))
        await world.all_committed(len(PEOPLE))

        async def dropped() -> bool:
            return (await service.scrape()).value("trace_spans_total", result="dropped") > 0

        await eventually(dropped, why="the spans are given up")
        await service.stop()

        assert service.books.delivered == len(PEOPLE)
        assert world.liveintent.members(VIP) == rows_of(PEOPLE)
