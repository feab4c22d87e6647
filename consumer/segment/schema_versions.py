"""The versions of schemas in a directory, and whether each reads what every other one wrote.

A version is a file `<name>.v<number>.avsc`, and its examples are `examples/<name>.v<number>/*.json`. It never
changes once it is published: records that were written with it lie on topics for ever.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import cast

import fastavro
from fastavro.types import Schema

from consumer.errors import SettingsError
from consumer.record import Rejected
from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.schema_resolution import AvroSchema, obstacles
from consumer.segment.schemas import LoadedSchema, RefusedSchema, load_schema

_VERSION = re.compile(r"(?P<name>.+)\.v(?P<number>[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of reading `writer`'s values with `reader`; both are file names without the ending."""

    writer: str
    reader: str
    examples: int
    """How many examples were read both ways."""
    problems: tuple[str, ...]
    """What breaks, one sentence each; empty when nothing does."""


@dataclass(frozen=True, slots=True)
class _Version:
    stem: str
    name: str
    number: int
    schema: AvroSchema
    loaded: LoadedSchema
    examples: Mapping[str, object]


def compare_versions(directory: Path) -> tuple[Comparison, ...]:
    """Hold each version of a schema against itself and every other version of it, both ways. Blocks.

    Raises `SettingsError` with one sentence for each file that cannot be used, and when there is no schema.
    """
    paths = sorted(directory.glob("*.avsc"))
    problems = [] if paths else [f"no Avro schemas (*.avsc) in the directory {directory}"]
    versions: list[_Version] = []
    for path in paths:
        try:
            versions.append(_read(path))
        except _Unusable as unusable:
            problems.append(f"{path.name}: {unusable}")
    if problems:
        raise SettingsError(problems)
    versions.sort(key=lambda version: (version.name, version.number))
    themselves = [(version, version) for version in versions]
    pairs = [pair for pair in permutations(versions, 2) if pair[0].name == pair[1].name]
    return tuple(_compared(writer, reader) for writer, reader in themselves + pairs)


class _Unusable(Exception):
    """The file cannot be used, and why."""


def _read(path: Path) -> _Version:
    match = _VERSION.fullmatch(path.stem)
    if match is None:
        message = "a schema's file is named <name>.v<number>.avsc"
        raise _Unusable(message)
    text = path.read_text("utf-8", "surrogateescape")
    loaded = load_schema(text)
    if isinstance(loaded, RefusedSchema):
        raise _Unusable(loaded.detail)
    examples = sorted((path.parent / "examples" / path.stem).glob("*.json"))
    return _Version(
        path.stem,
        match["name"],
        int(match["number"]),
        AvroSchema.parsed(cast("Schema", parse_json(text))),
        loaded,
        {example.stem: _json(example) for example in examples},
    )


def _json(example: Path) -> object:
    try:
        return parse_json(example.read_bytes())
    except BadJson as error:
        message = f"its example {example.stem} is not JSON: {error.problem}"
        raise _Unusable(message) from None


def _compared(writer: _Version, reader: _Version) -> Comparison:
    problems = (*obstacles(writer.schema, reader.schema), *_changed_examples(writer, reader))
    return Comparison(writer.stem, reader.stem, len(writer.examples), problems)


def _changed_examples(writer: _Version, reader: _Version) -> Iterator[str]:
    """For each of the writer's examples that the reader sees differently, a sentence."""
    for name, example in writer.examples.items():
        try:
            body = _written(example, writer)
            own = event_from(
                _fields(fastavro.schemaless_reader(io.BytesIO(body), writer.loaded.schema))
            )
        except Exception as error:  # noqa: BLE001 - an example that does not fit raises nearly anything
            yield f"example {name}: {type(error).__name__} while writing it with its own schema"
            continue
        try:
            resolved = event_from(_fields(fastavro.schemaless_reader(
                io.BytesIO(body), cast("Schema", writer.schema.root), cast("Schema", reader.schema.root)
            )))  # fmt: skip
        except Exception as error:  # noqa: BLE001 - what cannot be resolved raises several classes, and worse on bugs
            yield f"example {name}: {type(error).__name__} while reading it"
            continue
        if resolved != own:
            yield f"example {name}: it no longer means the same: {_difference(own, resolved)}"


def _written(example: object, version: _Version) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, cast("Schema", version.schema.root), example)
    return body.getvalue()


def _fields(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value)


_EVENT_FIELDS = tuple(SegmentEvent.__dataclass_fields__)


def _difference(own: SegmentEvent | Rejected, resolved: SegmentEvent | Rejected) -> str:
    if isinstance(own, SegmentEvent) and isinstance(resolved, SegmentEvent):
        changed = [name for name in _EVENT_FIELDS if getattr(own, name) != getattr(resolved, name)]
        return f"{', '.join(changed)} differ"
    return f"{_kind(own)} before, {_kind(resolved)} after"


def _kind(outcome: SegmentEvent | Rejected) -> str:
    return f"rejected ({outcome.reason})" if isinstance(outcome, Rejected) else "an event"
