"""Decoding alone: make bench, or pytest tests/benchmarks/test_bench_decode.py --benchmark-enable."""

import io
import json
from typing import Any

import fastavro
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from consumer.choices import EventFormat
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import EventDecoder
from consumer.segment.schemas import LocalSchemas, default_schemas_directory, fingerprint_of
from tests.builders import a_record

V1_TEXT = (default_schemas_directory() / "segment_event.v1.avsc").read_text()
V1 = fastavro.parse_schema(json.loads(V1_TEXT))
EVENT = json.loads(
    (
        default_schemas_directory() / "examples/segment_event.v1/identify-enters-an-audience.json"
    ).read_text()
)
NESTED = ("traits", "properties", "context", "integrations")


def _as_segment_writes_it(event: dict[str, Any]) -> bytes:
    nested = {name: json.loads(event[name]) for name in NESTED if name in event}
    return json.dumps(event | nested).encode()


def _single_object(event: dict[str, Any]) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, V1, event)
    return b"\xc3\x01" + fingerprint_of(V1_TEXT) + body.getvalue()


@pytest.mark.parametrize("event_format", [EventFormat.AVRO_SINGLE_OBJECT, EventFormat.JSON])
def test_decode_an_event(benchmark: BenchmarkFixture, event_format: EventFormat) -> None:
    schemas = LocalSchemas.from_directory(default_schemas_directory())
    decoder = EventDecoder(event_format=event_format, schemas=schemas)
    is_json = event_format is EventFormat.JSON
    value = _as_segment_writes_it(EVENT) if is_json else _single_object(EVENT)

    decoded = benchmark(decoder.decode, a_record(value=value))

    assert isinstance(decoded[0], SegmentEvent)
