"""Which Avro schemas are safe to decode with.

Whoever may write to the topic chooses the schema, and a schema can be a weapon: five bytes can declare millions of
nulls, and one that contains itself can exhaust the stack. Such schemas are refused when they are loaded, because
once the decoder runs nothing can stop it.
"""

from collections.abc import Mapping
from typing import NamedTuple

MAX_DEPTH = 64
MAX_NAMED_TYPES = 1000
MAX_VALUES_PER_BYTE = 8
MAX_VALUES_IN_NO_BYTES = 10_000

# A level of types is at most three of JSON: a record, its list of fields, one field.
_MAX_JSON_DEPTH = 3 * MAX_DEPTH + 8
_MAX_JSON_NODES = 100_000

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_RECORDS = frozenset({"record", "error"})


_TOO_DEEP = f"types are nested more than {MAX_DEPTH} deep"
_NO_TYPE = "the schema has a type that cannot be decoded"


class _Refused(Exception):
    """The schema is not safe, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refusal_before_parsing(schema: object) -> str | None:
    """Why this JSON must not even be given to a schema parser; None when it may be."""
    nodes = [(schema, 1)]
    seen = 0
    while nodes:
        node, depth = nodes.pop()
        seen += 1
        if seen > _MAX_JSON_NODES:
            return f"the schema has more than {_MAX_JSON_NODES} parts"
        if depth > _MAX_JSON_DEPTH:
            return _TOO_DEEP
        if isinstance(node, Mapping):
            if any(str(key).startswith("__") for key in node):
                # fastavro marks what it has parsed with such keys, and believes them.
                return "the schema has keys that begin with two underscores"
            nodes += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list):
            nodes += [(value, depth + 1) for value in node]
    return None


def refusal_of(schema: object, named_types: Mapping[str, object]) -> str | None:
    """Why values must not be decoded with this parsed schema; None when it is safe.

    `schema` is parsed: names are full names, and `named_types` holds the definition of each. Safe means that no
    value nests deeper than `MAX_DEPTH`, and that decoding n bytes makes at most
    `MAX_VALUES_PER_BYTE * n + MAX_VALUES_IN_NO_BYTES` values.
    """
    if len(named_types) > MAX_NAMED_TYPES:
        return f"more than {MAX_NAMED_TYPES} named types"
    try:
        measure = _Measurer(named_types).measure(schema, 1)
    except _Refused as refused:
        return refused.reason
    if measure.surplus > MAX_VALUES_IN_NO_BYTES:
        return f"a value could hold more than {MAX_VALUES_IN_NO_BYTES} nulls in no bytes"
    return None


class _Measure(NamedTuple):
    """What a type costs to decode.

    `surplus` is the most that the number of values made can exceed `MAX_VALUES_PER_BYTE` times the bytes read,
    over all values of the type. Above zero, some value takes (nearly) no bytes, and must not be repeated.
    """

    surplus: int
    depth: int


_NULL = _Measure(1, 1)
_AT_LEAST_A_BYTE = _Measure(1 - MAX_VALUES_PER_BYTE, 1)


class _Measurer:
    """Measures each named type once, however often it is used: nested use would be exponential."""

    def __init__(self, named_types: Mapping[str, object]) -> None:
        self._named_types = named_types
        self._measures: dict[str, _Measure] = {}
        self._being_measured: set[str] = set()

    def measure(self, schema: object, depth: int) -> _Measure:
        if depth > MAX_DEPTH:
            raise _Refused(_TOO_DEEP)
        if isinstance(schema, str):
            return self._by_name(schema, depth)
        if isinstance(schema, list):
            return self._union(schema, depth)
        if isinstance(schema, Mapping):
            return self._by_type(schema, depth)
        raise _Refused(_NO_TYPE)

    def _by_type(self, schema: Mapping[str, object], depth: int) -> _Measure:
        match schema.get("type"):
            case "array":
                return self._array(schema.get("items"), depth)
            case "map":
                return self._map(schema.get("values"), depth)
            case "record" | "error":
                return self._record(schema, depth)
            case "fixed":
                return _fixed(schema)
            case "enum":
                return _AT_LEAST_A_BYTE
            case str(name) if name in _PRIMITIVES:
                return self._by_name(name, depth)
            case _:
                raise _Refused(_NO_TYPE)

    def _by_name(self, name: str, depth: int) -> _Measure:
        if name in _PRIMITIVES:
            return _NULL if name == "null" else _AT_LEAST_A_BYTE
        known = self._measures.get(name)
        if known is None:
            return self.measure(self._named_types.get(name), depth)
        if depth + known.depth - 1 > MAX_DEPTH:
            raise _Refused(_TOO_DEEP)
        return known

    def _union(self, branches: list[object], depth: int) -> _Measure:
        measures = [self.measure(branch, depth + 1) for branch in branches]
        surplus = max((measure.surplus for measure in measures), default=0)
        return _Measure(surplus + _AT_LEAST_A_BYTE.surplus, 1 + _deepest(measures))

    def _array(self, items: object, depth: int) -> _Measure:
        measure = self.measure(items, depth + 1)
        if measure.surplus > 0:
            raise _Refused("the items of an array can take no bytes")
        return _Measure(_AT_LEAST_A_BYTE.surplus, 1 + measure.depth)

    def _map(self, values: object, depth: int) -> _Measure:
        measure = self.measure(values, depth + 1)
        if measure.surplus + _AT_LEAST_A_BYTE.surplus > 0:
            raise _Refused("the values of a map can take no bytes")
        return _Measure(_AT_LEAST_A_BYTE.surplus, 1 + measure.depth)

    def _record(self, schema: Mapping[str, object], depth: int) -> _Measure:
        name, fields = schema.get("name"), schema.get("fields")
        if not isinstance(name, str) or not isinstance(fields, list):
            raise _Refused("a record has no name, or no list of fields")
        if name in self._being_measured:
            reason = f"the type {name} contains itself"
            raise _Refused(reason)
        self._being_measured.add(name)
        measures = [self.measure(field.get("type"), depth + 1) for field in fields]
        self._being_measured.remove(name)
        surplus = 1 + sum(measure.surplus for measure in measures)
        self._measures[name] = _Measure(surplus, 1 + _deepest(measures))
        return self._measures[name]


def _deepest(measures: list[_Measure]) -> int:
    return max((measure.depth for measure in measures), default=0)


def _fixed(schema: Mapping[str, object]) -> _Measure:
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _Refused("the size of a fixed type is not a whole number")
    return _Measure(1 - MAX_VALUES_PER_BYTE * size, 1)
