"""What is rejected before it is decoded."""

import json
from typing import Any

import pytest

from consumer.choices import EventFormat
from consumer.record import Rejected, RejectReason
from consumer.segment.event_decoder import EventDecoder
from consumer.segment.schemas import LoadedSchema, load_schema
from consumer.segment.value_limits import ValueLimits
from tests.builders import a_record

Json = Any


def loaded(*field_types: Json, name: str = "acme.Event") -> LoadedSchema:
    fields = [{"name": f"f{i}", "type": each} for i, each in enumerate(field_types)]
    schema = load_schema(json.dumps({"type": "record", "name": name, "fields": fields}))
    assert isinstance(schema, LoadedSchema)
    return schema


def decoded(schema: LoadedSchema, body: bytes, limits: ValueLimits) -> object:
    decoder = EventDecoder(
        event_format=EventFormat.AVRO_BARE, bare_schema=schema, limits=limits
    )  # fmt: skip
    outcomes = decoder.decode(a_record(value=body))
    assert isinstance(outcomes, tuple)
    return outcomes[0]


def test_a_record_whose_name_is_not_listed_is_refused_unread() -> None:
    limits = ValueLimits(record_names=frozenset({"acme.Other"}))

    assert decoded(loaded("string"), b"\x00", limits) == Rejected(
        RejectReason.REFUSED_SCHEMA, "its record acme.Event is not listed in EVENT_RECORD_NAMES"
    )


@pytest.mark.parametrize("names", [(), ("acme.Event",), ("acme.Event", "acme.Other")])
def test_a_listed_record_is_read_and_without_a_list_every_one(names: tuple[str, ...]) -> None:
    limits = ValueLimits(record_names=frozenset(names))

    assert decoded(loaded("string"), b"\x00", limits) == Rejected(
        RejectReason.INVALID_EVENT, "type is missing"
    )


def test_a_schema_that_can_make_much_of_few_bytes_takes_fewer_of_them() -> None:
    dictionaries = loaded(
        {"type": "array", "items": {"type": "record", "name": "I", "fields": [{"name": "f", "type": "boolean"}]}}
    )  # fmt: skip
    limits = ValueLimits(max_bytes=1_000_000)
    assert dictionaries.cost.bytes_per_byte == 256

    refused = limits.refusal_of_schema(dictionaries, 260_000, 1)

    assert limits.refusal_of_schema(dictionaries, 250_000, 1) is None
    assert refused is not None
    assert refused.reason is RejectReason.TOO_LARGE
    assert refused.detail == (
        "260000 bytes written with acme.Event, a schema that can make 256 bytes of memory from each"
    )


def test_an_ordinary_schema_takes_all_that_the_size_allows() -> None:
    limits = ValueLimits(max_bytes=1_000_000)

    assert limits.refusal_of_schema(loaded("string", ["null", "string"]), 1_000_000, 1) is None


def test_many_records_of_nulls_in_one_file_count_each() -> None:
    limits = ValueLimits(max_bytes=1_000)
    nulls = loaded(*["null"] * 1_000)

    assert limits.refusal_of_schema(nulls, 0, 1) is None
    assert limits.refusal_of_schema(nulls, 0, 10_000) is not None
