"""Values for a schema, as bytes; and JSON events, whole and odd."""

import json
import struct
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

Json = Any

_TEXTS = (
    "", "identify", "track", "delete", "a@example.com", "true", "2026-11-23T10:00:00Z", "2026-11-23", "9" * 30, "\u0100", "😀",
    '{"vip_customers": true, "email": "ana@example.com"}', '{"email":', "[]", "null", '{"a": ' * 20, "[" * 2000, "NaN",
    '{"personas": {"computation_class": "audience", "computation_key": "vip_customers"}}', "\x00", "\ud7ff",
)  # fmt: skip
_NUMBERS = (
    0,
    1,
    -1,
    2,
    63,
    64,
    -64,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63 - 1,
    -(2**63),
    1_700_000_000_000,
    253402300800000,
)
_MOST_ITEMS = 4
_MOST_BYTES = 2_000


def zigzag(number: int) -> bytes:
    """A whole number as Avro writes it."""
    left = (number << 1) ^ (number >> 63) if -(2**63) <= number < 2**63 else abs(number) << 1
    written = bytearray()
    while left > 0x7F:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*written, left])


class ValueGrammar:
    """Draws values of a schema. `sizes_lie` is how often, of 1, a length or an index is not what follows."""

    def __init__(self, schema_text: str, random: Random, *, sizes_lie: float = 0.01) -> None:
        self._schema = json.loads(schema_text)
        self._random = random
        self._sizes_lie = sizes_lie
        self._named: dict[str, Json] = {}
        self._left = 0
        self._learn(self._schema)

    def body(self) -> bytes:
        """A value of the schema, whether or not it is one to be read."""
        self._left = _MOST_BYTES
        return self._of(self._schema, 0)

    def _learn(self, schema: Json) -> None:
        if isinstance(schema, list):
            for each in schema:
                self._learn(each)
        elif isinstance(schema, Mapping):
            if "name" in schema and "type" in schema:
                self._named.setdefault(str(schema["name"]), schema)
            for each in schema.values():
                self._learn(each)

    def _of(self, schema: Json, depth: int) -> bytes:  # noqa: C901, PLR0911 - one for each kind
        self._left -= 1
        if depth > 100 or self._left <= 0:
            return b""
        if isinstance(schema, list):
            index = self._random.randrange(len(schema))
            return self._length(index) + self._of(schema[index], depth + 1)
        kind = schema["type"] if isinstance(schema, Mapping) else schema
        match kind:
            case "record":
                return b"".join(self._of(field["type"], depth + 1) for field in schema["fields"])
            case "array":
                return self._block(lambda: self._of(schema["items"], depth + 1))
            case "map":
                return self._block(lambda: self._text() + self._of(schema["values"], depth + 1))
            case "enum":
                return self._length(self._random.randrange(len(schema["symbols"])))
            case "fixed":
                return self._random.randbytes(schema["size"])
            case _ if kind in self._named:
                return self._of(self._named[kind], depth + 1)
            case _:
                return self._simple(kind)

    def _simple(self, kind: str) -> bytes:
        self._left -= 1
        match kind:
            case "null":
                return b""
            case "boolean":
                return self._random.choice((b"\x00", b"\x01"))
            case "int" | "long":
                return zigzag(self._random.choice(_NUMBERS))
            case "float":
                return struct.pack("<f", self._random.choice((0.0, 1.5, float("inf"))))
            case "double":
                return struct.pack("<d", self._random.choice((0.0, -1e300, float("nan"))))
            case _:
                return self._text()

    def _text(self) -> bytes:
        text = self._random.choice(_TEXTS).encode()
        self._left -= len(text)
        return self._length(len(text)) + text

    def _length(self, length: int) -> bytes:
        if self._random.random() < self._sizes_lie:
            length = self._random.choice((-1, length + 1, 1000, 2**31, 2**62, -(2**63)))
        return zigzag(length)

    def _block(self, item: Callable[[], bytes]) -> bytes:
        count = self._random.randint(0, _MOST_ITEMS)
        items = b"".join(item() for _ in range(count))
        if count and self._random.random() < 0.1:
            # A negative count, and then the block's bytes.
            return self._length(-count) + self._length(len(items)) + items + b"\x00"
        return (self._length(count) if count else b"") + items + b"\x00"


class JsonGrammar:
    """Draws JSON texts of events, with odd parts."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def text(self) -> bytes:
        """An event; one in four is any JSON, and one in eight is in Connect's envelope."""
        r = self._random
        value: Json = self._event() if r.random() < 0.75 else self._any(0)
        if r.random() < 0.125:
            value = {"schema": None, "payload": value}
        return json.dumps(value, ensure_ascii=r.random() < 0.5).encode("utf-8", "surrogatepass")

    def _event(self) -> Json:
        r = self._random
        event: dict[str, Json] = {
            "type": r.choice(("identify", "identify", "track", "page", "group", "delete", "x", None)),
            "messageId": r.choice(("m1", "", None, 5)),
            "timestamp": r.choice(("2026-11-23T10:00:00Z", "tomorrow", 1_700_000_000_000, 1e300, -1, None)),
            "receivedAt": r.choice(("2026-11-23T10:00:00.123Z", "", None)),
            "context": {"personas": {"computation_class": "audience", "computation_key": "vip_customers"}},
            "traits": {"vip_customers": r.choice((True, False, "true", None, 1)), "email": r.choice(("ana@example.com", r.choice(_TEXTS)))},
        }  # fmt: skip
        for name in r.sample(("context", "traits", "properties", "integrations", "type"), 2):
            if r.random() < 0.2:
                event[name] = self._any(1)
        if r.random() < 0.15:
            event["context"] = {
                "consent": self._any(1),
                "device": self._any(1),
                "externalIds": [self._any(2)],
            }
        return event

    def _any(self, depth: int) -> Json:  # noqa: PLR0911 - one for each kind
        r = self._random
        kind = r.randrange(8 if depth < 4 else 6)
        match kind:
            case 0:
                return None
            case 1:
                return r.random() < 0.5
            case 2:
                return r.choice(_NUMBERS) * r.choice((1, 10**30))
            case 3:
                return r.choice((1.5, -0.0, 1e308))
            case 4 | 5:
                return r.choice(_TEXTS)
            case 6:
                return [self._any(depth + 1) for _ in range(r.randint(0, 3))]
            case _:
                return {r.choice(_TEXTS): self._any(depth + 1) for _ in range(r.randint(0, 3))}
