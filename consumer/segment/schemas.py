"""The Avro schemas that records were written with: what they are, and those that lie in a directory."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self, cast

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form
from fastavro.types import Schema

from consumer.errors import SettingsError
from consumer.segment.decoding_cost import DecodingCost, decoding_cost
from consumer.segment.framing import Fingerprint, SchemaRef, describe
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.schema_safety import (
    MAX_TEXT_CHARACTERS,
    UnsafeSchema,
    refusal_before_parsing,
)
from consumer.segment.strict_avro import StrictSchema, strict

_LONGEST_DETAIL = 200
_OUR_SCHEMA = "segment_event.v1.avsc"


@dataclass(frozen=True, slots=True)
class LoadedSchema:
    """A schema to decode with."""

    name: str
    """The record's full name."""
    schema: StrictSchema = field(repr=False)
    cost: DecodingCost = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedSchema:
    """The schema is there, and cannot be used: broken, not a record, or not safe to decode with."""

    detail: str


@dataclass(frozen=True, slots=True)
class UnknownSchema:
    """Nobody has the schema."""

    detail: str


SchemaLookup = LoadedSchema | RefusedSchema | UnknownSchema


class Schemas(Protocol):
    """Where schemas come from."""

    @property
    def waiting(self) -> str | None:
        """What holds up those who wait in `load`, for people; None when nothing does."""
        ...

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        """The schema if it is known already, without any input or output; None means: `load` it."""
        ...

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        """The schema, whatever time it takes to get it. `get` then knows the answer as well.

        Waits out every outage: `UnknownSchema` means that the source itself says so. Safe to cancel.
        """
        ...


class LocalSchemas:
    """The schemas of a directory, known from the start, by fingerprint."""

    def __init__(self, by_fingerprint: Mapping[Fingerprint, LoadedSchema]) -> None:
        self._by_fingerprint: Mapping[SchemaRef, LoadedSchema] = dict(by_fingerprint.items())

    @classmethod
    def from_directory(cls, directory: Path) -> Self:
        """Read every `.avsc` file of the directory. Blocks; for start-up.

        Raises `SettingsError` with one sentence for each file that cannot be used, and when there is none.
        """
        paths = sorted(directory.glob("*.avsc"))
        if not paths:
            raise SettingsError([f"no Avro schemas (*.avsc) in the directory {directory}"])
        schemas: dict[Fingerprint, LoadedSchema] = {}
        problems: list[str] = []
        for path in paths:
            text = path.read_text("utf-8", "surrogateescape")
            schema = load_schema(text)
            if isinstance(schema, LoadedSchema):
                schemas[fingerprint_of(text)] = schema
            else:
                problems.append(f"the schema file {path.name} cannot be used: {schema.detail}")
        if problems:
            raise SettingsError(problems)
        return cls(schemas)

    @property
    def waiting(self) -> str | None:
        """Always None: the directory was read at the start."""
        return None

    def get(self, ref: SchemaRef) -> LoadedSchema | UnknownSchema:
        """The schema; never None."""
        known = self._by_fingerprint.get(ref)
        return known or UnknownSchema(f"{describe(ref)} is not in the schema directory")

    async def load(self, ref: SchemaRef) -> LoadedSchema | UnknownSchema:
        """The same as `get`."""
        return self.get(ref)


def default_schemas_directory() -> Path:
    """Where the schemas that come with the program are: in the checkout, or where the wheel put them."""
    beside_the_package = Path(__file__).parents[2] / "schemas"
    if (beside_the_package / _OUR_SCHEMA).is_file():
        return beside_the_package
    return Path(sys.prefix) / "share" / "segment-liveintent" / "schemas"


def load_schema(text: str, *, referenced: Sequence[str] = ()) -> LoadedSchema | RefusedSchema:
    """The schema that `text` holds, parsed once and found safe, or why it is refused.

    `referenced` are the schemas whose types `text` uses without defining them, each after those it uses itself.
    """
    named_types: _NamedTypes = {}
    try:
        for schema in referenced:
            _parse(schema, named_types)
        parsed = _parse(text, named_types)
    except _Unusable as unusable:
        return RefusedSchema(unusable.reason)
    if not isinstance(parsed, dict) or parsed["type"] != "record":
        return RefusedSchema("the schema is not a record")
    try:
        cost = decoding_cost(parsed, named_types)
    except UnsafeSchema as unsafe:
        return RefusedSchema(unsafe.reason)
    return LoadedSchema(parsed["name"], strict(parsed, named_types), cost)


def fingerprint_of(text: str) -> Fingerprint:
    """The fingerprint of the schema that `text` holds. It must be one that `load_schema` takes."""
    canonical_form = to_parsing_canonical_form(_parse(text, {}))
    return Fingerprint(bytes.fromhex(fingerprint(canonical_form, "CRC-64-AVRO")))


_NamedTypes = dict[str, dict[str, object]]


class _Unusable(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _parse(text: str, named_types: _NamedTypes) -> Schema:
    """The parsed schema; the types it defines are added to `named_types`."""
    if len(text) > MAX_TEXT_CHARACTERS:
        too_long = f"the schema's text has more than {MAX_TEXT_CHARACTERS} characters"
        raise _Unusable(too_long)
    try:
        schema = parse_json(text)
    except BadJson as error:
        raise _Unusable("the schema is not JSON: " + error.problem) from None
    if (reason := refusal_before_parsing(schema)) is not None:
        raise _Unusable(reason)
    before = dict(named_types)
    try:
        parsed = fastavro.parse_schema(cast("Schema", schema), named_types)
    except Exception as error:  # noqa: BLE001 - on a broken schema fastavro raises nearly anything
        reason = f"not an Avro schema: {type(error).__name__}: {error}"[:_LONGEST_DETAIL]
        raise _Unusable(reason) from None
    if any(named_types[name] is not before[name] for name in before):
        # fastavro lets the last one win, also over those that were checked already.
        raise _Unusable("the schema defines a type again that a schema it refers to defines")
    return parsed
