"""The checker itself: a contract test is worth what its checker sees."""

import pytest

from tests.contract.json_shapes import Schema, problems

TEXT: Schema = {"type": "string"}
INT32: Schema = {"type": "integer", "format": "int32"}
INT64: Schema = {"type": "integer", "format": "int64"}
TIME: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
A: Schema = {"type": "object", "required": ["a"], "properties": {"a": TEXT}}
ROOT: Schema = {"defs": {"text": TEXT, "a": A}}
CHOSEN: Schema = {
    "oneOf": [{"$ref": "#/defs/a"}, {"$ref": "#/defs/text"}],
    "discriminator": {"propertyName": "kind", "mapping": {"one": "#/defs/a"}},
}


def seen(value: object, schema: Schema) -> list[str]:
    return list(problems(value, schema, root=ROOT))


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({}, A),
        ({"a": 1}, A),
        ({"a": "x", "b": 1}, A),
        ([1, "x"], {"type": "array", "items": INT32}),
        ([], {"type": "array", "minItems": 1}),
        (["x", "y", "x"], {"type": "array", "uniqueItems": True}),
        (True, INT32),
        (2**31, INT32),
        (2**63, INT64),
        (-(2**63) - 1, INT64),
        ("yesterday", TIME),
        ("2026-01-01T00:00:00", TIME),
        ("2026-13-01", DAY),
        ("20260101", DAY),
        ("x", {"type": "string", "enum": ["y"]}),
        (1, {"type": ["string", "null"]}),
        (None, TEXT),
        ("x", {"anyOf": [INT32, {"type": "null"}]}),
        (1, {"oneOf": [INT32, INT64]}),
        ("x", {"allOf": [TEXT, INT32]}),
        (None, {"$ref": "#/defs/text"}),
        ({"k": 1}, {"type": "object", "additionalProperties": TEXT}),
        ({"a": "x"}, CHOSEN),
        ({"kind": "two", "a": "x"}, CHOSEN),
        ({"kind": "one"}, CHOSEN),
        ("x", CHOSEN),
    ],
)
def test_the_checker_sees_what_is_wrong(value: object, schema: Schema) -> None:
    assert seen(value, schema)


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"a": "x"}, {"$ref": "#/defs/a"}),
        (2**31, INT64),
        (None, {"type": "string", "nullable": True}),
        ("2026-01-01T00:00:00.250Z", TIME),
        ("2026-01-31", DAY),
        (1, {"anyOf": [INT32, INT64]}),
        ({"kind": "one", "a": "x"}, CHOSEN),
        (["x", "y"], {"type": "array", "minItems": 2, "uniqueItems": True, "items": TEXT}),
        ({"anything": [1]}, {"type": "object"}),
    ],
)
def test_the_checker_has_nothing_against_what_is_right(value: object, schema: Schema) -> None:
    assert seen(value, schema) == []


def test_of_options_that_all_fail_the_one_that_was_meant_is_told() -> None:
    options: Schema = {"anyOf": [{"type": "null"}, A]}

    (problem,) = seen({"a": 1}, options)
    assert problem == "$: fits 0 of the 2 in anyOf; $.a: not of type string"
