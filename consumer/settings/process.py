"""Settings of delivery and of the process itself."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

from pydantic import Field, ValidationInfo, field_validator

from consumer.choices import DeliveryAck, LogFormat, LogLevel, TraceExport
from consumer.settings.parsing import Count, Line, Seconds, UpperCase
from consumer.settings.part import Part

# With the usual LATEST_STATE_MEMBERS. What it is made of is in docs/decisions/0012-memory.md; tests/memory holds the
# running process to it.
MEMORY_BESIDE_BUDGET_MB: Final = 256

_TRACE_EXPORTER: Final = "opentelemetry-exporter-otlp-proto-http"


class DeliverySettings(Part):
    """Delivery."""

    delivery_ack: DeliveryAck = Field(
        default=DeliveryAck.FINISHED,
        description="When a change counts as delivered: finished (LiveIntent reports its upload as Finished) or stored "
        "(its file is stored; LiveIntent's verdict is still followed and counted).",
    )
    flush_seconds: Seconds = Field(
        default=60.0,
        description="Longest wait of a change before its audience is sent.",
    )
    flush_rows: Count = Field(
        default=100_000,
        description="Rows at which an audience is sent without waiting for FLUSH_SECONDS.",
    )
    memory_budget_mb: Annotated[int, Field(ge=16)] = Field(
        default=128,
        description="What unfinished records may weigh, in MiB. When it is used up, reading pauses. Keep the "
        f"container's memory limit at least {MEMORY_BESIDE_BUDGET_MB} MiB above, and 20 KiB more for each audience over "
        "1,000.",
    )
    latest_state_members: Count = Field(
        default=100_000,
        description="Identifier values whose last change is remembered, so that an older event cannot undo a newer. "
        "An email in three hashes takes three. Each takes up to 600 bytes, beside MEMORY_BUDGET_MB.",
    )
    stalled_after_seconds: Seconds | None = Field(
        default=None,
        description="How long a partition with something to do may go without a new committed offset before it counts "
        "as stalled. Above FLUSH_SECONDS. Unset, twice FLUSH_SECONDS and UPLOAD_LIST_DEADLINE_SECONDS: 17 minutes with "
        "their defaults.",
    )
    dead_letter_limit: Annotated[int, Field(ge=0)] = Field(
        default=1000,
        description="Dead letters within DEAD_LETTER_LIMIT_SECONDS at which the program stops: so many are a bad deploy, "
        "not bad data. 0 means no limit.",
    )
    dead_letter_limit_seconds: Seconds = Field(
        default=600.0,
        description="The period DEAD_LETTER_LIMIT counts in.",
    )

    @field_validator("stalled_after_seconds")
    @classmethod
    def _above_the_usual_wait(cls, stalled: float | None, info: ValidationInfo) -> float | None:
        if stalled is not None and stalled <= info.data.get("flush_seconds", 0):
            raise ValueError("must be above FLUSH_SECONDS, for which every change may wait")
        return stalled


class ProcessSettings(Part):
    """The process."""

    # Below terminationGracePeriodSeconds in helm/, so that we drain and commit before SIGKILL.
    drain_seconds: Seconds = Field(
        default=20.0,
        description="How long a stopping process finishes what it has begun. Keep it 10 s below Kubernetes' "
        "terminationGracePeriodSeconds (30 unless set). What is not finished by then is read again.",
    )
    http_host: Line = Field(
        default="0.0.0.0",  # noqa: S104 - a pod's probes and scrapes come from outside
        description="Address that metrics, probes and the status page are served on.",
    )
    http_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8080,
        description="Port for metrics, probes and the status page. 0 takes any free one.",
    )
    log_level: Annotated[LogLevel, UpperCase] = Field(
        default=LogLevel.INFO,
        description="Least important log lines to write.",
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO,
        description="JSON lines, or lines for people; auto is console on a terminal and json elsewhere.",
    )
    tracing: TraceExport = Field(
        default=TraceExport.NONE,
        description="Where traces go: none, or otlp (a collector that speaks OTLP over HTTP, named by OpenTelemetry's own "
        "variables, such as OTEL_EXPORTER_OTLP_ENDPOINT). otlp needs the extra segment-liveintent[tracing]. See "
        "docs/operations.md.",
    )
    tracing_sample_ratio: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        default=0.01,
        description="Share of the records that are traced, 0 to 1, among those that bring no traceparent header; of the "
        "others their producer decides. An upload is traced when a record in it is.",
    )

    @field_validator("tracing")
    @classmethod
    def _can_be_exported(cls, tracing: TraceExport) -> TraceExport:
        if tracing is TraceExport.OTLP:
            try:
                version(_TRACE_EXPORTER)
            except PackageNotFoundError:
                raise ValueError(
                    "needs OpenTelemetry, which is not installed: pip install 'segment-liveintent[tracing]', or build "
                    "the image with --build-arg REQUIREMENTS=requirements-tracing.lock"
                ) from None
        return tracing
