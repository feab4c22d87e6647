"""Spans on their way to a collector: real OTLP, a collector that is down, slow, or gone as we stop."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from consumer.telemetry import otel_export
from consumer.telemetry.metrics import PREFIX, Metrics
from consumer.telemetry.otel_export import SpanExport
from tests.scenarios.running import eventually
from tests.unit.telemetry.otel_logs import quiet_loggers_as_they_were

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def quick_and_quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with quiet_loggers_as_they_were():
        yield


class Collector(ThreadingHTTPServer):
    """Takes what it is sent by OTLP, and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[str]:
        """The names of all spans received."""
        return [
            span.name
            for _, _, body in self.requests
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.requests.append(
                (self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            )
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        yield server
        server.shutdown()


class Stuck(SpanExporter):
    """Sends nothing until told to give up; then refuses at once."""

    def __init__(self) -> None:
        self.given_up = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.given_up.wait(10)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.given_up.set()


class Broken(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError("no such thing")


async def an_export() -> tuple[SpanExport, CollectorRegistry]:
    registry = CollectorRegistry()
    return await asyncio.to_thread(SpanExport, Metrics(registry)), registry


def counted(registry: CollectorRegistry, result: str) -> float:
    value = registry.get_sample_value(f"{PREFIX}_trace_spans_total", {"result": result})
    assert value is not None
    return value


def make_spans(export: SpanExport, count: int) -> None:
    for number in range(count):
        export.tracer.start_span(f"span {number}").end()


async def test_a_collector_receives_spans_as_otlp(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=marketing")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    export, registry = await an_export()
    make_spans(export, 3)
    await export.close()

    path, headers, body = collector.requests[0]
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    said = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (path, headers["content-type"], headers["x-tenant"]) == (
        "/v1/traces", "application/x-protobuf", "marketing",
    )  # fmt: skip
    assert collector.spans() == ["span 0", "span 1", "span 2"]
    assert said["service.name"] == "segment-liveintent"
    assert said["deployment.environment.name"] == "staging"
    assert (counted(registry, "exported"), counted(registry, "dropped")) == (3, 0)


async def test_the_operator_s_service_name_wins(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "audiences-emea")
    export, _ = await an_export()
    make_spans(export, 1)
    await export.close()

    (resource,) = ExportTraceServiceRequest.FromString(collector.requests[0][2]).resource_spans
    said = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert said["service.name"] == "audiences-emea"


async def test_a_collector_that_fails_costs_spans_that_are_counted_and_one_line_of_log(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    collector.status = 400
    with structlog.testing.capture_logs() as lines:
        export, registry = await an_export()
        make_spans(export, 1)
        await eventually(lambda: counted(registry, "dropped") == 1)
        make_spans(export, 1)
        await eventually(lambda: counted(registry, "dropped") == 2)
        collector.status = 200
        make_spans(export, 1)
        await eventually(lambda: counted(registry, "exported") == 1)
        await export.close()

    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "The trace collector does not take our spans; they are dropped."),
        ("info", "The trace collector takes our spans again."),
    ]
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def test_an_exporter_that_raises_costs_spans_that_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otel_export, "OTLPSpanExporter", Broken)
    export, registry = await an_export()
    make_spans(export, 2)
    await export.close()

    assert counted(registry, "dropped") == 2


async def test_a_full_queue_drops_spans_without_waiting_and_counts_every_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = Stuck()
    monkeypatch.setattr(otel_export, "OTLPSpanExporter", lambda: stuck)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
    export, registry = await an_export()
    started = time.monotonic()
    make_spans(export, 1000)
    took = time.monotonic() - started

    assert counted(registry, "dropped") == 400
    assert took < 5, "the exporter alone holds for ten seconds"
    stuck.given_up.set()
    await export.close()
    assert counted(registry, "dropped") == 1000


async def test_a_stop_waits_for_the_collector_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = Stuck()
    monkeypatch.setattr(otel_export, "OTLPSpanExporter", lambda: stuck)
    monkeypatch.setattr(otel_export, "CLOSE_SECONDS", 0.1)
    export, registry = await an_export()
    make_spans(export, 5)
    started = time.monotonic()
    await export.close()

    assert time.monotonic() - started < 5
    assert stuck.given_up.is_set()
    assert counted(registry, "dropped") == 5


async def test_a_header_variable_that_cannot_be_read_is_not_quoted_in_the_log(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization hunter2")
    export, _ = await an_export()
    await export.close()

    assert "hunter2" not in caplog.text
