"""The forty kinds of events, and the reference samples where they are, have one outcome in every framing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from consumer.choices import EventFormat
from consumer.record import KafkaRecord
from consumer.sandbox.segment_encoders import (
    as_avro_bare,
    as_avro_confluent,
    as_avro_container,
    as_avro_guid,
    as_avro_single_object,
    as_connect_json,
    as_json,
    guid_header,
    id_header,
)
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.framing import SchemaRef, as_guid
from consumer.segment.membership_rules import Origin
from consumer.segment.record_reading import RecordReading, read_record
from consumer.segment.schemas import (
    LoadedSchema,
    LocalSchemas,
    SchemaLookup,
    default_schemas_directory,
    load_schema,
)
from consumer.segment.schemas_by_kind import SchemasByKind
from tests.contract.test_public_segment_events import KINDS, samples
from tests.segment_events import Fields
from tests.segment_events import a_policy as any_policy

ID, GUID = 7, "89791762-2336-4186-9674-299b90a802e2"
TEXT = (default_schemas_directory() / "segment_event.v1.avsc").read_text()


def _ours() -> LoadedSchema:
    schema = load_schema(TEXT)
    assert isinstance(schema, LoadedSchema)
    return schema


OURS = _ours()


class OneSchema:
    """A registry that has our schema, whatever its number or GUID."""

    waiting = None

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        assert ref == ID or as_guid(ref) is not None
        return OURS

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        raise AssertionError


@dataclass(frozen=True)
class Framing:
    event_format: EventFormat
    encode: Callable[[Fields], bytes]
    headers: tuple[tuple[str, bytes | None], ...] = field(default=())


FRAMINGS: Mapping[str, Framing] = {
    "json-of-connect": Framing(EventFormat.JSON, as_connect_json),
    "confluent-id": Framing(EventFormat.AVRO_CONFLUENT, lambda event: as_avro_confluent(event, ID)),
    "confluent-guid": Framing(EventFormat.AVRO_CONFLUENT, lambda event: as_avro_guid(event, GUID)),
    "confluent-guid-in-the-header": Framing(
        EventFormat.AVRO_CONFLUENT, as_avro_bare, (guid_header(GUID),)
    ),
    "confluent-id-in-the-header": Framing(
        EventFormat.AVRO_CONFLUENT, as_avro_bare, (id_header(ID),)
    ),
    "single-object": Framing(EventFormat.AVRO_SINGLE_OBJECT, as_avro_single_object),
    "container": Framing(EventFormat.AVRO_CONTAINER, lambda event: as_avro_container([event])),
    "container-deflate": Framing(
        EventFormat.AVRO_CONTAINER, lambda event: as_avro_container([event], codec="deflate")
    ),
    "bare": Framing(EventFormat.AVRO_BARE, as_avro_bare),
}
EVENTS = [*(kind.event for kind in KINDS.values()), *(fields for _, fields in samples())]


def read(framing: Framing, value: bytes) -> RecordReading:
    decoder = EventDecoder(
        event_format=framing.event_format,
        schemas=SchemasByKind(
            registry=OneSchema(),
            local=LocalSchemas.from_directory(default_schemas_directory()),
        ),
        bare_schema=OURS,
    )
    record = KafkaRecord("events", 0, 4, None, value, headers=framing.headers)
    events = decoder.decode(record)
    assert not isinstance(events, SchemaNeeded)
    return read_record(events, replace(any_policy(), every_audience=True), Origin("events-0", 4))


@pytest.mark.parametrize("name", FRAMINGS)
def test_every_kind_of_event_has_the_outcome_it_has_in_json(name: str) -> None:
    framing = FRAMINGS[name]
    for event in EVENTS:
        in_json = read(Framing(EventFormat.JSON, as_json), as_json(event))

        assert read(framing, framing.encode(event)) == in_json
        assert in_json.changes or in_json.withdrawals or in_json.ignored or in_json.rejected


@pytest.mark.parametrize("name", [name for name in FRAMINGS if name != "bare"])
def test_detecting_the_framing_gives_the_same(name: str) -> None:
    framing = FRAMINGS[name]
    for event in EVENTS:
        value = framing.encode(event)

        assert read(replace(framing, event_format=EventFormat.DETECT), value) == read(
            framing, value
        )


def test_all_kinds_of_events_in_one_file_have_the_outcomes_they_have_alone() -> None:
    together = read(FRAMINGS["container"], as_avro_container(EVENTS))

    alone = [read(FRAMINGS["container"], as_avro_container([event])) for event in EVENTS]
    assert together.ignored == [reason for record in alone for reason in record.ignored]
    assert [(change.audience, change.action, change.identifier) for change in together.changes] == [
        (change.audience, change.action, change.identifier)
        for record in alone
        for change in record.changes
    ]
