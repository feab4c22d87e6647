"""Sends spans to a collector by OTLP over HTTP. Imported only when tracing is on: its packages are an extra.

OpenTelemetry's own variables say where to (`OTEL_EXPORTER_OTLP_*`), how often (`OTEL_BSP_*`) and as whom
(`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`). Its SDK reads them itself.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

from consumer.telemetry.build import VERSION
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

CLOSE_SECONDS: Final = 2.0
"""How long a stop waits for what is to be sent yet. Less than what is left of the drain for the last writes."""

_GIVE_UP_SECONDS: Final = 1.0
_QUEUE_VARIABLE: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
_QUEUE_MAX: Final = 2048  # the SDK's own default
_SCOPE: Final = "segment-liveintent"
# They write a line for each attempt, and a collector that is down is tried for ever; and they quote variables they cannot
# read, such as OTEL_EXPORTER_OTLP_HEADERS with its token. We say once what becomes of spans.
_TALKATIVE_LOGGERS: Final = ("opentelemetry", "urllib3")


class SpanExport:
    """Spans on their way to the collector, and the count of those that did not get there."""

    def __init__(self, metrics: Metrics) -> None:
        """Reads OpenTelemetry's variables and starts its thread. Raises ValueError for one that cannot be used."""
        for name in _TALKATIVE_LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._exporter = _Counting(OTLPSpanExporter(), metrics)
        self._processor = _Bounded(self._exporter, metrics)
        # Which records are traced is decided before a span is made.
        provider = TracerProvider(sampler=ALWAYS_ON, resource=_resource(), shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self.tracer: Tracer = provider.get_tracer(_SCOPE, VERSION)

    async def close(self) -> None:
        """Send what waits, for at most CLOSE_SECONDS; the rest is dropped, and counted."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_SECONDS)
        if ending.is_alive():
            await asyncio.to_thread(self._exporter.give_up)
            await asyncio.to_thread(ending.join, _GIVE_UP_SECONDS)
        self._processor.count_left()


class _Counting(SpanExporter):
    """Tells what becomes of the spans: in a metric, and once in the log. Runs on the SDK's thread."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._exporter = exporter
        self._metrics = metrics
        self._failing = False
        self.handled = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - the SDK would swallow it too, and what was not counted would wait for ever
            result = SpanExportResult.FAILURE
        failed = result is not SpanExportResult.SUCCESS
        self._metrics.trace_spans.labels("dropped" if failed else "exported").inc(len(spans))
        self.handled += len(spans)
        if failed and not self._failing:
            log.warning("The trace collector does not take our spans; they are dropped.")
        elif self._failing and not failed:
            log.info("The trace collector takes our spans again.")
        self._failing = failed
        return result

    def give_up(self) -> None:
        """End the attempt under way, and refuse what is handed over from now on. From any thread."""
        self._exporter.shutdown()

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Bounded(SpanProcessor):
    """Queues spans that have ended, as many as the SDK's queue holds; it would drop more without a word."""

    def __init__(self, exporter: _Counting, metrics: Metrics) -> None:
        self._exporter = exporter
        self._metrics = metrics
        self._queue_max = int(os.environ.get(_QUEUE_VARIABLE) or _QUEUE_MAX)
        self._batches = BatchSpanProcessor(exporter, self._queue_max)
        self._queued = 0

    def on_end(self, span: ReadableSpan) -> None:
        # Those in an attempt count as waiting, so that the queue behind is never full. Each count has one writer.
        if self._queued - self._exporter.handled >= self._queue_max:
            self._metrics.trace_spans.labels("dropped").inc()
            return
        self._queued += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call] # the SDK leaves it so

    def count_left(self) -> None:
        """What is not sent now never will be."""
        left = self._queued - self._exporter.handled
        self._metrics.trace_spans.labels("dropped").inc(left)


def _resource() -> Resource:
    ours = {"service.name": _SCOPE, "service.version": VERSION}
    said = OTELResourceDetector().detect().attributes  # the operator's word counts
    return Resource.create({name: text for name, text in ours.items() if name not in said})
