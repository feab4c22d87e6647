"""User name and password for the brokers as settings of their own."""

import json
from pathlib import Path

import pytest

from consumer.errors import SettingsError
from consumer.kafka.connection import (
    KafkaConnection,
    admin_properties,
    consumer_properties,
    producer_properties,
)
from consumer.settings import KafkaSettings, load_part, load_settings
from tests.unit.settings_builders import COMPLETE

SASL = json.dumps({"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"})
SESAME = "open-sesame"


def problems(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(COMPLETE | variables)
    assert SESAME not in str(caught.value)
    return list(caught.value.problems)


def test_they_reach_every_client_of_kafka() -> None:
    settings = load_part(
        KafkaSettings,
        COMPLETE
        | {"KAFKA_PROPERTIES": SASL, "KAFKA_SASL_USERNAME": "us", "KAFKA_SASL_PASSWORD": SESAME},
    )
    connection = KafkaConnection("kafka:9092", "group", properties=settings.kafka_properties)

    for of_client in (consumer_properties, producer_properties, admin_properties):
        properties = of_client(connection)
        assert (properties["sasl.username"], properties["sasl.password"]) == ("us", SESAME)


def test_the_password_may_be_a_file_and_is_never_printed(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SESAME}\n")
    settings = load_settings(
        COMPLETE
        | {
            "KAFKA_PROPERTIES": SASL,
            "KAFKA_SASL_USERNAME": "us",
            "KAFKA_SASL_PASSWORD_FILE": str(file),
        }
    )

    assert settings.kafka_properties["sasl.password"] == SESAME
    assert SESAME not in repr(settings)
    assert SESAME not in str(settings)


def test_the_user_name_may_be_set_and_the_password_stay_in_the_file_of_properties(
    tmp_path: Path,
) -> None:
    file = tmp_path / "kafka.json"
    file.write_text(json.dumps({"sasl.password": SESAME}))
    settings = load_settings(
        COMPLETE
        | {
            "KAFKA_PROPERTIES": SASL,
            "KAFKA_PROPERTIES_FILE": str(file),
            "KAFKA_SASL_USERNAME": "us",
        }
    )

    assert settings.kafka_properties["sasl.username"] == "us"
    assert settings.kafka_properties["sasl.password"] == SESAME


@pytest.mark.parametrize(
    ("setting", "name"),
    [("KAFKA_SASL_PASSWORD", "sasl.password"), ("KAFKA_SASL_USERNAME", "sasl.username")],
)
def test_what_the_properties_hold_too_is_refused(setting: str, name: str) -> None:
    properties = json.dumps({**json.loads(SASL), name: SESAME})

    assert problems(KAFKA_PROPERTIES=properties, **{setting: SESAME}) == [
        f"{setting} and {name} in KAFKA_PROPERTIES or KAFKA_PROPERTIES_FILE are both set; keep one of them."
    ]


def test_a_password_that_the_properties_would_not_use_is_refused() -> None:
    assert problems(KAFKA_SASL_USERNAME="us", KAFKA_SASL_PASSWORD=SESAME) == [
        "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD need sasl.mechanism in KAFKA_PROPERTIES, such as SCRAM-SHA-512.",
        "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD need security.protocol SASL_SSL (or SASL_PLAINTEXT) in KAFKA_PROPERTIES.",
    ]


def test_a_password_file_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")

    (problem,) = problems(KAFKA_PROPERTIES=SASL, KAFKA_SASL_PASSWORD_FILE=missing)
    assert problem.startswith("KAFKA_SASL_PASSWORD_FILE: ")


def test_empty_text_counts_as_not_set() -> None:
    settings = load_settings(COMPLETE | {"KAFKA_SASL_USERNAME": "", "KAFKA_SASL_PASSWORD": ""})

    assert "sasl.username" not in settings.kafka_properties
