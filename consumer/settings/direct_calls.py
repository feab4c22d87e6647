"""Settings of direct calls: what else than audiences is forwarded to LiveIntent, and where. Off by default."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from consumer.choices import DirectCallSink, SegmentCall
from consumer.settings.parsing import (
    CommaList,
    Count,
    EncryptedUrl,
    HeaderSecret,
    HeaderWord,
    Line,
)
from consumer.settings.part import SECRET, Part

_Sinks = tuple[DirectCallSink, ...]
_Calls = tuple[SegmentCall, ...]

# What each sink cannot work without.
_NEEDED = {
    DirectCallSink.COLLECTOR: ("liveintent_app_id", "liveintent_collector_url"),
    DirectCallSink.CONVERSIONS: (
        "liveintent_conversions_url",
        "liveintent_conversions_customer_id",
        "liveintent_conversions_token",
        "liveintent_pixel_id",
    ),
}


class DirectCallSettings(Part):
    """Direct calls (off unless LiveIntent has agreed to them)."""

    liveintent_collector_url: EncryptedUrl | None = Field(
        default=None,
        description="Base URL of LiveIntent's collector, without its path. There is no default host: LiveIntent documents it "
        "for browsers only. Required for the sink collector.",
    )
    liveintent_conversions_url: EncryptedUrl | None = Field(
        default=None,
        description="Base URL of LiveIntent's Conversions API. Required for the sink conversions, as are the three below.",
    )
    liveintent_conversions_customer_id: HeaderWord | None = Field(
        default=None,
        description="LiveIntent's id for you in the Conversions API. Your account manager has it.",
    )
    liveintent_conversions_token: HeaderSecret | None = Field(
        default=None,
        description="Token for the Conversions API, without the word Bearer. Your account manager has it, and rotates it.",
        json_schema_extra=SECRET,
    )
    liveintent_pixel_id: Count | None = Field(
        default=None,
        description="LiveIntent's number for the pixel that conversions count for. Your account manager has it.",
    )
    direct_call_sink: Annotated[_Sinks, CommaList] = Field(
        default=(),
        description="Where direct calls go: collector (needs LIVEINTENT_APP_ID), conversions, or both between a comma; then "
        "the event map says which of them takes an event.",
    )
    direct_calls: Annotated[_Calls, CommaList] = Field(
        default=(),
        description="Segment calls to forward, between commas: page, screen, track, identify, group. Unset: none. Agree on it "
        "with LiveIntent first.",
    )
    direct_call_event_map: Line = Field(
        default="segment-ecommerce",
        description="What each call becomes at LiveIntent: the event map that comes with the program, or the path of a TOML "
        "file.",
    )
    direct_call_max_age_seconds: Count = Field(
        default=3600,
        description="Oldest event that is forwarded. The collector has no event time: whatever it is sent happens now.",
    )
    direct_call_concurrency: Count = Field(
        default=16,
        description="Most requests at a time to each sink.",
    )
    direct_call_requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=50.0,
        description="Most requests per second to each sink. A request holds one call for the collector, up to 100 for the "
        "Conversions API. LiveIntent publishes no limit.",
    )
    direct_call_wrapper_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        default="segment-liveintent",
        description="What the collector is told of who calls it; letters, digits and . _ - only.",
    )
    direct_call_max_characters: Annotated[int, Field(ge=3500, le=8000)] = Field(
        default=4000,
        description="Longest path and query sent to the collector; a longer call loses what matters least.",
    )

    @field_validator("direct_call_sink")
    @classmethod
    def _with_what_each_needs(cls, sinks: _Sinks, info: ValidationInfo) -> _Sinks:
        missing = [
            field.upper()
            for sink in sinks
            for field in _NEEDED[sink]
            if field in info.data and info.data[field] is None
        ]
        if missing:
            message = f"{','.join(sinks)} needs {', '.join(missing)} as well"
            raise ValueError(message)
        return sinks

    @field_validator("direct_calls")
    @classmethod
    def _with_a_sink(cls, calls: _Calls, info: ValidationInfo) -> _Calls:
        sinks = info.data.get("direct_call_sink")
        if calls and sinks == ():
            raise ValueError("needs a DIRECT_CALL_SINK to forward them to")
        if sinks and not calls:
            raise ValueError("must name the calls to forward, since DIRECT_CALL_SINK is set")
        return calls
