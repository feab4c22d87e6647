import io
import json
import tracemalloc
from contextlib import suppress
from typing import Any, cast

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.segment.decoding_cost import MAX_BYTES_BESIDE, DecodingCost, decoding_cost
from consumer.segment.schema_safety import (
    MAX_CHOICES,
    MAX_DEPTH,
    MAX_NAME_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    UnsafeSchema,
    refusal_before_parsing,
)
from consumer.segment.schemas import LoadedSchema, RefusedSchema, load_schema

Json = Any


def a_record(*types: Json, name: str = "R") -> dict[str, Json]:
    fields = [{"name": f"f{i}", "type": each} for i, each in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def cost(schema: Json) -> DecodingCost:
    named_types: dict[str, Any] = {}
    parsed = fastavro.parse_schema(schema, named_types)
    return decoding_cost(parsed, named_types)


def refusal(schema: Json) -> str | None:
    try:
        cost(schema)
    except UnsafeSchema as unsafe:
        return unsafe.reason
    return None


def refusal_of_parsed(schema: object) -> str | None:
    try:
        decoding_cost(schema, {})
    except UnsafeSchema as unsafe:
        return unsafe.reason
    return None


def an_array(items: Json) -> Json:
    return {"type": "array", "items": items}


def a_map(values: Json) -> Json:
    return {"type": "map", "values": values}


FIXED_0 = {"type": "fixed", "name": "F", "size": 0}
EMPTY = a_record(name="Empty")
NULLS = a_record("null", EMPTY, FIXED_0, name="Nulls")
TAKES_TOO_MUCH = "a value of (nearly) no bytes could take over 1000000 bytes of memory"
ENUM = {"type": "enum", "name": "E", "symbols": ["A"]}


@pytest.mark.parametrize(
    "field_type",
    [
        "string",
        "null",
        ["null", "string", "long", "double"],
        {"type": "string", "avro.java.string": "String"},
        {"type": "long", "logicalType": "timestamp-millis"},
        a_map("string"),
        a_map("null"),
        a_map(EMPTY),
        an_array("int"),
        an_array(["null", "string"]),
        an_array(["null", EMPTY]),
        an_array(ENUM),
        an_array({"type": "fixed", "name": "F", "size": 1}),
        an_array(a_record("null", "int", name="Item")),
        an_array(an_array("boolean")),
        EMPTY,
        NULLS,
        {"type": "error", "name": "Error", "fields": [{"name": "f", "type": "string"}]},
    ],
    ids=str,
)
def test_an_ordinary_schema_is_safe(field_type: Json) -> None:
    assert refusal(a_record(field_type)) is None


@pytest.mark.parametrize("items", ["null", {"type": "null"}, FIXED_0, EMPTY, NULLS], ids=str)
def test_an_array_of_items_that_take_no_bytes_is_refused(items: Json) -> None:
    assert refusal(a_record(an_array(items))) == "the items of an array can take no bytes"


def test_an_array_of_items_known_by_name_is_refused_as_well() -> None:
    schema = a_record(EMPTY, an_array("Empty"))

    assert refusal(schema) == "the items of an array can take no bytes"


def test_an_item_of_one_byte_may_not_hide_many_nulls() -> None:
    item = a_record("int", *["null"] * 100, name="Item")

    assert refusal(a_record(an_array(item))) == "the items of an array can take no bytes"
    assert refusal(a_record(a_map(item))) == "the values of a map can take no bytes"


def test_records_that_double_at_each_level_are_refused() -> None:
    """Thirty small types, a billion nulls, not one byte."""
    schema: Json = "null"
    for level in range(30):
        schema = a_record(schema, f"L{level - 1}" if level else "null", name=f"L{level}")

    reason = refusal(schema)

    assert reason == TAKES_TOO_MUCH


@pytest.mark.parametrize(
    "payment", ["int", {"type": "fixed", "name": "F", "size": 2**31}], ids=["none", "huge"]
)
def test_bytes_at_the_end_do_not_pay_for_nulls_before_them(payment: Json) -> None:
    """Bytes that end too early have made the nulls by then."""
    schema: Json = "null"
    for level in range(30):
        schema = a_record(schema, f"L{level - 1}" if level else "null", name=f"L{level}")

    assert refusal(a_record(schema, payment)) == TAKES_TOO_MUCH


def test_a_schema_of_too_long_a_text_is_not_parsed() -> None:
    text = json.dumps(a_record("int") | {"doc": "x" * MAX_TEXT_CHARACTERS})

    assert load_schema(text) == RefusedSchema("the schema's text has more than 1000000 characters")


@pytest.mark.parametrize(
    "schema",
    [
        a_record(*["int"] * (MAX_CHOICES + 1)),
        a_record({"type": "enum", "name": "E", "symbols": ["A"] * (MAX_CHOICES + 1)}),
        a_record(["int"] * (MAX_CHOICES + 1)),
    ],
    ids=["fields", "symbols", "branches"],
)
def test_a_schema_with_too_many_of_a_kind_is_not_parsed(schema: Json) -> None:
    assert refusal_before_parsing(schema) == (
        "the schema has a list of more than 10000 fields, symbols or branches"
    )


def test_a_name_may_not_be_longer_than_the_limit() -> None:
    assert refusal_before_parsing(a_record("int", name="N" * MAX_NAME_CHARACTERS)) is None
    assert refusal_before_parsing(a_record("int", name="N" * (MAX_NAME_CHARACTERS + 1))) == (
        "the schema has a name of more than 512 characters"
    )


@pytest.mark.parametrize(
    "field_type", ["R", ["null", "R"], an_array("R"), a_map("R"), a_record("R", name="Inner")], ids=str
)  # fmt: skip
def test_a_type_that_contains_itself_is_refused(field_type: Json) -> None:
    assert refusal(a_record(field_type)) == "the type R contains itself"


def test_types_that_contain_each_other_are_refused() -> None:
    inner = a_record("string", ["null", "R"], name="Inner")

    assert refusal(a_record(inner, "Inner")) == "the type R contains itself"


def _nested(levels: int) -> Json:
    schema: Json = "string"
    for _ in range(levels):
        schema = an_array(schema)
    return schema


def test_types_may_nest_to_the_limit_and_no_deeper() -> None:
    # The record and the text are levels as well.
    assert refusal(a_record(_nested(MAX_DEPTH - 2))) is None
    assert refusal(a_record(_nested(MAX_DEPTH - 1))) == "types are nested more than 64 deep"


def test_nesting_counts_where_a_type_is_used_by_name() -> None:
    half = a_record(_nested(40), name="Half")
    used_deep: Json = "Half"
    for _ in range(40):
        used_deep = a_map(used_deep)

    assert refusal(a_record(half, used_deep)) == "types are nested more than 64 deep"


def test_too_many_named_types_are_refused() -> None:
    enums = [{"type": "enum", "name": f"E{i}", "symbols": ["A"]} for i in range(1000)]

    assert refusal(a_record(*enums[:999])) is None
    assert refusal(a_record(*enums)) == "more than 1000 named types"


@pytest.mark.parametrize("size", [-1, "8", None, True, 1.5])
def test_a_fixed_type_of_no_proper_size_is_refused(size: Json) -> None:
    schema = a_record({"type": "fixed", "name": "F", "size": size})

    assert refusal(schema) == "the size of a fixed type is not a whole number"


@pytest.mark.parametrize(
    "schema", [None, 5, "Nowhere", {"type": "mystery"}, {"type": {"type": "string"}}, {}], ids=str
)
def test_what_is_no_type_is_refused(schema: object) -> None:
    assert refusal_of_parsed(schema) == "the schema has a type that cannot be decoded"


@pytest.mark.parametrize("schema", [{"type": "record"}, {"type": "record", "name": "R"}], ids=str)
def test_a_record_without_name_or_fields_is_refused(schema: object) -> None:
    assert refusal_of_parsed(schema) == "a record has no name, or no list of fields"


def test_an_empty_union_is_safe_since_nothing_can_be_read_with_it() -> None:
    assert refusal_of_parsed([]) is None


def test_json_nested_too_deeply_is_not_given_to_a_parser() -> None:
    assert refusal_before_parsing(a_record(_nested(60))) is None
    assert refusal_before_parsing(_nested(500)) == "types are nested more than 64 deep"


def test_the_marks_of_a_parsed_schema_cannot_be_smuggled_in() -> None:
    schema = a_record("string") | {"__fastavro_parsed": True, "__named_schemas": {}}

    assert refusal_before_parsing(schema) == ("the schema has keys that begin with two underscores")


def test_a_schema_of_too_many_parts_is_not_given_to_a_parser() -> None:
    assert (
        refusal_before_parsing([[["null"]] * 9_000] * 7) == "the schema has more than 100000 parts"
    )


def _types(children: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return (
        st.builds(an_array, children)
        | st.builds(a_map, children)
        | st.lists(children, min_size=1, max_size=3)
        | st.lists(children, max_size=4).map(lambda types: a_record(*types))
    )


def _with_names(schema: Json, taken: list[int]) -> Json:
    """The same with a name of its own for every record; unions hold no unions."""
    match schema:
        case list():
            branches = [_with_names(each, taken) for each in schema if not isinstance(each, list)]
            return branches or "int"
        case {"type": "record"}:
            taken.append(len(taken))
            name = f"T{len(taken)}"
            types = [_with_names(field["type"], taken) for field in schema["fields"]]
            return a_record(*types, name=name)
        case {"items": items}:
            return an_array(_with_names(items, taken))
        case {"values": values}:
            return a_map(_with_names(values, taken))
        case _:
            return schema


SCHEMAS = st.recursive(
    st.sampled_from(["null", "null", "int", "string", "boolean"]), _types, max_leaves=12
).map(lambda schema: a_record(_with_names(schema, []), name="Top"))


REPEATED = {
    "empty arrays": (an_array(an_array("int")), b"\0"),
    "empty maps": (an_array(a_map("int")), b"\0"),
    "maps of one": (an_array(a_map("null")), b"\2\0\0"),
    "maps of texts": (an_array(a_map("string")), b"\2\4ab\4cd\0"),
    "numbers": (an_array("int"), b"\x7f"),
    "doubles": (an_array("double"), b"12345678"),
    "long-winded texts": (an_array("string"), b"\4\xc4\x80"),
    "times": (an_array({"type": "long", "logicalType": "timestamp-millis"}), b"\x7f"),
    "records of one": (an_array(a_record("boolean", name="I")), b"\0"),
    "records of nulls": (an_array(a_record("int", *["null"] * 6, name="I")), b"\x7f"),
    "records of six": (an_array(a_record(*["boolean"] * 6, name="I")), b"\0" * 6),
    "records of eleven": (an_array(a_record(*["boolean"] * 11, name="I")), b"\0" * 11),
    "records of 22": (an_array(a_record(*["boolean"] * 22, name="I")), b"\0" * 22),
    "records of records": (
        an_array(a_record(a_record(a_map("int"), name="K"), name="J")), b"\0"
    ),
    "fixed": (an_array({"type": "fixed", "name": "F", "size": 2}), b"ab"),
}  # fmt: skip


@pytest.mark.parametrize(("field_type", "item"), REPEATED.values(), ids=REPEATED)
def test_what_decoding_takes_stays_below_what_the_schema_says(
    field_type: Json, item: bytes
) -> None:
    loaded = load_schema(json.dumps(a_record(field_type)))
    assert isinstance(loaded, LoadedSchema)
    count = 20_000
    head = io.BytesIO()
    fastavro.schemaless_writer(head, "long", count)
    body = head.getvalue() + item * count + b"\0"

    peak = peak_memory(body, loaded)

    assert peak <= loaded.cost.most_bytes(len(body), 1)


def peak_memory(body: bytes, loaded: LoadedSchema) -> int:
    stream = io.BytesIO(body)
    tracemalloc.start()
    try:
        with suppress(EOFError, LookupError, ValueError, OverflowError):
            fastavro.schemaless_reader(stream, cast("Any", loaded.schema))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# What the reader itself takes, and the text of an exception.
_AROUND_THE_VALUE = 20_000


@settings(max_examples=200)
@given(
    SCHEMAS,
    st.binary(max_size=12)
    | st.lists(st.sampled_from([b"\x00", b"\x02", b"\x7e", b"\xfe\x01"])).map(b"".join),
)
def test_what_a_safe_schema_reads_is_bounded_by_its_bytes(schema: Json, body: bytes) -> None:
    loaded = load_schema(json.dumps(schema))
    if isinstance(loaded, RefusedSchema):
        return

    peak = peak_memory(body, loaded)

    assert peak <= loaded.cost.most_bytes(len(body), 1) + _AROUND_THE_VALUE
    assert loaded.cost.bytes_beside <= MAX_BYTES_BESIDE
