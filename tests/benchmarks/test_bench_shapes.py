"""Decoding one event of thirty traits in each shape: pytest tests/benchmarks/test_bench_shapes.py --benchmark-enable."""

import json
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from consumer.choices import EventFormat
from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.event_decoder import EventDecoder
from consumer.segment.mapping.compiling import MappedEvents, compile_mapping
from consumer.segment.mapping.model import EventMapping
from consumer.segment.mapping.reading import load_mapping, parse_mapping
from tests.builders import a_record
from tests.segment_events import an_identify
from tests.shapes import Written, a_schema, as_map_of_strings, as_map_of_unions, as_warehouse_row

TRAITS = {
    f"trait_{i}": (True, i * 1001, i / 7, f"some text of trait {i}", f"{i}")[i % 5]
    for i in range(28)
}
EVENT = an_identify(traits=TRAITS)
RENAMED = "[call]\nmessageId = 'id'\nreceivedAt = 'received_at'\n[traits]\nfrom = 'user'\n[context]\nfrom = 'ctx'\n"
THEIRS = {"messageId": "id", "receivedAt": "received_at", "traits": "user", "context": "ctx"}
TEXT_FIELDS = ("messageId", "type", "event", "timestamp", "receivedAt", "traits", "properties", "context", "integrations")  # fmt: skip


def as_json_text(event: dict[str, Any], names: dict[str, str]) -> Written:
    fields = {names.get(name, name): _as_text(event.get(name)) for name in TEXT_FIELDS}
    kinds: dict[str, object] = {names.get(name, name): ["null", "string"] for name in TEXT_FIELDS}
    return Written(a_schema("TextEvent", kinds), fields)


def _as_text(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict) else value


SHAPES: dict[str, tuple[Written, EventMapping]] = {
    "json_text": (as_json_text(EVENT, {}), load_mapping("segment-event-v1")),
    "json_text_renamed": (as_json_text(EVENT, THEIRS), parse_mapping(RENAMED, "renamed.toml")),
    "map_of_unions": (as_map_of_unions(EVENT), load_mapping("map-of-unions")),
    "map_of_strings": (as_map_of_strings(EVENT), load_mapping("map-of-strings")),
    "warehouse_row": (as_warehouse_row(EVENT), load_mapping("segment-warehouse-identifies")),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_decode_an_event_of_a_shape(benchmark: BenchmarkFixture, shape: str) -> None:
    written, mapping = SHAPES[shape]
    decoder = EventDecoder(
        event_format=EventFormat.AVRO_BARE,
        bare_schema=written.loaded,
        mapping=MappedEvents(mapping),
    )
    record = a_record(value=written.body)

    decoded = benchmark(decoder.decode, record)

    assert isinstance(decoded, tuple)
    assert isinstance(decoded[0], SegmentEvent)


@pytest.mark.parametrize("how", ["event_from", "preset_v1", "renamed"])
def test_read_the_fields_of_our_own_shape(benchmark: BenchmarkFixture, how: str) -> None:
    fields = as_json_text(EVENT, THEIRS if how == "renamed" else {}).fields
    mapping = (
        load_mapping("segment-event-v1")
        if how == "preset_v1"
        else parse_mapping(RENAMED, "renamed.toml")
    )
    read = event_from if how == "event_from" else compile_mapping(mapping, names=tuple(fields))

    assert isinstance(benchmark(read, fields), SegmentEvent)
