"""What every peer does with a record: decode it, find the change in it, fold changes into files.

The peers are compared by how they carry the work, so the work is the same for all, written once, and right: a test
lets it judge whole feeds against the oracle. It does for these feeds what our own service does, with none of what makes
that slower: no outcome per record, no guard against old news, no dead letters, no limits on what a record may hold.
"""

import hashlib
import io
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastavro import parse_schema, schemaless_reader

ADD, REMOVE = "ADD", "REMOVE"
_MEMBERSHIP_CLASSES = frozenset({"audience", "journey_step"})
_DESTINATION = "LiveIntent Audiences"
_TEXT_FIELDS = ("traits", "properties", "context", "integrations")
_HASH_LENGTHS = frozenset({32, 40, 64})
_HEX_DIGITS = frozenset("0123456789abcdef")
_NO_DEVICE = "00000000-0000-0000-0000-000000000000"
_UNTIDY = " \t\r\n\u200b\u00a0<>\"'"
_HEADER_BYTES = 5

Rows = Mapping[str, tuple[str, ...]]
"""Identifier type to the rows of one person."""


@dataclass(frozen=True, slots=True)
class Change:
    """One person enters or leaves one audience."""

    audience: str
    action: str
    rows: Rows = field(repr=False)


@dataclass(frozen=True, slots=True)
class HashFile:
    """What one upload carries: rows of one type, added to one audience or removed from it."""

    audience: str
    action: str
    identifier_type: str
    rows: tuple[str, ...] = field(repr=False)


class Decoder:
    """Confluent's wire format: a zero byte, the schema's id in four bytes, the Avro body.

    `schema_of` gives the text of a schema by its id; it is asked once for each.
    """

    def __init__(self, schema_of: Callable[[int], str]) -> None:
        self._schema_of = schema_of
        self._schemas: dict[int, Any] = {}

    def event_from(self, value: bytes) -> dict[str, Any]:
        """The event in a record's value, its JSON texts read."""
        schema_id = int.from_bytes(value[1:_HEADER_BYTES], "big")
        schema = self._schemas.get(schema_id)
        if schema is None:
            schema = parse_schema(orjson.loads(self._schema_of(schema_id)))
            self._schemas[schema_id] = schema
        body = io.BytesIO(value)
        body.seek(_HEADER_BYTES)
        event: dict[str, Any] = schemaless_reader(body, schema, None)  # type: ignore[assignment]
        for name in _TEXT_FIELDS:
            text = event[name]
            event[name] = orjson.loads(text) if text else {}
        return event

    def change_in(self, value: bytes) -> Change | None:
        """The change a record's value asks for, if any."""
        return change_from(self.event_from(value))


def change_from(event: Mapping[str, Any]) -> Change | None:
    """The change an event asks for; None when it is not about an audience of ours, or names nobody."""
    personas = event["context"].get("personas") or {}
    if personas.get("computation_class") not in _MEMBERSHIP_CLASSES:
        return None
    match event["type"]:
        case "identify":
            told = event["traits"]
        case "track":
            told = event["properties"]
        case _:
            return None
    audience = personas["computation_key"]
    member = told.get(audience)
    if not isinstance(member, bool) or not _is_addressed(event["integrations"], member=member):
        return None
    rows = _rows_of(event)
    return Change(audience, ADD if member else REMOVE, rows) if rows else None


def folded(changes: Iterable[Change]) -> Iterator[HashFile]:
    """The files of a batch: of several changes of one member, which must come in order, the last."""
    latest: dict[tuple[str, str, str], str] = {}
    for change in changes:
        for identifier_type, rows in change.rows.items():
            for row in rows:
                latest[change.audience, identifier_type, row] = change.action
    files: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (audience, identifier_type, row), action in latest.items():
        files[audience, action, identifier_type].append(row)
    for (audience, action, identifier_type), rows_of_file in files.items():
        yield HashFile(audience, action, identifier_type, tuple(rows_of_file))


def _is_addressed(integrations: Mapping[str, Any], *, member: bool) -> bool:
    ours = integrations.get(_DESTINATION)
    if ours is False:
        # Nobody is added who opted out, and nobody is kept who left.
        return not member
    named = bool(ours) or bool(integrations.get("Kafka"))
    return named or integrations.get("All") is not False


def _rows_of(event: Mapping[str, Any]) -> Rows:
    rows: dict[str, tuple[str, ...]] = {}
    email = _email_in(event)
    if email is not None:
        rows["EMAIL_HASH"] = _hashes_of(email)
    device = event["context"].get("device") or {}
    told = event["traits"]
    if (idfa := told.get("ios_idfa")) or device.get("type") == "ios":
        _take_device(rows, "IDFA", str(idfa or device.get("advertisingId", "")).upper())
    elif (aaid := told.get("android_idfa")) or str(device.get("type")).lower() == "android":
        _take_device(rows, "AAID", str(aaid or device.get("advertisingId", "")).lower())
    return rows


def _take_device(rows: dict[str, tuple[str, ...]], identifier_type: str, number: str) -> None:
    if number not in {"", _NO_DEVICE}:
        rows[identifier_type] = (number,)


def _email_in(event: Mapping[str, Any]) -> str | None:
    context = event["context"]
    for told in (event["traits"], context.get("traits") or {}, event["properties"]):
        if email := told.get("email"):
            return str(email)
    for external in context.get("externalIds") or ():
        if external.get("type") == "email":
            return str(external["id"])
    return None


def _hashes_of(email: str) -> tuple[str, ...]:
    """The rows for an address; one that is a hash already is its own row."""
    plain = unicodedata.normalize("NFC", email).strip(_UNTIDY).lower()
    if len(plain) in _HASH_LENGTHS and _HEX_DIGITS.issuperset(plain):
        return (plain,)
    text = plain.encode()
    return (
        hashlib.md5(text, usedforsecurity=False).hexdigest(),
        hashlib.sha1(text, usedforsecurity=False).hexdigest(),
        hashlib.sha256(text).hexdigest(),
    )
