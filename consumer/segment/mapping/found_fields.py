"""The fields of somebody else's record, from its Avro schema or from samples in JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from consumer.segment.mapping.paths import Path

_DEEPEST = 3
_TEXT = frozenset({"string", "enum", "bytes", "fixed"})
_NUMBERS = frozenset({"int", "long", "float", "double"})
_OBJECTS = frozenset({"map", "record"})


@dataclass(frozen=True, slots=True)
class FoundField:
    """One field, at the end of its path."""

    path: Path
    kinds: frozenset[str]
    """Avro's names of the types it may have, without null."""
    meaning: str = ""
    """A logical type, or the name that Connect or Debezium gives the type."""
    map_values: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1]

    @property
    def is_text(self) -> bool:
        """Whether it may be text."""
        return bool(self.kinds & _TEXT)

    @property
    def is_number(self) -> bool:
        """Whether it may be a number."""
        return bool(self.kinds & _NUMBERS)

    @property
    def is_object(self) -> bool:
        """Whether it may hold members: a map, a record, or the JSON text of one."""
        return bool(self.kinds & (_OBJECTS | {"string"}))


def fields_of(schema: object) -> list[FoundField]:
    """The fields of a record's schema (JSON, as a file has it), each before those inside it. Recursion ends by depth."""
    named: dict[str, Mapping[str, object]] = {}
    _note_names(schema, named, depth=0)
    return list(_fields(schema, (), named))


def schema_of_samples(samples: Iterable[object]) -> dict[str, object]:
    """A record that has every field of the samples, with the types they had: for drafting only."""
    merged: dict[str, list[object]] = {}
    for sample in samples:
        if isinstance(sample, Mapping):
            for name, value in sample.items():
                merged.setdefault(str(name), []).append(value)
    fields = [{"name": name, "type": _type_of(values)} for name, values in merged.items()]
    return {"type": "record", "name": "Sample", "fields": fields}


def _type_of(values: Iterable[object]) -> Sequence[object]:
    values = list(values)
    objects = [value for value in values if isinstance(value, Mapping)]
    kinds = sorted({kind for value in values if (kind := _scalar(value))})
    return [*kinds, schema_of_samples(objects)] if objects else kinds


def _scalar(value: object) -> str | None:
    match value:
        case None | Mapping():
            return None
        case bool():
            return "boolean"
        case int():
            return "long"
        case float():
            return "double"
        case list():
            return "array"
        case _:
            return "string"


def _note_names(schema: object, named: dict[str, Mapping[str, object]], *, depth: int) -> None:
    if depth > 3 * _DEEPEST:
        return
    if isinstance(schema, list):
        for branch in schema:
            _note_names(branch, named, depth=depth + 1)
    elif isinstance(schema, Mapping):
        if isinstance(name := schema.get("name"), str) and "type" in schema:
            named.setdefault(name, schema)
        for key in ("type", "items", "values", "fields"):
            _note_names(schema.get(key), named, depth=depth + 1)


def _branches(
    schema: object, named: Mapping[str, Mapping[str, object]]
) -> Iterator[Mapping[str, object]]:
    """The types that the schema allows, but for null, each as a table."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _branches(branch, named)
    elif isinstance(schema, str):
        if schema != "null":
            yield named.get(schema.rpartition(".")[2], named.get(schema, {"type": schema}))
    elif isinstance(schema, Mapping):
        inner = schema.get("type")
        if isinstance(inner, str):
            yield schema
        else:
            yield from _branches(inner, named)


def _fields(
    schema: object, above: Path, named: Mapping[str, Mapping[str, object]]
) -> Iterator[FoundField]:
    for branch in _branches(schema, named):
        fields = branch.get("fields")
        for field in fields if isinstance(fields, list) else ():
            path = (*above, str(field["name"]))
            types = list(_branches(field.get("type"), named))
            yield FoundField(
                path,
                frozenset(str(each.get("type")) for each in types),
                _meaning([*types, field]),
                _map_values(types, named),
            )
            if len(path) < _DEEPEST:
                yield from _fields(field.get("type"), path, named)


def _meaning(tables: Iterable[Mapping[str, object]]) -> str:
    names = (table.get(key) for table in tables for key in ("logicalType", "connect.name"))
    return next((name for name in names if isinstance(name, str)), "")


def _map_values(
    types: Iterable[Mapping[str, object]], named: Mapping[str, Mapping[str, object]]
) -> frozenset[str]:
    values = (each.get("values") for each in types if each.get("type") == "map")
    return frozenset(str(kind.get("type")) for each in values for kind in _branches(each, named))
