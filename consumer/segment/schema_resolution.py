"""What stands between a schema that wrote values and one that reads them, by Avro's rules of schema resolution.

fastavro resolves too, but only finds out with values, and says no more than that it failed. Here the answer is in
words, for all values (source: the Avro specification, Schema Resolution).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastavro import parse_schema
from fastavro.types import Schema

NamedTypes = Mapping[str, Mapping[str, object]]

_PROMOTIONS: Mapping[str, frozenset[str]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
_NAMED = frozenset({"record", "enum", "fixed"})


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """A parsed schema that does not contain itself, with the types that it names."""

    root: object
    named_types: NamedTypes

    @classmethod
    def parsed(cls, schema: Schema) -> "AvroSchema":
        """Parse the JSON of a schema that `load_schema` took."""
        named_types: dict[str, dict[str, object]] = {}
        return cls(parse_schema(schema, named_types), named_types)


def obstacles(writer: AvroSchema, reader: AvroSchema) -> tuple[str, ...]:
    """Why values of `writer` cannot all be read with `reader`, one sentence each; empty when they can.

    Each sentence begins with the place in the record: `context.device: ...`.
    """
    return tuple(_Resolution(writer.named_types, reader.named_types).between(
        writer.root, reader.root, "the record"
    ))  # fmt: skip


class _Resolution:
    def __init__(self, writers: NamedTypes, readers: NamedTypes) -> None:
        self._writers = writers
        self._readers = readers

    def between(self, writer: object, reader: object, place: str) -> Iterator[str]:
        writer, reader = _defined(writer, self._writers), _defined(reader, self._readers)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.between(branch, reader, place)
        elif isinstance(reader, list):
            if not any(self._fits(writer, branch, place) for branch in reader):
                yield f"{place}: what was written as {_named(writer)} is none of {_listed(reader)}"
        else:
            yield from self._of_one_type(writer, reader, place)

    def _fits(self, writer: object, reader: object, place: str) -> bool:
        return next(self.between(writer, reader, place), None) is None

    def _of_one_type(self, writer: object, reader: object, place: str) -> Iterator[str]:
        kind = _type(writer)
        if kind != _type(reader):
            if _type(reader) not in _PROMOTIONS.get(kind, ()):
                yield f"{place}: what was written as {_named(writer)} cannot be read as {_named(reader)}"
        elif isinstance(writer, Mapping) and isinstance(reader, Mapping):
            if kind in _NAMED and not _is_same_name(writer, reader):
                yield f"{place}: the type is named {writer['name']} in one and {reader['name']} in the other"
            else:
                yield from self._of_one_kind(kind, writer, reader, place)

    def _of_one_kind(
        self, kind: str, writer: Mapping[str, object], reader: Mapping[str, object], place: str
    ) -> Iterator[str]:
        match kind:
            case "record":
                yield from self._records(writer, reader, place)
            case "array":
                yield from self.between(writer["items"], reader["items"], f"{place}, each item")
            case "map":
                yield from self.between(writer["values"], reader["values"], f"{place}, each value")
            case "enum":
                yield from _enums(writer, reader, place)
            case "fixed" if writer["size"] != reader["size"]:
                yield f"{place}: {writer['size']} bytes were written, {reader['size']} would be read"
            case _:
                pass

    def _records(
        self, writer: Mapping[str, object], reader: Mapping[str, object], place: str
    ) -> Iterator[str]:
        written = {str(field["name"]): field for field in _fields(writer)}
        for field in _fields(reader):
            name = str(field["name"])
            inner = name if place == "the record" else f"{place}.{name}"
            found = next(
                (written[each] for each in (name, *_aliases(field)) if each in written), None
            )
            if found is not None:
                yield from self.between(found["type"], field["type"], inner)
            elif "default" not in field:
                yield f"{inner}: it was never written, and has no default"


def _defined(schema: object, named_types: NamedTypes) -> object:
    return named_types.get(schema, schema) if isinstance(schema, str) else schema


def _type(schema: object) -> str:
    named = str(schema["type"]) if isinstance(schema, Mapping) else str(schema)
    return "record" if named == "error" else named


def _named(schema: object) -> str:
    if isinstance(schema, Mapping) and "name" in schema:
        return f"{schema['type']} {schema['name']}"
    return _type(schema)


def _listed(branches: list[object]) -> str:
    return ", ".join(_named(branch) for branch in branches)


def _is_same_name(writer: Mapping[str, object], reader: Mapping[str, object]) -> bool:
    """Whether the names agree; the namespace does not count, and the reader may know others (its aliases)."""
    names = {_unqualified(each) for each in (str(reader["name"]), *_aliases(reader))}
    return _unqualified(str(writer["name"])) in names


def _unqualified(name: str) -> str:
    return name.rpartition(".")[2]


def _aliases(schema: Mapping[str, object]) -> tuple[str, ...]:
    aliases = schema.get("aliases")
    return tuple(map(str, aliases)) if isinstance(aliases, list) else ()


def _fields(record: Mapping[str, object]) -> list[Mapping[str, object]]:
    fields = record["fields"]
    return fields if isinstance(fields, list) else []


def _enums(writer: Mapping[str, object], reader: Mapping[str, object], place: str) -> Iterator[str]:
    missing = [each for each in _symbols(writer) if each not in _symbols(reader)]
    if missing and "default" not in reader:
        yield f"{place}: the symbols {', '.join(missing)} were written, and are unknown to the reader"


def _symbols(enum: Mapping[str, object]) -> list[str]:
    symbols = enum["symbols"]
    return symbols if isinstance(symbols, list) else []
