import io
import json
from collections.abc import Mapping
from typing import Any

import fastavro
import pytest
from prometheus_client import CollectorRegistry

from consumer.choices import EventFormat
from consumer.record import Ignored, IgnoreReason, KafkaRecord, Rejected, RejectReason
from consumer.segment import event_decoder, strict_avro
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.event_decoder import Decoded, EventDecoder, SchemaNeeded
from consumer.segment.framing import RegistryId, SchemaRef
from consumer.segment.schemas import (
    LoadedSchema,
    LocalSchemas,
    RefusedSchema,
    SchemaLookup,
    UnknownSchema,
    default_schemas_directory,
    fingerprint_of,
    load_schema,
)
from consumer.segment.strict_avro import UnsupportedFastavro
from consumer.segment.value_limits import ValueLimits
from consumer.telemetry.metrics import Metrics
from tests.builders import a_record

V1 = (default_schemas_directory() / "segment_event.v1.avsc").read_text()
FOREIGN = json.dumps(
    {
        "type": "record",
        "name": "Foreign",
        "fields": [
            {"name": "type", "type": "string"},
            {
                "name": "timestamp",
                "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}],
            },
            {"name": "receivedAt", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "traits", "type": {"type": "map", "values": ["null", "boolean", "string"]}},
        ],
    }
)
EVENT = {
    "messageId": "m-1",
    "type": "identify",
    "timestamp": "2026-01-14T09:30:05.117Z",
    "traits": '{"email": "nora@example.com", "weekend_readers": true}',
}
TOMBSTONE = Ignored(IgnoreReason.TOMBSTONE)


class Schemas:
    """Schemas by number; None for one that must be loaded first."""

    def __init__(self, by_number: Mapping[int, SchemaLookup | None]) -> None:
        self.by_number = by_number

    @property
    def waiting(self) -> str | None:
        return None

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        assert isinstance(ref, int)
        return self.by_number[ref]

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        raise AssertionError


def loaded(text: str) -> LoadedSchema:
    schema = load_schema(text)
    assert isinstance(schema, LoadedSchema)
    return schema


SCHEMAS = Schemas(
    {
        1: loaded(V1),
        2: loaded(FOREIGN),
        3: RefusedSchema("the type R contains itself"),
        4: UnknownSchema("the schema registry has no schema 4"),
        5: None,
    }
)


def avro(schema: str, event: Mapping[str, Any]) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(schema)), dict(event))
    return body.getvalue()


def confluent(number: int, body: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + body


@pytest.fixture
def counted() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(counted: CollectorRegistry) -> Metrics:
    return Metrics(counted)


@pytest.fixture
def avro_decoder(metrics: Metrics) -> EventDecoder:
    return EventDecoder(event_format=EventFormat.AVRO_CONFLUENT, schemas=SCHEMAS, metrics=metrics)


@pytest.fixture
def json_decoder(metrics: Metrics) -> EventDecoder:
    return EventDecoder(event_format=EventFormat.JSON, metrics=metrics)


def errors_counted(counted: CollectorRegistry) -> dict[str, float]:
    return {
        sample.labels["kind"]: sample.value
        for metric in counted.collect()
        for sample in metric.samples
        if sample.name == "segment_liveintent_decode_errors_total"
    }


def only(decoder: EventDecoder, record: KafkaRecord) -> Decoded | SchemaNeeded:
    """The one event of a record, or what becomes of the record."""
    decoded = decoder.decode(record)
    if isinstance(decoded, SchemaNeeded):
        return decoded
    (event,) = decoded
    return event


EXPECTED = SegmentEvent(
    message_id="m-1",
    type=EventType.IDENTIFY,
    event_name=None,
    traits={"email": "nora@example.com", "weekend_readers": True},
    timestamp_us=1_768_383_005_117_000,
)


def test_an_event_is_decoded_from_confluents_framing(avro_decoder: EventDecoder) -> None:
    assert only(avro_decoder, a_record(value=confluent(1, avro(V1, EVENT)))) == EXPECTED


def test_an_event_is_decoded_from_a_single_object() -> None:
    decoder = EventDecoder(
        event_format=EventFormat.AVRO_SINGLE_OBJECT,
        schemas=LocalSchemas.from_directory(default_schemas_directory()),
    )
    value = b"\xc3\x01" + fingerprint_of(V1) + avro(V1, EVENT)

    assert only(decoder, a_record(value=value)) == EXPECTED


@pytest.mark.parametrize("traits", [EVENT["traits"], json.loads(EVENT["traits"])], ids=type)
def test_an_event_is_decoded_from_json(json_decoder: EventDecoder, traits: object) -> None:
    value = json.dumps(EVENT | {"traits": traits}).encode()

    assert only(json_decoder, a_record(value=value)) == EXPECTED


def test_json_may_begin_with_a_byte_order_mark(json_decoder: EventDecoder) -> None:
    value = b"\xef\xbb\xbf" + json.dumps(EVENT).encode()

    assert only(json_decoder, a_record(value=value)) == EXPECTED


@pytest.mark.parametrize("schema", [None, {"type": "struct"}], ids=str)
def test_the_envelope_of_kafka_connect_is_taken_off(
    json_decoder: EventDecoder, schema: object
) -> None:
    value = json.dumps({"schema": schema, "payload": EVENT}).encode()

    assert only(json_decoder, a_record(value=value)) == EXPECTED


def test_an_event_with_further_fields_is_not_an_envelope(json_decoder: EventDecoder) -> None:
    value = json.dumps({"schema": None, "payload": EVENT, "type": "page"}).encode()

    assert only(json_decoder, a_record(value=value)) == SegmentEvent("", EventType.PAGE, None)


def test_a_schema_of_others_is_read_by_segments_field_names(avro_decoder: EventDecoder) -> None:
    event = {
        "type": "identify",
        "timestamp": 1_768_383_005_117,
        "receivedAt": 1_768_383_017_517_000,
        "traits": {"weekend_readers": False, "email": "nora@example.com", "city": None},
    }

    assert only(avro_decoder, a_record(value=confluent(2, avro(FOREIGN, event)))) == SegmentEvent(
        message_id="",
        type=EventType.IDENTIFY,
        event_name=None,
        traits={"weekend_readers": False, "email": "nora@example.com", "city": None},
        timestamp_us=1_768_383_005_117_000,
        received_us=1_768_383_017_517_000,
    )


@pytest.mark.parametrize("value", [None, b""])
def test_no_value_is_a_tombstone(
    avro_decoder: EventDecoder, json_decoder: EventDecoder, value: bytes | None
) -> None:
    assert only(avro_decoder, a_record(value=value)) == TOMBSTONE
    assert only(json_decoder, a_record(value=value)) == TOMBSTONE


def test_an_envelope_without_payload_is_a_tombstone(json_decoder: EventDecoder) -> None:
    assert only(json_decoder, a_record(value=b'{"schema": null, "payload": null}')) == TOMBSTONE


def test_a_value_may_be_as_large_as_the_limit_and_no_larger() -> None:
    value = json.dumps(EVENT).encode()

    at_the_limit = EventDecoder(event_format=EventFormat.JSON, limits=ValueLimits(len(value)))
    below_it = EventDecoder(event_format=EventFormat.JSON, limits=ValueLimits(len(value) - 1))

    assert only(at_the_limit, a_record(value=value)) == EXPECTED
    assert only(below_it, a_record(value=value)) == Rejected(
        RejectReason.TOO_LARGE, f"a value of {len(value)} bytes; {len(value) - 1} are taken"
    )


def test_a_schema_not_loaded_yet_is_asked_for(avro_decoder: EventDecoder) -> None:
    assert only(avro_decoder, a_record(value=confluent(5, b"x"))) == SchemaNeeded(RegistryId(5))


def test_a_refused_or_unknown_schema_is_the_records_end(avro_decoder: EventDecoder) -> None:
    assert only(avro_decoder, a_record(value=confluent(3, b"x"))) == Rejected(
        RejectReason.REFUSED_SCHEMA, "the type R contains itself"
    )
    assert only(avro_decoder, a_record(value=confluent(4, b"x"))) == Rejected(
        RejectReason.UNKNOWN_SCHEMA, "the schema registry has no schema 4"
    )


BODY = avro(V1, EVENT)
USER_ID_BRANCH = BODY.index(b"identify") + len(b"identify")


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (BODY[:-1], "EOFError", "EOFError while reading segment_liveintent.v1.SegmentEvent"),
        (b"", "EOFError", "EOFError while reading"),
        (b"\x02\xff" + BODY, "UnicodeDecodeError", "UnicodeDecodeError while reading"),
        (BODY + b"\x00", "trailing_bytes", "1 bytes are left after"),
        (
            BODY[:USER_ID_BRANCH] + b"\x03" + BODY[USER_ID_BRANCH + 1 :],
            "KeyError",
            "KeyError while reading",
        ),
        (
            BODY[:USER_ID_BRANCH] + b"\x04" + BODY[USER_ID_BRANCH + 1 :],
            "KeyError",
            "KeyError while reading",
        ),
    ],
    ids=["cut-short", "empty", "bad-text", "trailing", "negative-branch", "no-such-branch"],
)
def test_damaged_avro_is_undecodable_and_counted_by_kind(
    avro_decoder: EventDecoder, counted: CollectorRegistry, body: bytes, kind: str, detail: str
) -> None:
    rejected = only(avro_decoder, a_record(value=confluent(1, body)))

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.UNDECODABLE
    assert rejected.detail.startswith(detail)
    assert errors_counted(counted) == {kind: 1}


def test_a_boolean_that_is_neither_is_undecodable(avro_decoder: EventDecoder) -> None:
    event = {"type": "identify", "timestamp": None, "receivedAt": 0, "traits": {"vip": True}}
    body = avro(FOREIGN, event)
    damaged = body.replace(b"\x06vip\x02\x01", b"\x06vip\x02\x07")
    assert damaged != body

    assert only(avro_decoder, a_record(value=confluent(2, damaged))) == Rejected(
        RejectReason.UNDECODABLE, "KeyError while reading Foreign"
    )


def test_a_time_too_far_off_to_be_one_is_undecodable(avro_decoder: EventDecoder) -> None:
    event = {"type": "identify", "timestamp": 2**62, "receivedAt": 0, "traits": {}}

    assert only(avro_decoder, a_record(value=confluent(2, avro(FOREIGN, event)))) == Rejected(
        RejectReason.UNDECODABLE, "OverflowError while reading Foreign"
    )


def test_another_framing_is_undecodable_and_counted(
    avro_decoder: EventDecoder, counted: CollectorRegistry
) -> None:
    assert only(avro_decoder, a_record(value=b"{}")) == Rejected(
        RejectReason.UNDECODABLE, "not framed as avro-confluent; it begins as json does"
    )
    assert errors_counted(counted) == {"framing": 1}


@pytest.mark.parametrize("value", [b"{", b"nora@example.com", b"\x00\x00\x00\x00\x01", b"[NaN]"])
def test_what_is_not_json_is_undecodable_and_counted(
    json_decoder: EventDecoder, counted: CollectorRegistry, value: bytes
) -> None:
    rejected = only(json_decoder, a_record(value=value))

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.UNDECODABLE
    assert "nora" not in rejected.detail
    assert errors_counted(counted) == {"BadJson": 1}


@pytest.mark.parametrize(
    "value", [b"[]", b"null", b'"text"', b"5", b'{"schema": null, "payload": "text"}']
)
def test_json_that_is_no_object_is_an_invalid_event(
    json_decoder: EventDecoder, counted: CollectorRegistry, value: bytes
) -> None:
    assert only(json_decoder, a_record(value=value)) == Rejected(
        RejectReason.INVALID_EVENT, "the value is JSON, but not an object"
    )
    assert errors_counted(counted) == {}


def test_an_event_that_makes_no_sense_is_invalid_in_every_format(
    avro_decoder: EventDecoder, json_decoder: EventDecoder
) -> None:
    event = EVENT | {"timestamp": "soon"}
    invalid = Rejected(RejectReason.INVALID_EVENT, "timestamp is text that is not a time")

    assert only(avro_decoder, a_record(value=confluent(1, avro(V1, event)))) == invalid
    assert only(json_decoder, a_record(value=json.dumps(event).encode())) == invalid


def test_a_decoder_may_be_without_metrics() -> None:
    decoder = EventDecoder(event_format=EventFormat.JSON)

    assert isinstance(only(decoder, a_record(value=b"{")), Rejected)


def test_avro_cannot_be_decoded_without_schemas() -> None:
    with pytest.raises(ValueError, match="avro-confluent cannot be decoded without schemas"):
        EventDecoder(event_format=EventFormat.AVRO_CONFLUENT)


def test_avro_is_not_decoded_with_a_fastavro_that_cannot_be_relied_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise UnsupportedFastavro

    monkeypatch.setattr(strict_avro, "check", refuse)

    with pytest.raises(UnsupportedFastavro):
        EventDecoder(event_format=EventFormat.AVRO_CONFLUENT, schemas=SCHEMAS)
    EventDecoder(event_format=EventFormat.JSON)


def test_a_value_is_read_with_the_schema_parsed_once(
    avro_decoder: EventDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []

    def reading(stream: io.BytesIO, schema: object) -> object:
        used.append(schema)
        return fastavro.schemaless_reader(stream, schema)  # type: ignore[arg-type]

    monkeypatch.setattr(event_decoder, "schemaless_reader", reading)
    for _ in range(2):
        only(avro_decoder, a_record(value=confluent(1, BODY)))

    assert used[0] is used[1]
