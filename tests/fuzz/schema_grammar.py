"""Avro schemas by a grammar: Segment's shapes, foreign ones, and ones made to hurt."""

import json
from random import Random
from typing import Any

Json = Any

_PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_SEGMENT_FIELDS = (
    "messageId", "type", "event", "userId", "anonymousId", "timestamp", "receivedAt", "traits", "properties", "context",
    "integrations", "email", "vip_customers",
)  # fmt: skip
_LOGICAL = ("timestamp-millis", "timestamp-micros", "local-timestamp-millis", "date", "decimal")
_MAP_OF_UNION = {"type": "map", "values": ["null", "boolean", "long", "double", "string"]}
_MAP_OF_TEXT = {"type": "map", "values": "string"}
_TIMES = ("string", {"type": "long", "logicalType": "timestamp-millis"}, ["null", "string"], "long")
_DEEPEST = 5


class SchemaGrammar:
    """Draws schemas. One of four is of an event, one of four has something in it that hurts."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names = 0

    def schema(self) -> str:
        """The text of a schema that is a record."""
        self._names = 0
        shape = self._random.randrange(4)
        if shape == 0:
            return json.dumps(self._event())
        fields = [self._type(1) for _ in range(self._random.randint(0, 6))]
        if shape == 1:
            fields.insert(self._random.randint(0, len(fields)), self._weapon())
        return json.dumps(self._record(fields))

    def _event(self) -> Json:
        """An event as somebody might write it."""
        r = self._random
        opens = (["null", "string"], "string", _MAP_OF_UNION, _MAP_OF_TEXT, ["null", _MAP_OF_UNION])
        fields = {
            "messageId": r.choice(("string", ["null", "string"])),
            "type": r.choice(("string", {"type": "enum", "name": "T", "symbols": ["track", "identify"]})),
            "timestamp": r.choice(_TIMES),
            "receivedAt": r.choice(_TIMES),
            **{name: r.choice(opens) for name in ("traits", "properties", "context", "integrations")},
        }  # fmt: skip
        return {
            "type": "record",
            "name": "Event",
            "fields": [{"name": name, "type": each} for name, each in fields.items()],
        }

    def _type(self, depth: int) -> Json:  # noqa: PLR0911 - one for each kind
        r = self._random
        kind = r.randrange(10) if depth < _DEEPEST else r.randrange(5)
        match kind:
            case 0 | 1 | 2:
                return r.choice(_PRIMITIVES)
            case 3:
                return {
                    "type": "enum",
                    "name": self._name(),
                    "symbols": ["A", "B", "C"][: r.randint(1, 3)],
                }
            case 4:
                return r.choice((
                    {"type": "fixed", "name": self._name(), "size": r.choice((0, 1, 16))},
                    {"type": r.choice(("int", "long", "bytes")), "logicalType": r.choice(_LOGICAL), "precision": 9},
                ))  # fmt: skip
            case 5:
                return {"type": "array", "items": self._type(depth + 1)}
            case 6:
                return {"type": "map", "values": self._type(depth + 1)}
            case 7:
                return self._union(depth)
            case _:
                return self._record([self._type(depth + 1) for _ in range(r.randint(0, 4))])

    def _union(self, depth: int) -> Json:
        simple = list(self._random.sample(_PRIMITIVES, self._random.randint(1, 4)))
        complex_type = self._type(depth + 1)
        return simple if isinstance(complex_type, list | str) else [*simple, complex_type]

    def _weapon(self) -> Json:  # noqa: PLR0911 - one for each
        """Something that must be refused, or be harmless."""
        r = self._random
        name = self._name()
        match r.randrange(7):
            case 0:
                return {"type": "array", "items": "null"}
            case 1:
                return {"type": "array", "items": {"type": "fixed", "name": name, "size": 0}}
            case 2:
                return {
                    "type": "record",
                    "name": name,
                    "fields": [{"name": "again", "type": ["null", name]}],
                }
            case 3:
                return self._doubled(r.randint(1, 40))
            case 4:
                return self._nested(r.randint(10, 90))
            case 5:
                return {
                    "type": "array",
                    "items": self._record(["null"] * r.randint(1, 60) + ["int"]),
                }
            case _:
                return {"type": "map", "values": self._record([self._record(["int"])])}

    def _doubled(self, levels: int) -> Json:
        """Each level holds the one below twice."""
        schema: Json = self._random.choice(("null", "int"))
        for _ in range(levels):
            inner = schema if isinstance(schema, str) else schema["name"]
            schema = self._record([schema, inner])
        return schema

    def _nested(self, levels: int) -> Json:
        schema: Json = "int"
        for _ in range(levels):
            schema = {"type": "array", "items": schema}
        return schema

    def _record(self, types: list[Json]) -> Json:
        names = self._random.sample(_SEGMENT_FIELDS, min(len(types), len(_SEGMENT_FIELDS)))
        names += [f"f{i}" for i in range(len(types) - len(names))]
        fields = [{"name": name, "type": each} for name, each in zip(names, types, strict=True)]
        return {"type": "record", "name": self._name(), "fields": fields}

    def _name(self) -> str:
        self._names += 1
        return f"N{self._names}"
