import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.segment import strict_avro
from consumer.segment.strict_avro import UnsupportedFastavro, check, strict

Json = Any

ADDRESS = {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}
SCHEMA = {
    "type": "record",
    "name": "Everything",
    "namespace": "tests",
    "fields": [
        {"name": "text", "type": ["null", "string", "long", "double", "boolean"]},
        {"name": "flag", "type": "boolean"},
        {"name": "flags", "type": {"type": "array", "items": {"type": "boolean", "doc": "on"}}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "kinds", "type": {"type": "map", "values": "Kind"}},
        {"name": "home", "type": ADDRESS},
        {"name": "away", "type": ["null", "Address"]},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}},
        {"name": "raw", "type": "bytes"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}
VALUES = st.fixed_dictionaries(
    {
        "text": st.none() | st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
        | st.booleans(),
        "flag": st.booleans(),
        "flags": st.lists(st.booleans()),
        "kind": st.sampled_from("AB"),
        "kinds": st.dictionaries(st.text(), st.sampled_from("AB")),
        "home": st.fixed_dictionaries({"city": st.text()}),
        "away": st.none() | st.fixed_dictionaries({"city": st.text()}),
        "hash": st.binary(min_size=2, max_size=2),
        "raw": st.binary(),
        "at": st.datetimes(timezones=st.just(UTC)),
    }
)  # fmt: skip


def a_strict_record(*types: Json) -> Json:
    fields = [{"name": f"f{i}", "type": each} for i, each in enumerate(types)]
    return as_strict({"type": "record", "name": "R", "fields": fields})


def as_strict(schema: Json) -> Json:
    named_types: dict[str, Json] = {}
    parsed: Json = fastavro.parse_schema(schema, named_types)
    return strict(parsed, named_types)


def read(schema: Json, body: bytes) -> Json:
    return fastavro.schemaless_reader(io.BytesIO(body), schema)


@pytest.fixture
def fresh_check() -> Iterator[None]:
    check.cache_clear()
    yield
    check.cache_clear()


def test_the_installed_fastavro_reads_strictly() -> None:
    check()


@pytest.mark.usefixtures("fresh_check")
@pytest.mark.parametrize("reads", [{}, {"f0": 1}, None])
def test_a_fastavro_that_reads_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch, reads: object
) -> None:
    monkeypatch.setattr(strict_avro, "schemaless_reader", lambda *_: reads)

    with pytest.raises(UnsupportedFastavro, match=r"^fastavro \d.* cannot be used"):
        check()


@given(VALUES)
def test_every_sound_value_reads_as_fastavro_reads_it(value: Json) -> None:
    parsed: Json = fastavro.parse_schema(SCHEMA)
    body = io.BytesIO()
    fastavro.schemaless_writer(body, parsed, value)

    assert read(as_strict(SCHEMA), body.getvalue()) == read(parsed, body.getvalue())


@pytest.mark.parametrize("index", [b"\x01", b"\x03", b"\x05", b"\x04", b"\xff\xff\x03"])
def test_a_branch_that_a_union_does_not_have_is_refused(index: bytes) -> None:
    with pytest.raises(KeyError):
        read(a_strict_record(["null", "string"]), index + b"\x00")


@pytest.mark.parametrize("index", [b"\x01", b"\x03", b"\x04"])
def test_a_symbol_that_an_enum_does_not_have_is_refused(index: bytes) -> None:
    enum = {"type": "enum", "name": "E", "symbols": ["A", "B"]}

    with pytest.raises(KeyError):
        read(a_strict_record(enum), index)


@pytest.mark.parametrize("byte", [b"\x02", b"\x07", b"\x80", b"\xff"])
@pytest.mark.parametrize("boolean", ["boolean", {"type": "boolean"}], ids=str)
def test_a_byte_that_is_neither_true_nor_false_is_refused(boolean: object, byte: bytes) -> None:
    with pytest.raises(KeyError):
        read(a_strict_record(boolean), byte)


def test_a_boolean_cut_short_is_refused() -> None:
    with pytest.raises(EOFError):
        read(a_strict_record("boolean"), b"")


@pytest.mark.parametrize("logical", ["timestamp-millis", "timestamp-micros"])
def test_timestamps_are_read_as_times(logical: str) -> None:
    stored = {"timestamp-millis": b"\xd0\x0f", "timestamp-micros": b"\x80\x89\x7a"}[logical]
    schema = a_strict_record({"type": "long", "logicalType": logical})

    assert read(schema, stored) == {"f0": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}


def test_other_logical_types_come_as_they_are_stored() -> None:
    """A decimal of a megabyte would take fastavro over a minute."""
    schema = a_strict_record(
        {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        {"type": "string", "logicalType": "uuid"},
        {"type": "int", "logicalType": "date"},
        {"type": "long", "logicalType": "timestamp-nanos"},
    )

    assert read(schema, b"\x02\x7b\x04id\x02\x04") == {
        "f0": b"\x7b", "f1": "id", "f2": 1, "f3": 2
    }  # fmt: skip
