"""Makes fastavro refuse bytes that Avro forbids, which it would otherwise read as something else.

fastavro looks up the branch of a union and the symbol of an enum in a Python list, where the negative index that a
damaged byte gives is no error: one flipped bit turns text into null. It also reads every byte but 0 as true.
Here the parsed schema is rewritten so that the same lookups are exact: lists become mappings from index to branch,
and a boolean becomes a single byte with a reader of its own. This costs nothing for each record.

It relies on how fastavro reads a parsed schema, hence `check`.
"""

import io
from collections.abc import Iterable, Mapping
from functools import cache
from typing import cast

import fastavro
from fastavro import parse_schema, schemaless_reader
from fastavro.read import LOGICAL_READERS

_BOOLEAN_TYPE = "segment-liveintent-boolean"
_BOOLEAN = {"type": "fixed", "size": 1, "logicalType": _BOOLEAN_TYPE}
_BOOLEANS = {b"\x00": False, b"\x01": True}

# Times are all that an event is read for. Other logical types come as they are stored: fastavro takes over a
# minute for a decimal of a megabyte, and may fail on a value that nobody asked for.
_LOGICAL_TYPES_READ = frozenset(
    {
        "timestamp-millis",
        "timestamp-micros",
        "local-timestamp-millis",
        "local-timestamp-micros",
    }
)


StrictSchema = dict[object, object]


class UnsupportedFastavro(RuntimeError):
    """This version of fastavro reads schemas in a way that `strict` does not know: install a supported one."""


def strict(parsed: Mapping[str, object], named_types: Mapping[str, object]) -> StrictSchema:
    """A schema for `schemaless_reader` that reads what `parsed` describes, and refuses everything else.

    `parsed` is a record schema from `fastavro.parse_schema`, and `named_types` the definitions it refers to.
    The result is good for reading only, and its values are those of `parsed` but for logical types other than
    timestamps, which come as they are stored.
    """
    definitions = {name: _strict(definition) for name, definition in named_types.items()}
    # The marks that fastavro leaves on a schema it need not parse again.
    return {**_strict_mapping(parsed), "__fastavro_parsed": True, "__named_schemas": definitions}


def _strict(schema: object) -> object:
    match schema:
        case list():
            return {"type": "union", **_by_index(_strict(branch) for branch in schema)}
        case "boolean" | {"type": "boolean"}:
            return _BOOLEAN
        case Mapping():
            return _strict_mapping(schema)
        case _:
            return schema


def _strict_mapping(schema: Mapping[str, object]) -> StrictSchema:
    """The schema with what reading needs, and nothing else."""
    kept: StrictSchema = {key: schema[key] for key in ("type", "size") if key in schema}
    match schema:
        case {"fields": list(fields)}:
            kept["fields"] = [
                {"name": field["name"], "type": _strict(field["type"])} for field in fields
            ]
        case {"items": items}:
            kept["items"] = _strict(items)
        case {"values": values}:
            kept["values"] = _strict(values)
        case {"symbols": list(symbols)}:
            kept["symbols"] = _by_index(symbols)
        case {"type": "long", "logicalType": str(logical)} if logical in _LOGICAL_TYPES_READ:
            kept["logicalType"] = logical
        case _:
            pass
    return kept


def _by_index(choices: Iterable[object]) -> dict[object, object]:
    return dict(enumerate(choices))


def _read_boolean(stored: bytes, *_schemas: object) -> bool:
    return _BOOLEANS[stored]


LOGICAL_READERS[f"fixed-{_BOOLEAN_TYPE}"] = _read_boolean


@cache
def check() -> None:
    """Make sure that the installed fastavro reads strict schemas as they are meant; raises `UnsupportedFastavro`.

    For start-up: better not to start than to take every record for damaged, or damaged ones for sound.
    """
    if not _reads_as_meant():
        message = f"fastavro {fastavro.__version__} cannot be used: it reads Avro in an unknown way"
        raise UnsupportedFastavro(message)


def _reads_as_meant() -> bool:
    fields = [
        {"name": "union", "type": ["null", "long"]},
        {"name": "enum", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
        {"name": "boolean", "type": "boolean"},
    ]
    named_types: dict[str, dict[str, object]] = {}
    parsed = parse_schema({"type": "record", "name": "R", "fields": fields}, named_types)
    schema = strict(cast("Mapping[str, object]", parsed), named_types)
    good = {b"\x00\x02\x00": (None, "B", False), b"\x02\x04\x00\x01": (2, "A", True)}
    bad = (b"\x03\x02\x00", b"\x00\x01\x00", b"\x00\x02\x02")
    return all(_values(schema, body) == values for body, values in good.items()) and not any(
        _values(schema, body) for body in bad
    )


def _values(schema: StrictSchema, body: bytes) -> tuple[object, ...] | None:
    try:
        record = schemaless_reader(io.BytesIO(body), schema)
    except Exception:  # noqa: BLE001 - whatever it raises, it does not read this
        return None
    return tuple(record.values()) if isinstance(record, dict) else None
