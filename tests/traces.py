"""Spans kept in memory, as a collector would get them, and a few questions to ask of them."""

from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from consumer.telemetry import otel_export


class Spans:
    """What was exported so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """All of this name, in the order they ended."""
        return [span for span in self if span.name == name]

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Its children, in the order they ended."""
        return [span for span in self if span.parent == context_of(parent)]

    def text(self) -> str:
        """Everything a collector could read of them."""
        return "\n".join(span.to_json() for span in self)


def context_of(span: ReadableSpan) -> SpanContext:
    """Which span it is."""
    context: SpanContext | None = span.context
    assert context is not None
    return context


def said_of(span: ReadableSpan, name: str) -> object:
    """One of its attributes."""
    return (span.attributes or {})[name]


def links_of(span: ReadableSpan) -> Sequence[SpanContext]:
    """What it links to."""
    return [link.context for link in span.links]


def kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """Have what would go to a collector stay here, without delay. Stop the service before reading."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(otel_export, "OTLPSpanExporter", lambda: exporter)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    return Spans(exporter)
