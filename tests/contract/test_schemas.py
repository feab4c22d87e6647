"""Every schema of the repository, with every example of it."""

import io
import json
from pathlib import Path

import fastavro
import pytest

from consumer.choices import EventFormat
from consumer.record import KafkaRecord
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.schemas import LocalSchemas, fingerprint_of

SCHEMAS = Path(__file__).parents[2] / "schemas"
SCHEMA_PATHS = sorted(SCHEMAS.glob("*.avsc"))
PAIRS = [
    pytest.param(schema, example, id=f"{schema.stem}-{example.stem}")
    for schema in SCHEMA_PATHS
    for example in sorted((SCHEMAS / "examples" / schema.stem).glob("*.json"))
]
SEGMENT_EVENT_V1_FIELDS = [
    "messageId", "type", "userId", "anonymousId", "groupId", "previousId", "event", "name", "category", "channel",
    "projectId", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "traits", "properties", "context",
    "integrations", "version", "metadata",
]  # fmt: skip


def _defaults(schema: Path) -> dict[str, object]:
    fields = json.loads(schema.read_text())["fields"]
    return {field["name"]: field["default"] for field in fields if "default" in field}


def _avro(schema: Path, example: Path) -> bytes:
    body = io.BytesIO()
    parsed = fastavro.parse_schema(json.loads(schema.read_text()))
    fastavro.schemaless_writer(body, parsed, json.loads(example.read_text()), strict=False)
    return body.getvalue()


def _single_object(schema: Path, body: bytes) -> KafkaRecord:
    value = b"\xc3\x01" + fingerprint_of(schema.read_text()) + body
    return KafkaRecord(topic="events", partition=0, offset=0, key=None, value=value)


def _decoded(event_format: EventFormat, record: KafkaRecord) -> SegmentEvent:
    schemas = LocalSchemas.from_directory(SCHEMAS)
    decoded = EventDecoder(event_format=event_format, schemas=schemas).decode(record)
    assert not isinstance(decoded, SchemaNeeded)
    (event,) = decoded
    assert isinstance(event, SegmentEvent)
    return event


def test_every_schema_has_examples() -> None:
    assert SCHEMA_PATHS
    for schema in SCHEMA_PATHS:
        assert list((SCHEMAS / "examples" / schema.stem).glob("*.json")), schema.name


@pytest.mark.parametrize(("schema", "example"), PAIRS)
def test_an_example_comes_back_from_avro_as_it_was(schema: Path, example: Path) -> None:
    parsed = fastavro.parse_schema(json.loads(schema.read_text()))

    decoded = fastavro.schemaless_reader(io.BytesIO(_avro(schema, example)), parsed)

    assert decoded == _defaults(schema) | json.loads(example.read_text())


@pytest.mark.parametrize(("schema", "example"), PAIRS)
def test_an_example_means_the_same_in_avro_and_in_json(schema: Path, example: Path) -> None:
    in_json = KafkaRecord(
        topic="events", partition=0, offset=0, key=None, value=example.read_bytes()
    )

    from_avro = _decoded(
        EventFormat.AVRO_SINGLE_OBJECT, _single_object(schema, _avro(schema, example))
    )

    assert from_avro == _decoded(EventFormat.JSON, in_json)


def test_the_examples_of_version_1_show_what_matters() -> None:
    schema = SCHEMAS / "segment_event.v1.avsc"
    events = {
        example.stem: _decoded(
            EventFormat.AVRO_SINGLE_OBJECT, _single_object(schema, _avro(schema, example))
        )
        for example in (SCHEMAS / "examples" / schema.stem).glob("*.json")
    }

    assert events["identify-enters-an-audience"].traits["weekend_readers"] is True
    assert events["track-leaves-an-audience"].properties["weekend_readers"] is False
    assert events["delete-with-empty-arrays"].type is EventType.DELETE
    assert events["delete-with-empty-arrays"].context == {}
    assert events["page-without-a-zone"].timestamp_us == 1_772_446_500_123_456
    assert events["least-event"].message_id == ""


def test_version_1_is_never_edited() -> None:
    schema = SCHEMAS / "segment_event.v1.avsc"

    names = [field["name"] for field in json.loads(schema.read_text())["fields"]]

    assert names == SEGMENT_EVENT_V1_FIELDS
    assert fingerprint_of(schema.read_text()).hex() == "efdee753d3cd1664"
    assert "efdee753d3cd1664" in (SCHEMAS / "README.md").read_text()
