"""A small checker of JSON against the parts of JSON Schema that published API documents use."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

Schema = Mapping[str, Any]

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def problems(value: object, schema: Schema, *, root: Schema, where: str = "$") -> Iterator[str]:
    """What is wrong with a value. Stricter than the standard: a field the schema does not name is wrong.

    `root` is the document in which `$ref` points.
    """
    while "$ref" in schema:
        schema = _target(schema["$ref"], root)
    yield from _problems_of_choice(value, schema, root, where)
    if not _is_of_type(value, schema.get("type")):
        yield f"{where}: not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: not one of {schema['enum']}"
    yield from _problems_of_format(value, schema.get("format"), where)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), root=root, where=f"{where}[{index}]")
    if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
        yield from _problems_of_fields(value, schema, root, where)


def _target(reference: str, root: Schema) -> Schema:
    target: Schema = root
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return target


def _problems_of_choice(value: object, schema: Schema, root: Schema, where: str) -> Iterator[str]:
    for word, most in (("oneOf", 1), ("anyOf", None)):
        options = schema.get(word, ())
        fitting = sum(not any(problems(value, option, root=root)) for option in options)
        if options and not 1 <= fitting <= (most or len(options)):
            yield f"{where}: fits {fitting} of the {len(options)} in {word}"


def _problems_of_fields(
    value: Mapping[str, object], schema: Schema, root: Schema, where: str
) -> Iterator[str]:
    yield from (
        f"{where}: lacks {name}" for name in schema.get("required", ()) if name not in value
    )
    for name, content in value.items():
        known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if known:
            yield from problems(content, known, root=root, where=f"{where}.{name}")
        else:
            yield f"{where}: has {name}, which is not declared"


def _problems_of_format(value: object, form: str | None, where: str) -> Iterator[str]:
    match form, value:
        case "int32", int() if not -(2**31) <= value < 2**31:
            yield f"{where}: beyond int32"
        case "date-time", str() if not _is_time_with_zone(value):
            yield f"{where}: not a date-time with its zone"
        case "date", str() if not _is_day(value):
            yield f"{where}: not a date"
        case _:
            pass


def _is_of_type(value: object, types: str | list[str] | None) -> bool:
    if types is None:
        return True
    names = [types] if isinstance(types, str) else types
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def _is_time_with_zone(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_day(text: str) -> bool:
    try:
        return len(text) == len("2026-01-01") and date.fromisoformat(text) is not None
    except ValueError:
        return False
