"""`schemas check`: versions of a schema that fit, and every way in which they do not, in words."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consumer.cli.app import app
from consumer.cli.schemas_check import as_text
from consumer.errors import CheckFailed, SettingsError
from consumer.segment.schema_versions import Comparison, compare_versions
from consumer.segment.schemas import default_schemas_directory

Json = Any
SCHEMAS = default_schemas_directory()
V1 = json.loads((SCHEMAS / "segment_event.v1.avsc").read_text())
NULL_OR_TEXT = ["null", "string"]
PUBLISHED = {
    "segment_event.v1.avsc": "95a49329a01d26596bf7ef1a8efa8fb68b8d5aa91e5d684b32452891c34376d4",
}


def a_record(*fields: dict[str, Any], name: str = "E") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [A_TYPE, *fields]}


A_TYPE: dict[str, Any] = {"name": "type", "type": "string"}


def a_directory(path: Path, *versions: dict[str, Any], example: Json = None) -> Path:
    """Each version with one example, which by default has a type and no more."""
    for number, schema in enumerate(versions, 1):
        (path / f"e.v{number}.avsc").write_text(json.dumps(schema))
        examples = path / "examples" / f"e.v{number}"
        examples.mkdir(parents=True)
        (examples / "one.json").write_text(json.dumps(example or {"type": "track"}))
    return path


def problems(path: Path, *versions: dict[str, Any], example: Json = None) -> dict[str, Any]:
    compared = compare_versions(a_directory(path, *versions, example=example))
    return {f"{each.writer}>{each.reader}": each.problems for each in compared if each.problems}


def test_a_published_schema_never_changes() -> None:
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SCHEMAS.glob("*.avsc")
    }

    assert digests == PUBLISHED


def test_every_shipped_version_reads_what_every_other_wrote() -> None:
    compared = compare_versions(SCHEMAS)

    assert compared
    assert [each for each in compared if each.problems or not each.examples] == []


def test_a_second_version_with_a_new_optional_field_fits_both_ways(tmp_path: Path) -> None:
    """The next version of our own schema, with the examples of the first and one of its own."""
    v2 = V1 | {"fields": [*V1["fields"], {"name": "region", "type": NULL_OR_TEXT, "default": None}]}
    examples = SCHEMAS / "examples" / "segment_event.v1"
    for number, schema in ((1, V1), (2, v2)):
        stem = f"segment_event.v{number}"
        (tmp_path / f"{stem}.avsc").write_text(json.dumps(schema))
        (tmp_path / "examples" / stem).mkdir(parents=True)
        for example in examples.glob("*.json"):
            (tmp_path / "examples" / stem / example.name).write_bytes(example.read_bytes())
    own = {"type": "track", "region": "eu", "properties": '{"vip": true}'}
    (tmp_path / "examples" / "segment_event.v2" / "own.json").write_text(json.dumps(own))

    compared = compare_versions(tmp_path)

    assert [(each.writer[-2:], each.reader[-2:], each.examples) for each in compared] == [
        ("v1", "v1", 6), ("v2", "v2", 7), ("v1", "v2", 6), ("v2", "v1", 7)
    ]  # fmt: skip
    assert [each.problems for each in compared] == [()] * 4


def test_a_new_field_without_a_default_breaks_the_reading_of_old_records(tmp_path: Path) -> None:
    found = problems(
        tmp_path, a_record(), a_record({"name": "x", "type": "int"}), example={"type": "a", "x": 1}
    )

    assert found["e.v1>e.v2"][0] == "x: it was never written, and has no default"


def test_versions_that_are_not_neighbours_are_held_against_each_other(tmp_path: Path) -> None:
    """Each step is fine alone; v3 cannot read v1."""
    first = a_record()
    second = a_record({"name": "x", "type": "int", "default": 0})
    third = a_record({"name": "x", "type": "int"})

    found = problems(tmp_path, first, second, third, example={"type": "a", "x": 1})

    assert list(found) == ["e.v1>e.v3"]


INT = a_record({"name": "x", "type": "int"})
AN_ENUM = {"type": "enum", "name": "K", "symbols": ["A", "B"]}


@pytest.mark.parametrize(
    ("writer", "reader", "sentence"),
    [
        ("string", "int", "x: what was written as string cannot be read as int"),
        ("long", "int", "x: what was written as long cannot be read as int"),
        (["null", "int"], "int", "x: what was written as null cannot be read as int"),
        (["null", "string"], ["null", "int"], "x: what was written as string is none of null, int"),
        (AN_ENUM, AN_ENUM | {"symbols": ["A"]}, "x: the symbols B were written, and are unknown to the reader"),
        (
            {"type": "fixed", "name": "F", "size": 2},
            {"type": "fixed", "name": "F", "size": 3},
            "x: 2 bytes were written, 3 would be read",
        ),
        (AN_ENUM, AN_ENUM | {"name": "L"}, "x: the type is named K in one and L in the other"),
        (
            {"type": "array", "items": "string"},
            {"type": "array", "items": "int"},
            "x, each item: what was written as string cannot be read as int",
        ),
        (
            {"type": "map", "values": "string"},
            {"type": "map", "values": "int"},
            "x, each value: what was written as string cannot be read as int",
        ),
        (
            a_record(name="I"),
            a_record({"name": "y", "type": "int"}, name="I"),
            "x.y: it was never written, and has no default",
        ),
    ],
)  # fmt: skip
def test_what_breaks_is_said_in_words(
    tmp_path: Path, writer: Json, reader: Json, sentence: str
) -> None:
    versions = (a_record({"name": "x", "type": each}) for each in (writer, reader))

    assert sentence in problems(tmp_path, *versions)["e.v1>e.v2"]


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("int", "long"), ("int", "double"), ("float", "double"), ("string", "bytes"), ("int", ["null", "long"]),
        (AN_ENUM, AN_ENUM | {"symbols": ["A", "Z"], "default": "Z"}),
        (["null", "int"], ["int", "null", "string"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_type_that_grows_is_no_obstacle_forwards(
    tmp_path: Path, writer: Json, reader: Json
) -> None:
    found = problems(tmp_path, *(a_record({"name": "x", "type": t}) for t in (writer, reader)))

    assert not [each for each in found.get("e.v1>e.v2", ()) if not each.startswith("example")]


def test_a_default_that_changes_the_meaning_of_an_example_is_found(tmp_path: Path) -> None:
    """By Avro's rules all is well; the event is another one."""
    found = problems(
        tmp_path,
        {"type": "record", "name": "E", "fields": [A_TYPE]},
        a_record({"name": "event", "type": "string", "default": "Order Completed"}),
    )

    assert found["e.v1>e.v2"] == ("example one: it no longer means the same: event_name differ",)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("e.avsc", json.dumps(INT), "e.avsc: a schema's file is named <name>.v<number>.avsc"),
        ("e.v1.avsc", "{", "e.v1.avsc: the schema is not JSON: not JSON at character 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_of_its_own(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(SettingsError) as error:
        compare_versions(tmp_path)

    assert error.value.problems == (problem,)


def test_an_empty_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Avro schemas"):
        compare_versions(tmp_path)


def test_an_example_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    directory = a_directory(tmp_path, INT)
    (directory / "examples" / "e.v1" / "one.json").write_text("{")

    with pytest.raises(SettingsError, match="its example one is not JSON"):
        compare_versions(directory)


def test_the_command_tells_each_pair_and_succeeds_for_our_own_schemas() -> None:
    result = CliRunner().invoke(app, ["schemas", "check", str(SCHEMAS)])

    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[0])["result"] == "ok"


def test_the_command_fails_with_code_3_when_something_breaks(tmp_path: Path) -> None:
    directory = a_directory(tmp_path, a_record(), a_record({"name": "x", "type": "int"}))

    result = CliRunner().invoke(app, ["schemas", "check", str(directory)])

    assert isinstance(result.exception, CheckFailed)
    assert result.exception.exit_code == 3
    assert "pairs of versions do not fit" in str(result.exception)
    assert "it was never written" in result.stdout


def test_on_a_terminal_each_obstacle_has_a_line() -> None:
    shown = as_text(Comparison("e.v1", "e.v2", 1, ("x: it is gone",)))

    assert shown.splitlines() == ["failed  e.v2 reads e.v1 (1 example)", "        x: it is gone"]
