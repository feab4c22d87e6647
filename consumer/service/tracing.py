"""Tracing, as the settings have it."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from consumer.errors import SettingsError
from consumer.settings import Settings, TraceExport
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.redaction import redacted
from consumer.telemetry.tracing import NO_TRACING, Tracing


async def tracing_of(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics, *, random: Callable[[], float]
) -> Tracing:
    """Where spans begin; what waits to be sent is sent, for a bounded time, when `stack` closes.

    Raises SettingsError when a variable of OpenTelemetry's cannot be used.
    """
    if settings.tracing is TraceExport.NONE:
        return NO_TRACING
    # Here, because they import OpenTelemetry: an extra, and seconds of a small pod's processor.
    from consumer.telemetry.otel_export import SpanExport  # noqa: PLC0415
    from consumer.telemetry.otel_spans import OtelTracing  # noqa: PLC0415

    try:
        export = await asyncio.to_thread(SpanExport, metrics)
    except ValueError as error:
        raise SettingsError(
            [f"A variable of OpenTelemetry's cannot be used: {redacted(str(error))}."]
        ) from None
    stack.push_async_callback(export.close)
    return OtelTracing(
        export.tracer,
        group=settings.kafka_group_id,
        sample_ratio=settings.tracing_sample_ratio,
        random=random,
    )
