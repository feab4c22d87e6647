from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.errors import SettingsError
from consumer.settings import (
    KNOWN_NAMES,
    SECRET_NAMES,
    SETTING_NAMES,
    Secret,
    Settings,
    load_settings,
)
from consumer.settings.problems import problems_of
from tests.unit.settings_builders import COMPLETE, problems_with


def test_a_secret_from_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "api-key"
    path.write_text("first\r\n")
    environ = {name: text for name, text in COMPLETE.items() if name != "LIVEINTENT_API_KEY"}
    secret = load_settings(environ | {"LIVEINTENT_API_KEY_FILE": str(path)}).liveintent_api_key

    assert secret.read() == "first"
    path.write_text("second\n")
    assert secret.read() == "second"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_the_last_secret_holds_while_its_file_cannot_be_used(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "api-key"
    path.write_text("first")
    secret = Secret.from_file(path)

    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)

    assert secret.read() == "first"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: No such file or directory"), (b"\n", "is empty"), (b"\xff", "cannot be read: it is not UTF-8 text")],
)  # fmt: skip
def test_a_secret_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "api-key"
    if content is not None:
        path.write_bytes(content)

    problems = problems_with(
        {"LIVEINTENT_API_KEY_FILE": str(path)}, without=("LIVEINTENT_API_KEY",)
    )

    assert problems == [f"LIVEINTENT_API_KEY_FILE: {path} {why}."]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "KAFKA_PROPERTIES_FILE: {path} cannot be read: No such file or directory."),
        ("{", "KAFKA_PROPERTIES_FILE: {path} must be a JSON object, and is not JSON (line 1, column 2)."),
        ('{"client.id": "x"}', "KAFKA_PROPERTIES and KAFKA_PROPERTIES_FILE both hold client.id."),
    ],
)  # fmt: skip
def test_a_kafka_properties_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: str | None, problem: str
) -> None:
    path = tmp_path / "kafka.json"
    if content is not None:
        path.write_text(content)

    problems = problems_with(
        {"KAFKA_PROPERTIES": '{"client.id": "y"}', "KAFKA_PROPERTIES_FILE": str(path)}
    )

    assert problems == [problem.format(path=path)]


@given(st.sampled_from([*SECRET_NAMES, "KAFKA_PROPERTIES"]), st.sampled_from(["\n", " ", "", "'"]))
def test_no_text_form_shows_a_secret(name: str, odd: str) -> None:
    hidden = f"hunter2{odd}correct-horse"
    environ = COMPLETE | {
        "SCHEMA_REGISTRY_USERNAME": "u",
        "SCHEMA_REGISTRY_PASSWORD": "p",
        name: hidden,
    }
    try:
        shown = repr(load_settings(environ))
    except SettingsError as error:
        shown = f"{error} {error!r} {error.problems} {error.__cause__}"

    assert "hunter2" not in shown
    assert "correct-horse" not in shown


def test_a_secret_is_not_quoted_whatever_is_wrong_with_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"liveintent_api_key": 7})

    problems = problems_of(Settings, caught.value, {"LIVEINTENT_API_KEY": "hunter2"})

    assert problems["liveintent_api_key"] == "LIVEINTENT_API_KEY cannot be used."


def test_a_secret_has_no_text_form() -> None:
    secret = Secret("hunter2")

    assert f"{secret} {secret!r} {[secret]}" == "Secret(***) Secret(***) [Secret(***)]"


def test_setting_names_are_unique() -> None:
    assert len(set(KNOWN_NAMES)) == len(KNOWN_NAMES)
    assert set(SECRET_NAMES) < set(SETTING_NAMES)
