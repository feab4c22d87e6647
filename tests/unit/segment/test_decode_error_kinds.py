"""Every exception that fastavro raises for bytes is a rejection that names its kind."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumer.choices import EventFormat
from consumer.record import Rejected, RejectReason
from consumer.segment import event_decoder
from consumer.segment.event_decoder import EventDecoder
from consumer.segment.schemas import LoadedSchema, load_schema
from consumer.telemetry.metrics import Metrics
from tests.builders import a_record

Json = Any
A_TIME = {"type": "long", "logicalType": "timestamp-millis"}
AN_ENUM = {"type": "enum", "name": "K", "symbols": ["A"]}


def decoded(field_type: Json, body: bytes) -> tuple[object, float, str]:
    """What becomes of the bytes, and how often each kind of error was counted."""
    text = json.dumps(
        {"type": "record", "name": "E", "fields": [{"name": "x", "type": field_type}]}
    )
    schema = load_schema(text)
    assert isinstance(schema, LoadedSchema)
    metrics = Metrics(CollectorRegistry())
    decoder = EventDecoder(event_format=EventFormat.AVRO_BARE, bare_schema=schema, metrics=metrics)
    outcome = decoder.decode(a_record(value=body))
    assert isinstance(outcome, tuple)
    samples = [each for metric in metrics.decode_errors.collect() for each in metric.samples]
    kinds = {each.labels["kind"]: each.value for each in samples if each.name.endswith("_total")}
    return outcome[0], sum(kinds.values()), "".join(kinds)


@pytest.mark.parametrize(
    ("field_type", "body", "kind"),
    [
        ("string", b"\x08ab", "EOFError"),
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "EOFError"),
        ("string", b"\x04\xff\xff", "UnicodeDecodeError"),
        ({"type": "map", "values": "int"}, b"\x02\x02\xff\x00\x00", "UnicodeDecodeError"),
        ("double", b"\x00\x00", "EOFError"),
        (A_TIME, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "OverflowError"),
        (["null", "int"], b"\x03", "KeyError"),
        (["null", "int"], b"\x04", "KeyError"),
        (AN_ENUM, b"\x01", "KeyError"),
        (AN_ENUM, b"\x02", "KeyError"),
        ("boolean", b"\x02", "KeyError"),
        ("long", b"\xff" * 11, "IndexError"),
        ("int", b"\x02\x02", "trailing_bytes"),
    ],
)
def test_damaged_bytes_are_rejected_by_their_kind(field_type: Json, body: bytes, kind: str) -> None:
    outcome, count, counted = decoded(field_type, body)

    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.UNDECODABLE
    assert (count, counted) == (1, kind)


@pytest.mark.parametrize(
    "error",
    [EOFError, IndexError, KeyError, TypeError, ValueError, OverflowError, MemoryError, RecursionError, AttributeError],
)  # fmt: skip
def test_an_exception_that_nobody_foresaw_is_a_rejection_as_well(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> object:
        raise error("ana@example.com")

    monkeypatch.setattr(event_decoder, "schemaless_reader", failing)

    outcome, _, counted = decoded("int", b"\x02")

    assert isinstance(outcome, Rejected)
    assert counted == error.__name__
    assert "ana@example.com" not in outcome.detail
