from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumer.errors import SettingsError
from consumer.settings import (
    EmailHash,
    EventSettings,
    FirstStart,
    KafkaSettings,
    LogLevel,
    load_membership_settings,
    load_part,
    load_settings,
)
from tests.unit.settings_builders import COMPLETE, problems_with


def test_a_complete_environment_loads_with_safe_defaults() -> None:
    settings = load_settings(COMPLETE)

    assert settings.liveintent_url == "https://audiences.example"
    assert settings.liveintent_api_key.read() == "a-token"
    assert settings.liveintent_account_id == 12
    assert settings.listed_audiences == {"vip_customers", "cart_abandoners"}
    assert not settings.serves_every_audience
    assert settings.kafka_topics == ("events",)
    assert settings.kafka_first_start is None
    assert settings.email_hashes == (EmailHash.MD5, EmailHash.SHA1, EmailHash.SHA256)
    assert settings.delivery_ack == "finished"
    assert settings.http_port == 8080


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(COMPLETE).flush_rows = 1


def test_other_programs_variables_are_let_pass() -> None:
    others = {
        "PATH": "/bin",
        "HTTP_PROXY": "http://proxy:3128",
        "HTTPS_PROXY": "http://proxy:3128",
        "KAFKA_HEAP_OPTS": "-Xmx1g",
        "KAFKA_OPTS": "",
        "LOG_DIR": "/var/log",
        "UV_LOG_LEVEL": "debug",
        "HOSTNAME": "pod-1",
        "KAFKA_PORT": "tcp://10.0.0.1:9092",
        "SCHEMA_REGISTRY_SERVICE_HOST": "10.0.0.2",
        "SCHEMA_REGISTRY_SERVICE_PORT": "8081",
        "SCHEMA_REGISTRY_SERVICE_PORT_HTTP": "8081",
        "SCHEMA_REGISTRY_PORT": "tcp://10.0.0.2:8081",
        "SCHEMA_REGISTRY_PORT_8081_TCP": "tcp://10.0.0.2:8081",
        "SCHEMA_REGISTRY_PORT_8081_TCP_ADDR": "10.0.0.2",
    }

    assert load_settings(COMPLETE | others).kafka_properties == {}


def test_empty_text_counts_as_not_set() -> None:
    settings = load_settings(
        COMPLETE
        | {"FLUSH_ROWS": "", "LIVEINTENT_APP_ID": "", "KAFKA_PROPERTIES": "", "EMAIL_HASHES": ""}
    )

    assert settings.flush_rows == 100_000
    assert settings.liveintent_app_id is None
    assert settings.kafka_properties == {}
    assert len(settings.email_hashes) == 3


def test_empty_audiences_serve_none_and_a_star_serves_all() -> None:
    none = load_settings(COMPLETE | {"LIVEINTENT_AUDIENCES": ""})
    every = load_settings(COMPLETE | {"LIVEINTENT_AUDIENCES": "*, vip,, vip"})

    assert (none.liveintent_audiences, none.serves_every_audience) == ((), False)
    assert every.liveintent_audiences == ("*", "vip")
    assert every.serves_every_audience
    assert every.listed_audiences == {"vip"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("earliest", FirstStart.EARLIEST),
        ("latest", FirstStart.LATEST),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T09:00:00+01:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
    ],
)
def test_the_first_start_is_a_word_or_a_moment(text: str, value: object) -> None:
    assert load_settings(COMPLETE | {"KAFKA_FIRST_START": text}).kafka_first_start == value


def test_a_log_level_may_be_written_small() -> None:
    assert load_settings(COMPLETE | {"LOG_LEVEL": "debug"}).log_level is LogLevel.DEBUG


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_liveintent_may_be_plain_http_on_this_machine(host: str) -> None:
    settings = load_settings(COMPLETE | {"LIVEINTENT_URL": f"http://{host}:8081/v1/"})

    assert settings.liveintent_url == f"http://{host}:8081/v1"


def test_kafka_properties_become_the_text_librdkafka_takes(tmp_path: Path) -> None:
    private = tmp_path / "private.json"
    private.write_text('{"sasl.password": "hunter2"}\n')

    settings = load_settings(
        COMPLETE
        | {
            "KAFKA_PROPERTIES": '{"security.protocol": "sasl_ssl", "check.crcs": true, "fetch.wait.max.ms": 500}',
            "KAFKA_PROPERTIES_FILE": str(private),
        }
    )

    assert settings.kafka_properties == {
        "security.protocol": "sasl_ssl",
        "check.crcs": "true",
        "fetch.wait.max.ms": "500",
        "sasl.password": "hunter2",
    }
    assert "hunter2" not in repr(settings)


def test_saying_again_what_our_client_runs_with_does_no_harm() -> None:
    same = '{"enable.auto.commit": false, "enable.auto.offset.store": false, "auto.offset.reset": "error"}'

    assert len(load_settings(COMPLETE | {"KAFKA_PROPERTIES": same}).kafka_properties) == 3
    assert problems_with({"KAFKA_PROPERTIES": '{"enable.auto.commit": true}'}) == [
        "KAFKA_PROPERTIES must not hold enable.auto.commit (offsets are committed only for what is finished)."
    ]


def test_what_kafkas_side_refuses_is_reported_with_everything_else() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            COMPLETE | {"KAFKA_PROPERTIES": '{"acks": 0, "group.id": "x"}', "FLUSH_ROWS": "0"},
            property_problems=lambda properties: [f"No {name}." for name in sorted(properties)],
        )

    assert caught.value.problems == (
        "No acks.",
        "No group.id.",
        "FLUSH_ROWS must be at least 1, not '0'.",
    )


def test_headers_for_storage_are_a_json_object() -> None:
    settings = load_settings(COMPLETE | {"UPLOAD_HEADERS": '{"x-ms-blob-type": "BlockBlob"}'})

    assert settings.upload_headers == {"x-ms-blob-type": "BlockBlob"}


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / "settings.env"
    env_file.write_text(
        "# what we run in production\nexport FLUSH_ROWS=7\nHTTP_PORT='9091'\n\nKAFKA_GROUP_ID=\"pa$$ ${x}\"\n"
    )

    settings = load_settings(
        {name: text for name, text in COMPLETE.items() if name != "KAFKA_GROUP_ID"}
        | {"HTTP_PORT": "9999"},
        env_file=env_file,
    )

    assert (settings.flush_rows, settings.http_port) == (7, 9999)
    assert settings.kafka_group_id == "pa$$ ${x}"


def test_every_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    env_file = tmp_path / "settings.env"
    env_file.write_text(
        "KAFKA_HEAP_OPTS=1\nXYZZY=1\nFLUSH_ROWS\nFLUSH_SECONDS=1\nFLUSH_SECONDS=2\n"
    )

    with pytest.raises(SettingsError) as caught:
        load_settings(COMPLETE, env_file=env_file)

    assert list(caught.value.problems) == [
        f"{env_file}, line 3, is not NAME=value.",
        f"FLUSH_SECONDS is set twice in {env_file}.",
        "KAFKA_HEAP_OPTS is not a setting; did you mean KAFKA_PROPERTIES?",
        "XYZZY is not a setting.",
    ]


def test_a_missing_or_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    binary = tmp_path / "binary.env"
    binary.write_bytes(b"FLUSH_ROWS=\xff")

    for env_file, why in [
        (tmp_path / "none.env", "No such file or directory"),
        (binary, "it is not UTF-8 text"),
    ]:
        with pytest.raises(SettingsError) as caught:
            load_settings(COMPLETE, env_file=env_file)
        assert caught.value.problems == (f"The settings file {env_file} cannot be read: {why}.",)


def test_explain_needs_no_kafka_and_no_liveintent() -> None:
    settings = load_membership_settings(
        {"MEMBERSHIP_STRING_BOOLEANS": "yes", "FLUSH_ROWS": "wrong"}
    )

    assert settings.membership_string_booleans
    assert settings.liveintent_audiences == ()


def test_explain_takes_its_audiences_from_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / "settings.env"
    env_file.write_text("LIVEINTENT_AUDIENCES=*\n")

    assert load_membership_settings({}, env_file=env_file).serves_every_audience


def test_a_part_still_refuses_misspelt_names() -> None:
    with pytest.raises(SettingsError, match="did you mean KAFKA_TOPICS"):
        load_part(EventSettings, {"EVENT_FORMAT": "json", "KAFKA_TOPIC": "x"})


def test_kafka_settings_load_alone() -> None:
    environ = {name: text for name, text in COMPLETE.items() if name.startswith("KAFKA_")}

    assert load_part(KafkaSettings, environ).kafka_bootstrap_servers == "broker:9092"
