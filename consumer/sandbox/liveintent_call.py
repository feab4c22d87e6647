"""One request to the stand-in's API, and how its fields are read. Every reader raises Refused (400)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from consumer.sandbox.faults import Operation
from consumer.sandbox.liveintent_breaches import Refused
from consumer.sandbox.liveintent_wire import JsonObject

DEFAULT_PAGE_SIZE = 30
INVALID_REQUEST = "Invalid request parameters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to the API, without its token.

    `document` is its JSON body, an empty object when there is none. `origin` is how the client reaches this server,
    such as http://127.0.0.1:43211: signed URLs must begin with it. `now` is epoch seconds.
    """

    operation: Operation
    origin: str
    now: float
    audience_id: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    document: JsonObject = field(default_factory=dict, repr=False)


def document_from(body: bytes) -> JsonObject:
    """A body that is one JSON object."""
    try:
        return object_from(json.loads(body))
    except ValueError:
        raise Refused(400, f"{INVALID_REQUEST}: the body is not JSON") from None


def page_from(source: Mapping[str, object]) -> int:
    """The page asked for, from 1 on."""
    return _positive(source.get("page", 1))


def page_size_from(source: Mapping[str, object]) -> int:
    """The page size asked for."""
    return _positive(source.get("pageSize", DEFAULT_PAGE_SIZE))


def _positive(value: object) -> int:
    number = integer_from(value)
    if not 1 <= number < 2**31:
        raise Refused(400, INVALID_REQUEST)
    return number


def integer_from(value: object) -> int:
    """A whole number, as JSON or as text."""
    match value:
        case int() if not isinstance(value, bool):
            return value
        case str() if value.isdecimal() and len(value) < 20:
            return int(value)
    raise Refused(400, f"{INVALID_REQUEST}: a whole number is needed")


def id_in_cursor(cursor: object) -> int:
    """The audience a cursor of ours stands behind."""
    if not isinstance(cursor, str) or not cursor.startswith("after-"):
        raise Refused(400, f"{INVALID_REQUEST}: next")
    return integer_from(cursor.removeprefix("after-"))


def name_from(value: object) -> str:
    """An audience name: text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, f"{INVALID_REQUEST}: name")
    return value


def text_at(document: JsonObject, key: str) -> str:
    """Text that must be there."""
    text = text_or_none_at(document, key)
    if text is None:
        raise Refused(400, f"{INVALID_REQUEST}: {key}")
    return text


def text_or_none_at(document: JsonObject, key: str) -> str | None:
    """Text that may be missing or null."""
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"{INVALID_REQUEST}: {key}")
    return value


def object_from(value: object) -> JsonObject:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Refused(400, f"{INVALID_REQUEST}: an object is needed")
    return value


def data_of(entry: object) -> object:
    """The `data` of one metadata entry of a create."""
    document = object_from(entry)
    if "data" not in document:
        raise Refused(400, f"{INVALID_REQUEST}: metadata")
    return document["data"]
