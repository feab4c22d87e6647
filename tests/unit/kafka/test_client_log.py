import logging

import pytest
from confluent_kafka import KafkaError
from prometheus_client import CollectorRegistry

from consumer.kafka.client_log import ClientErrors, ClientLog, OncePerMinute, is_fatal
from consumer.telemetry.metrics import Metrics


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_key_may_speak_once_a_minute_and_learns_how_often_it_was_held_back() -> None:
    clock = Clock()
    pace = OncePerMinute(clock)

    assert [pace.ask("a"), pace.ask("a"), pace.ask("a"), pace.ask("b")] == [0, None, None, 0]
    clock.time = 60.0
    assert pace.ask("a") == 2
    assert pace.ask("a") is None


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (logging.CRITICAL, "error"),
        (logging.ERROR, "warning"),
        (logging.WARNING, "warning"),
        (logging.INFO, "info"),
        (logging.DEBUG, "debug"),
    ],
)
def test_an_outage_is_a_warning_because_the_client_recovers_alone(
    level: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ClientLog(Clock()).log(level, "%s [%s] %s", "FAIL", "rdkafka#1", "Connection refused")

    out = capsys.readouterr().out
    assert f"[{shown}" in out
    assert "FAIL [rdkafka#1] Connection refused" in out


def test_a_line_that_repeats_is_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    client_log = ClientLog(Clock())
    for _ in range(100):
        client_log.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#1", "Connection refused")

    assert capsys.readouterr().out.count("Connection refused") == 1


def test_secrets_and_people_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    client_log = ClientLog(Clock())
    client_log.log(logging.ERROR, "https://user:sesame@host/?token=sesame")

    assert "sesame" not in capsys.readouterr().out


def test_every_error_is_counted_by_name_and_logged_once_a_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = Metrics(CollectorRegistry())
    errors = ClientErrors(metrics=metrics, now=Clock())
    for _ in range(3):
        errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN), topic="events")

    counted = metrics.registry.get_sample_value(
        "segment_liveintent_kafka_errors_total", {"code": "_ALL_BROKERS_DOWN"}
    )
    assert counted == 3
    assert capsys.readouterr().out.count("_ALL_BROKERS_DOWN") == 1


def test_an_error_is_fatal_when_it_says_so_or_is_named_so() -> None:
    assert is_fatal(KafkaError(KafkaError.FENCED_INSTANCE_ID, fatal=True))
    assert is_fatal(KafkaError(KafkaError._FATAL))
    assert not is_fatal(KafkaError(KafkaError._TRANSPORT))
