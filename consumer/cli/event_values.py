"""From files of events to the record values in them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from consumer.segment.json_text import BadJson, parse_json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_AVRO_BEGINNINGS = (b"\x00", b"\x01", b"\xc3\x01", b"Obj\x01")  # no JSON text begins with any
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class EventValue:
    """A value as a Kafka record would hold it: one event, or several in a container file."""

    place: str
    """Where it was found, for people: `events.jsonl, line 3`."""
    value: bytes
    topic: str = ""
    """The topic to take it as read from."""
    headers: tuple[tuple[str, bytes | None], ...] = ()


def is_avro(value: bytes) -> bool:
    """Tell whether the value is framed as Avro, by its first bytes."""
    return value.startswith(_AVRO_BEGINNINGS)


def values_in(stream: BinaryIO, name: str) -> Iterator[EventValue]:
    """Return the values of a file in its order: one JSON value or several over any lines, JSON lines, or one Avro value.

    JSON lines are given as they come in, so that a stream can be followed. Among them a line that is not JSON is a value of
    its own; a file that is not JSON at all is one value.
    """
    lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    number, first = next(lines, (0, b""))
    if not first:
        return
    if is_avro(first):
        yield EventValue(name, first + stream.read())
    elif _parses(first):
        yield EventValue(f"{name}, line {number}", first.strip())
        for number, line in lines:
            yield EventValue(f"{name}, line {number}", line.strip())
    else:
        yield from _values_of(first + stream.read(), name, first_line=number)


def bare_values_in(stream: BinaryIO, name: str) -> Iterator[EventValue]:
    """Return the one value of a file of bare Avro, which may begin and end with any bytes. JSON is JSON also there."""
    content = stream.read()
    if _concatenated(content):
        yield from values_in(BytesIO(content), name)
    elif content:
        yield EventValue(name, content)


def _values_of(content: bytes, name: str, *, first_line: int) -> Iterator[EventValue]:
    found = _concatenated(content)
    if found is None:
        found = [(i, line.strip()) for i, line in enumerate(content.split(b"\n")) if line.strip()]
        if not any(line.startswith(b"{") and _parses(line) for _, line in found):
            found = [(0, content.strip())]
    for i, value in found:
        yield EventValue(name if len(found) == 1 else f"{name}, line {first_line + i}", value)


def _concatenated(content: bytes) -> list[tuple[int, bytes]] | None:
    """Return JSON values that follow each other, each with the lines before it, or None when there is anything else."""
    found = []
    line = end = 0
    try:
        text = content.removeprefix(_BYTE_ORDER_MARK).decode()
        while (start := _after_blank(text, end)) < len(text):
            line += text.count("\n", end, start)
            _, end = _JSON.raw_decode(text, start)
            found.append((line, text[start:end].encode()))
            line += text.count("\n", start, end)
    except (ValueError, RecursionError):
        return None
    return found


_JSON = json.JSONDecoder()


def _after_blank(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return position if blank is None else blank.end()


def _parses(value: bytes) -> bool:
    try:
        parse_json(value)
    except BadJson:
        return False
    return True
