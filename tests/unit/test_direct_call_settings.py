"""The settings of direct calls: off unless everything a sink needs is there."""

import pytest

from consumer.choices import DirectCallSink, SegmentCall
from consumer.settings import load_settings
from tests.unit.settings_builders import COMPLETE, problems_with

COLLECTOR = {
    "DIRECT_CALLS": "page, track",
    "DIRECT_CALL_SINK": "collector",
    "LIVEINTENT_APP_ID": "a-test",
    "LIVEINTENT_COLLECTOR_URL": "https://collector.example",
}
CONVERSIONS = {
    "DIRECT_CALLS": "track",
    "DIRECT_CALL_SINK": "conversions",
    "LIVEINTENT_CONVERSIONS_URL": "https://conversions.example",
    "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": "7001",
    "LIVEINTENT_CONVERSIONS_TOKEN": "made-up",
    "LIVEINTENT_PIXEL_ID": "4711",
}


def test_direct_calls_are_off_and_name_no_host_unless_told_otherwise() -> None:
    settings = load_settings(COMPLETE)

    assert settings.direct_calls == ()
    assert settings.direct_call_sink == ()
    assert settings.liveintent_collector_url is None
    assert settings.liveintent_conversions_url is None


def test_calls_and_sinks_are_lists_of_names() -> None:
    settings = load_settings(
        {**COMPLETE, **COLLECTOR, **CONVERSIONS, "DIRECT_CALL_SINK": "collector,conversions"}
    )

    assert settings.direct_calls == (SegmentCall.TRACK,)
    assert settings.direct_call_sink == tuple(DirectCallSink)
    assert "made-up" not in repr(settings)


@pytest.mark.parametrize("missing", ["LIVEINTENT_APP_ID", "LIVEINTENT_COLLECTOR_URL"])
def test_the_collector_needs_its_url_and_an_app_id(missing: str) -> None:
    assert problems_with({**COLLECTOR, missing: ""}) == [
        f"DIRECT_CALL_SINK collector needs {missing} as well.",
    ]


@pytest.mark.parametrize(
    "missing", [name for name in CONVERSIONS if name.startswith("LIVEINTENT_")]
)
def test_conversions_need_everything_the_account_manager_gives(missing: str) -> None:
    assert problems_with({**CONVERSIONS, missing: ""}) == [
        f"DIRECT_CALL_SINK conversions needs {missing} as well.",
    ]


def test_calls_without_a_sink_and_a_sink_without_calls_are_refused() -> None:
    (no_sink,) = problems_with({"DIRECT_CALLS": "page"})
    (no_calls,) = problems_with({**COLLECTOR, "DIRECT_CALLS": ""})

    assert no_sink.startswith("DIRECT_CALLS needs a DIRECT_CALL_SINK")
    assert no_calls.startswith("DIRECT_CALLS must name the calls")


def test_everything_wrong_is_said_at_once() -> None:
    wrong = problems_with(
        {
            "DIRECT_CALLS": "page,alias",
            "LIVEINTENT_COLLECTOR_URL": "http://collector.example",
            "DIRECT_CALL_MAX_AGE_SECONDS": "0",
            "DIRECT_CALL_MAX_CHARACTERS": "10000",
            "DIRECT_CALLS_PER_MINUTE": "7",
        }
    )

    assert len(wrong) == 5
    assert any("DIRECT_CALLS_PER_MINUTE is not a setting" in each for each in wrong)
