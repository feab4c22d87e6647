"""Spans by OpenTelemetry. Imported only when tracing is on: its packages are an extra.

Names follow OpenTelemetry's semantic conventions for messaging and Kafka. Two things of theirs are left out, because they
may be somebody's: the record's key, and what a producer puts into `tracestate`.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from consumer.record import KafkaRecord
from consumer.telemetry.tracing import (
    AUDIENCE,
    NO_SPAN,
    NOTHING,
    OUTCOME,
    SPAN_HERE,
    Attributes,
    Place,
    Span,
)

LINKS_MAX: Final = 128
"""Of one span; more records than that are counted."""
RECORDS_REMEMBERED: Final = 10_000
"""Traced records whose changes may wait for a flush; of more, the oldest go without a link."""
LINKS_LEFT_OUT: Final = "segment_liveintent.links_left_out"

_NANOSECONDS: Final = 1_000_000_000
_TRACEPARENT: Final = "traceparent"
_PROPAGATOR: Final = TraceContextTextMapPropagator()
# Not the current one: the span of another library must not become the parent of ours.
_NO_PARENT: Final = Context()


class OtelTracing:
    """Makes spans of the records that are traced, and of the flushes that carry them. Belongs to the event loop.

    A record that brings a `traceparent` is traced if its producer traces it, any other by chance.
    """

    on: Final = True

    def __init__(
        self,
        tracer: Tracer,
        *,
        group: str,
        sample_ratio: float,
        random: Callable[[], float],
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`random` gives a number in [0, 1)."""
        self._tracer = tracer
        self._group = group
        self._sample_ratio = sample_ratio
        self._random = random
        self._wall_ns = wall_ns
        self._remembered: dict[Place, SpanContext] = {}

    def record(
        self, record: KafkaRecord, *, seconds_ago: float, outcome: str, error_type: str | None
    ) -> None:
        """See `Tracing`."""
        producer = _producer_of(record)
        if not (
            self._random() < self._sample_ratio
            if producer is None
            else producer.trace_flags.sampled
        ):
            return
        span = self._tracer.start_span(
            f"process {record.topic}",
            context=_NO_PARENT if producer is None else _below(producer),
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.consumer.group.name": self._group,
                "messaging.kafka.offset": record.offset,
                "messaging.kafka.message.tombstone": record.value is None,
                "messaging.message.body.size": len(record.value or b""),
                OUTCOME: outcome,
            },
            start_time=self._wall_ns() - int(seconds_ago * _NANOSECONDS),
        )
        if error_type is not None:
            _fail(span, error_type)
        span.end()
        self._remember(((record.topic, record.partition), record.next_offset), span)

    def flush(
        self, audience: str, places: Callable[[], Collection[Place]]
    ) -> AbstractContextManager[Span]:
        """See `Tracing`."""
        if not self._remembered:
            return NO_SPAN
        carried = places()
        traced = [here for place in carried if (here := self._remembered.get(place)) is not None]
        if not traced:
            return NO_SPAN
        attributes: dict[str, str | int] = {
            AUDIENCE: audience,
            "messaging.batch.message_count": len(carried),
        }
        if len(traced) > LINKS_MAX:
            attributes[LINKS_LEFT_OUT] = len(traced) - LINKS_MAX
        span = self._tracer.start_span(
            "flush audience",
            context=_NO_PARENT,
            attributes=attributes,
            links=[Link(each) for each in traced[:LINKS_MAX]],
        )
        return _while_open(_OtelSpan(self._tracer, span), span)

    def _remember(self, place: Place, span: trace.Span) -> None:
        self._remembered.pop(place, None)  # read again: now the newest
        self._remembered[place] = span.get_span_context()
        if len(self._remembered) > RECORDS_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


class _OtelSpan:
    """A span with its children."""

    def __init__(self, tracer: Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span

    def child(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        return self._below(name, SpanKind.INTERNAL, attributes)

    def call(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        return self._below(name, SpanKind.CLIENT, attributes)

    def event(self, name: str, attributes: Attributes = NOTHING) -> None:
        self._span.add_event(name, attributes)

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def failed(self, error_type: str) -> None:
        _fail(self._span, error_type)

    def _below(
        self, name: str, kind: SpanKind, attributes: Attributes
    ) -> AbstractContextManager[Span]:
        context = trace.set_span_in_context(self._span, _NO_PARENT)
        span = self._tracer.start_span(name, context=context, kind=kind, attributes=attributes)
        return _while_open(_OtelSpan(self._tracer, span), span)


@contextmanager
def _while_open(ours: Span, span: trace.Span) -> Iterator[Span]:
    before = SPAN_HERE.set(ours)
    try:
        yield ours
    except BaseException as error:
        # Only its type: messages of exceptions may hold anything.
        _fail(span, type(error).__name__)
        raise
    finally:
        SPAN_HERE.reset(before)
        span.end()


def _fail(span: trace.Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


def _below(producer: SpanContext) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(producer), _NO_PARENT)


def _producer_of(record: KafkaRecord) -> SpanContext | None:
    """The span in which the record was written, if the header says so in the form of W3C Trace Context."""
    for name, value in record.headers:
        if name == _TRACEPARENT and value is not None:
            carrier = {_TRACEPARENT: value.decode("ascii", "replace")}
            context = _PROPAGATOR.extract(carrier, _NO_PARENT)
            producer = trace.get_current_span(context).get_span_context()
            return producer if producer.is_valid else None
    return None
