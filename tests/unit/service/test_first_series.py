"""Series that are there before anything is counted."""

import pytest
from prometheus_client import CollectorRegistry

from consumer.service.first_series import begin_at_zero
from consumer.settings import load_settings
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.unit.settings_builders import COMPLETE

DIRECT = {
    "DIRECT_CALLS": "page",
    "DIRECT_CALL_SINK": "collector",
    "LIVEINTENT_COLLECTOR_URL": "https://collector.example",
    "LIVEINTENT_APP_ID": "a-0001",
}
PRIVACY = {
    "PRIVACY_REQUESTS": "erase",
    "LIVEINTENT_PRIVACY_URL": "https://privacy.example",
    "LIVEINTENT_PRIVACY_TOKEN": "privacy-secret",
}


def series(**settings: str) -> dict[str, list[dict[str, str]]]:
    """The labels of every counter's series, once the service has begun; all are at 0."""
    registry = CollectorRegistry()
    begin_at_zero(Metrics(registry), load_settings({**COMPLETE, **settings}))
    found: dict[str, list[dict[str, str]]] = {}
    for family in registry.collect():
        for sample in family.samples:
            if family.type == "counter" and sample.name.endswith("_total"):
                assert sample.value == 0
                found.setdefault(sample.name.removeprefix(f"{PREFIX}_"), []).append(sample.labels)
    return found


def test_every_counter_but_those_of_open_lists_is_there_before_its_first_count() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    every = {f"{each.name}_total" for each in registry.collect() if each.type == "counter"}
    shown = {f"{PREFIX}_{name}" for name in series()}

    assert every - shown == {
        # Errors of librdkafka and of decoding are named by what happens; direct calls are off.
        f"{PREFIX}_kafka_errors_total",
        f"{PREFIX}_decode_errors_total",
        f"{PREFIX}_direct_calls_total",
    }


def test_the_first_failed_upload_of_each_type_can_be_seen_by_a_rate() -> None:
    uploads = series(LIVEINTENT_IDENTIFIER_TYPES="EMAIL_HASH,IDFA")["uploads_total"]

    assert {(each["action"], each["identifier_type"], each["result"]) for each in uploads} == {
        (action, kind, result)
        for action in ("add", "remove")
        for kind in ("EMAIL_HASH", "IDFA")
        for result in ("finished", "error", "refused")
    }


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, set()),
        (DIRECT, {"collect"}),
        (PRIVACY, {"submit_privacy_request"}),
    ],
)
def test_only_what_liveintent_may_be_asked_is_shown(
    settings: dict[str, str], more: set[str]
) -> None:
    requests = series(**settings)["liveintent_requests_total"]

    operations = {each["operation"] for each in requests}
    assert operations & {"collect", "convert", "submit_privacy_request"} == more
    assert {"create_signed_url", "put_file", "list_uploads"} <= operations


def test_direct_calls_are_shown_for_their_sinks() -> None:
    calls = series(**DIRECT)["direct_calls_total"]

    assert {(each["sink"], each["outcome"]) for each in calls} == {
        ("collector", outcome)
        for outcome in (
            "delivered",
            "perhaps_delivered",
            "direct_call_refused",
            "too_old",
            "released",
        )
    }
