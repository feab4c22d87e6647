"""Trying out somebody else's feed: `explain --schema --mapping` and `schemas infer`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consumer.cli.app import app
from consumer.errors import SettingsError
from tests.segment_events import KEY, an_identify
from tests.shapes import Written, a_schema, as_map_of_strings

SHOP = a_schema("Identify", {"id": "string", "vip": ["null", "boolean"], "email": "string"})
MAPPING = "[call]\nmessageId = 'id'\ntype = { constant = 'identify' }\n[traits]\ncolumns = ['*']\n"
SAMPLE = {"id": "m-1", "vip": True, "email": "zoe@shop.example"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEINTENT_AUDIENCES", f"vip,{KEY}")
    (tmp_path / "shop.avsc").write_text(json.dumps(SHOP))
    (tmp_path / "shop.toml").write_text(MAPPING)
    return tmp_path


def explained(*arguments: str) -> list[Mapping[str, Any]]:
    result = CliRunner().invoke(app, ["explain", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    "prefix",
    [b"", b"\x00\x00\x00\x00\x07", b"\xc3\x01" + bytes(8)],
    ids=["bare", "confluent", "single object"],
)
def test_avro_samples_are_explained_by_schema_and_mapping(shop: Path, prefix: bytes) -> None:
    (shop / "sample").write_bytes(prefix + Written(SHOP, SAMPLE).body)

    (outcome,) = explained("--schema", "shop.avsc", "--mapping", "shop.toml", "sample")

    assert (outcome["message_id"], outcome["outcome"]) == ("m-1", "changes")
    assert [(each["audience"], each["action"]) for each in outcome["changes"]] == [("vip", "add")]


def test_json_samples_have_to_fit_the_schema(shop: Path) -> None:
    misfit = SAMPLE | {"vip": "yes"}
    (shop / "samples").write_text(json.dumps(SAMPLE) + "\n" + json.dumps(misfit))

    fits, does_not = explained("--schema", "shop.avsc", "--mapping", "shop.toml", "samples")

    assert fits["outcome"] == "changes"
    assert (does_not["outcome"], does_not["reason"]) == ("rejected", "invalid_event")


def test_a_mapping_alone_is_for_feeds_of_json(shop: Path) -> None:
    (shop / "sample").write_text(json.dumps(SAMPLE))

    assert explained("--mapping", "shop.toml", "sample")[0]["outcome"] == "changes"


def test_the_setting_is_used_when_no_mapping_is_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_MAPPING", "shop.toml")
    (shop / "sample").write_text(json.dumps(SAMPLE))

    assert explained("sample")[0]["outcome"] == "changes"


def test_a_mapping_that_cannot_be_used_says_everything_that_is_wrong(shop: Path) -> None:
    (shop / "bad.toml").write_text("[calls]\n[traits]\ncolums = ['*']")

    result = CliRunner().invoke(app, ["explain", "--mapping", "bad.toml"])

    assert isinstance(result.exception, SettingsError)
    assert len(result.exception.problems) == 2


def test_what_is_inferred_can_be_used_at_once(shop: Path) -> None:
    written = as_map_of_strings(an_identify())
    (shop / "maps.avsc").write_text(json.dumps(written.schema))
    (shop / "sample").write_bytes(written.body)

    result = CliRunner().invoke(app, ["schemas", "infer", "maps.avsc"])
    (shop / "maps.toml").write_text(result.stdout)

    assert result.exit_code == 0
    assert "marked UNSURE" in result.stderr
    (outcome,) = explained("--schema", "maps.avsc", "--mapping", "maps.toml", "sample")
    assert [(each["audience"], each["action"]) for each in outcome["changes"]] == [(KEY, "add")]


def test_samples_are_enough_to_infer_from(shop: Path) -> None:
    (shop / "samples.jsonl").write_text(
        json.dumps(an_identify()) + "\n" + json.dumps(an_identify())
    )

    result = CliRunner().invoke(app, ["schemas", "infer", "samples.jsonl"])

    assert (result.exit_code, result.stderr) == (0, "")
    assert '[traits]\nfrom = "traits"' in result.stdout


@pytest.mark.parametrize("content", ["[1, 2]", "not json", ""])
def test_what_is_no_schema_and_no_event_is_refused(shop: Path, content: str) -> None:
    (shop / "odd").write_text(content)

    result = CliRunner().invoke(app, ["schemas", "infer", "odd"])

    assert isinstance(result.exception, SettingsError)
