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
_BITS: Mapping[str, int] = {"int32": 32, "int64": 64}


def problems(value: object, schema: Schema, *, root: Schema, where: str = "$") -> Iterator[str]:
    """What is wrong with a value. Stricter than the standard: a field the schema does not name is wrong.

    `root` is the document in which `$ref` points. No problem quotes a value.
    """
    schema = resolved(schema, root)
    if value is None and schema.get("nullable"):
        return
    yield from _problems_of_choice(value, schema, root, where)
    if not _is_of_type(value, schema.get("type")):
        yield f"{where}: not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: not one of {schema['enum']}"
    yield from _problems_of_format(value, schema.get("format"), where)
    if isinstance(value, list):
        yield from _problems_of_items(value, schema, root, where)
    if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
        yield from _problems_of_fields(value, schema, root, where)


def resolved(schema: Schema, root: Schema) -> Schema:
    """The schema itself, wherever in the document it stands."""
    while "$ref" in schema:
        target: Schema = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _problems_of_choice(value: object, schema: Schema, root: Schema, where: str) -> Iterator[str]:
    for option in schema.get("allOf", ()):
        yield from problems(value, option, root=root, where=where)
    if "discriminator" in schema:
        yield from _problems_of_chosen(value, schema["discriminator"], root, where)
        return
    for word, most in (("oneOf", 1), ("anyOf", None)):
        options = schema.get(word, ())
        found = [list(problems(value, option, root=root, where=where)) for option in options]
        fitting = sum(not each for each in found)
        if options and not 1 <= fitting <= (most or len(options)):
            # Of options that all fail, the one that fails deepest is the one that was meant.
            meant = "" if fitting else f"; {max(found, key=_depth)[0]}"
            yield f"{where}: fits {fitting} of the {len(options)} in {word}{meant}"


def _depth(found: list[str]) -> int:
    """How far into the value the first problem lies."""
    return len(found[0].partition(":")[0])


def _problems_of_chosen(
    value: object, discriminator: Schema, root: Schema, where: str
) -> Iterator[str]:
    """The kind of an object is named by one of its fields, which the object's own schema need not declare."""
    name = discriminator["propertyName"]
    kind = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in discriminator["mapping"]:
        yield f"{where}: its {name} is not one of {sorted(discriminator['mapping'])}"
        return
    chosen = resolved({"$ref": discriminator["mapping"][kind]}, root)
    rest = {key: each for key, each in value.items() if key != name}
    yield from problems(rest, chosen, root=root, where=where)


def _problems_of_items(
    value: list[object], schema: Schema, root: Schema, where: str
) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{where}: fewer than {schema['minItems']} items"
    if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
        yield f"{where}: the same item twice"
    for index, item in enumerate(value):
        yield from problems(item, schema.get("items", {}), root=root, where=f"{where}[{index}]")


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
        case "int32" | "int64", int() if not _is_within(value, _BITS[form]):
            yield f"{where}: beyond {form}"
        case "date-time", str() if not _is_time_with_zone(value):
            yield f"{where}: not a date-time with its zone"
        case "date", str() if not _is_day(value):
            yield f"{where}: not a date"
        case _:
            pass


def _is_within(number: int, bits: int) -> bool:
    limit = 1 << (bits - 1)
    return -limit <= number < limit


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
