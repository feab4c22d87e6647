"""Settings of tracing."""

from importlib.metadata import PackageNotFoundError

import pytest

from consumer.settings import TraceExport, load_settings
from consumer.settings import process as process_settings
from tests.unit.settings_builders import COMPLETE, problems_with


def test_tracing_is_off_unless_asked_for() -> None:
    assert load_settings(COMPLETE).tracing is TraceExport.NONE


def test_tracing_without_its_packages_is_a_problem_that_names_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(process_settings, "version", missing)

    assert problems_with({"TRACING": "otlp", "FLUSH_ROWS": "0"}) == [
        "FLUSH_ROWS must be at least 1, not '0'.",
        "TRACING needs OpenTelemetry, which is not installed: pip install 'segment-liveintent[tracing]', or build the "
        "image with --build-arg REQUIREMENTS=requirements-tracing.lock.",
    ]
    assert load_settings({**COMPLETE, "TRACING": "none"}).tracing is TraceExport.NONE


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("TRACING", "jaeger", "TRACING must be none or otlp, not 'jaeger'."),
        ("TRACING_SAMPLE_RATIO", "2", "TRACING_SAMPLE_RATIO must be at most 1.0, not '2'."),
        ("TRACING_SAMPLE_RATIO", "nan", "TRACING_SAMPLE_RATIO must be a finite number, not 'nan'."),
        (
            "TRACING_RATIO",
            "1",
            "TRACING_RATIO is not a setting; did you mean TRACING_SAMPLE_RATIO?",
        ),
    ],
)
def test_a_wrong_setting_of_tracing_is_told(name: str, text: str, problem: str) -> None:
    assert problems_with({name: text}) == [problem]
