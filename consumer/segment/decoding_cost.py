"""What decoding with an Avro schema can cost: so many bytes of memory for a byte read, whatever the bytes.

It is worked out once, when the schema is loaded, and for each moment of decoding: once the decoder runs nothing
can stop it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consumer.segment.schema_safety import MAX_DEPTH, MAX_NAMED_TYPES, TOO_DEEP, UnsafeSchema

MAX_BYTES_BESIDE = 1_000_000
"""The most memory, in bytes, that a schema may take for a value of no bytes at all."""

USUAL_BYTES_PER_BYTE = 64
"""What a byte of an ordinary value can become in memory at most. JSON text becomes up to 40."""
_BYTES_PER_BYTE = (USUAL_BYTES_PER_BYTE, 128, 256, 512, 1024)

# Bytes that CPython's objects take, allocator included, at the worst moment of their growth; measured.
_SLOT_OF_A_LIST = 16
_LIST = 96
_EMPTY_DICT = 64
_DICT = 192
_FIELD = 48
_ENTRY = 128
_KEY = 80
_NUMBER = 32
_TIME = 64
_BYTES = 40

# The memory that a value of each takes, and of how many bytes it is at least.
_PRIMITIVES: Mapping[str, tuple[int, int]] = {
    "null": (0, 0),
    "boolean": (0, 1),
    "int": (_NUMBER, 1),
    "long": (_NUMBER, 1),
    "float": (_NUMBER, 4),
    "double": (_NUMBER, 8),
    "bytes": (0, 1),
    "string": (0, 1),
}

_NO_TYPE = "the schema has a type that cannot be decoded"


@dataclass(frozen=True, slots=True)
class DecodingCost:
    """How much memory decoding with a schema takes at most, whatever the bytes."""

    bytes_per_byte: int
    bytes_beside: int
    """What each value can take besides, were it of no bytes."""

    def most_bytes(self, body_bytes: int, count: int) -> int:
        """The most memory, in bytes, that so many values in so many bytes can take."""
        return self.bytes_per_byte * body_bytes + self.bytes_beside * count


def decoding_cost(schema: object, named_types: Mapping[str, object]) -> DecodingCost:
    """What decoding with this parsed schema can cost. Raises `UnsafeSchema` when there is no good bound.

    `schema` is parsed: names are full names, and `named_types` holds the definition of each. Good means that no
    value nests deeper than `MAX_DEPTH`, takes more than 1024 bytes of memory for a byte, or more than
    `MAX_BYTES_BESIDE` for none. It holds at each moment of decoding, so also for bytes that end too early.
    """
    if len(named_types) > MAX_NAMED_TYPES:
        reason = f"more than {MAX_NAMED_TYPES} named types"
        raise UnsafeSchema(reason)
    for bytes_per_byte in _BYTES_PER_BYTE[:-1]:
        try:
            return _cost(schema, named_types, bytes_per_byte)
        except UnsafeSchema:
            continue
    return _cost(schema, named_types, _BYTES_PER_BYTE[-1])


def _cost(schema: object, named_types: Mapping[str, object], bytes_per_byte: int) -> DecodingCost:
    peak = _Measurer(named_types, bytes_per_byte).measure(schema, 1).peak
    if peak > MAX_BYTES_BESIDE:
        reason = f"a value of (nearly) no bytes could take over {MAX_BYTES_BESIDE} bytes of memory"
        raise UnsafeSchema(reason)
    return DecodingCost(bytes_per_byte, max(0, peak))


class _Measure(NamedTuple):
    """What a type costs to decode, in bytes of memory.

    `surplus` is the most by which the memory of a value can exceed what its bytes allow, over all values of the
    type. Above zero, some value takes (nearly) no bytes, and must not be repeated. `peak` is the same over all
    beginnings of a value: nulls come first, and the bytes that were to pay for them never.
    """

    surplus: int
    peak: int
    depth: int


class _Measurer:
    """Measures each named type once, however often it is used: nested use would be exponential."""

    def __init__(self, named_types: Mapping[str, object], bytes_per_byte: int) -> None:
        self._named_types = named_types
        self._allowed = bytes_per_byte
        self._measures: dict[str, _Measure] = {}
        self._being_measured: set[str] = set()

    def measure(self, schema: object, depth: int) -> _Measure:
        if depth > MAX_DEPTH:
            raise UnsafeSchema(TOO_DEEP)
        if isinstance(schema, str):
            return self._by_name(schema, depth)
        if isinstance(schema, list):
            return self._union(schema, depth)
        if isinstance(schema, Mapping):
            return self._by_type(schema, depth)
        raise UnsafeSchema(_NO_TYPE)

    def _by_type(self, schema: Mapping[str, object], depth: int) -> _Measure:
        match schema.get("type"):
            case "array":
                return self._array(schema.get("items"), depth)
            case "map":
                return self._map(schema.get("values"), depth)
            case "record" | "error":
                return self._record(schema, depth)
            case _:
                return self._leaf(*_memory_and_size(schema))

    def _by_name(self, name: str, depth: int) -> _Measure:
        if name in _PRIMITIVES:
            # Texts and bytes of none or one are shared; longer ones take less for a byte than is allowed.
            return self._leaf(*_PRIMITIVES[name])
        known = self._measures.get(name)
        if known is None:
            return self.measure(self._named_types.get(name), depth)
        if depth + known.depth - 1 > MAX_DEPTH:
            raise UnsafeSchema(TOO_DEEP)
        return known

    def _leaf(self, memory: int, size: int) -> _Measure:
        surplus = memory - self._allowed * size
        return _Measure(surplus, max(0, surplus), 1)

    def _union(self, branches: list[object], depth: int) -> _Measure:
        measures = [self.measure(branch, depth + 1) for branch in branches]
        surplus = max((measure.surplus for measure in measures), default=0) - self._allowed
        peak = max((measure.peak for measure in measures), default=0) - self._allowed
        return _Measure(surplus, max(0, peak), 1 + _deepest(measures))

    def _array(self, items: object, depth: int) -> _Measure:
        measure = self.measure(items, depth + 1)
        if measure.surplus + _SLOT_OF_A_LIST > 0:
            raise UnsafeSchema("the items of an array can take no bytes")
        peak = _LIST + _SLOT_OF_A_LIST + measure.peak
        return _Measure(_LIST - self._allowed, peak, 1 + measure.depth)

    def _map(self, values: object, depth: int) -> _Measure:
        measure = self.measure(values, depth + 1)
        # A key of one character is shared.
        entry = max(_ENTRY - 2 * self._allowed, _ENTRY + _KEY - 3 * self._allowed)
        if measure.surplus + entry > 0:
            raise UnsafeSchema("the values of a map can take no bytes")
        # The first entry may have an empty key, which comes once.
        first = _DICT + measure.surplus - 2 * self._allowed
        surplus = max(_EMPTY_DICT, first) - self._allowed
        return _Measure(surplus, _DICT + _KEY + measure.peak, 1 + measure.depth)

    def _record(self, schema: Mapping[str, object], depth: int) -> _Measure:
        name, fields = schema.get("name"), schema.get("fields")
        if not isinstance(name, str) or not isinstance(fields, list):
            raise UnsafeSchema("a record has no name, or no list of fields")
        if name in self._being_measured:
            reason = f"the type {name} contains itself"
            raise UnsafeSchema(reason)
        self._being_measured.add(name)
        measures = [self.measure(field.get("type"), depth + 1) for field in fields]
        self._being_measured.remove(name)
        surplus = _DICT + _FIELD * (len(fields) - 1) if fields else _EMPTY_DICT
        peak = surplus
        for measure in measures:
            peak = max(peak, surplus + measure.peak)
            surplus += measure.surplus
        self._measures[name] = _Measure(surplus, max(peak, surplus), 1 + _deepest(measures))
        return self._measures[name]


def _deepest(measures: list[_Measure]) -> int:
    return max((measure.depth for measure in measures), default=0)


def _memory_and_size(schema: Mapping[str, object]) -> tuple[int, int]:
    """The memory that a value of a simple type takes, and of how many bytes it is at least."""
    match schema.get("type"):
        case "fixed":
            size = _size(schema)
            return (_BYTES + size if size > 1 else 0), size
        case "enum":
            return 0, 1
        case "long" if "logicalType" in schema:
            return _TIME, 1
        case str(name) if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        case _:
            raise UnsafeSchema(_NO_TYPE)


def _size(schema: Mapping[str, object]) -> int:
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UnsafeSchema("the size of a fixed type is not a whole number")
    return size
