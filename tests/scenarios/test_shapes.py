"""Every shape of docs/feeds.md through the real service: the same people end in the same audience."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from consumer.segment.mapping.model import SECTIONS
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import running_service
from tests.segment_events import Fields
from tests.shapes import Written, as_map_of_strings, as_map_of_unions, as_warehouse_row

PEOPLE = emails(3)
EVENTS = [*map(enters, PEOPLE), leaves(PEOPLE[0])]
SHAPES: dict[str, tuple[str, Callable[[Fields], Written]]] = {
    "map-of-unions": ("map-of-unions", as_map_of_unions),
    "map-of-strings": ("map-of-strings", as_map_of_strings),
    "warehouse-row": ("segment-warehouse-identifies", as_warehouse_row),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_of_avro_is_delivered(
    kafka_cluster: KafkaCluster, tmp_path: Path, shape: str
) -> None:
    mapping, write = SHAPES[shape]
    written = [write(event) for event in EVENTS]
    schema_file = tmp_path / "theirs.avsc"
    await asyncio.to_thread(schema_file.write_text, json.dumps(written[0].schema))
    assert all(each.schema == written[0].schema for each in written)
    async with running_service(
        kafka_cluster,
        event_format="avro-bare",
        EVENT_SCHEMA_FILE=str(schema_file),
        EVENT_MAPPING=mapping,
    ) as (world, service):
        await world.produce_records(NewRecord(None, each.body) for each in written)
        await world.all_committed(len(written))

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.dead_lettered == {}


async def test_json_of_another_shape_is_delivered_by_a_mapping_of_the_customers(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    sections = "\n".join(f"[{name}]\nfrom = 'body.their_{name}'" for name in SECTIONS)
    mapping = tmp_path / "theirs.toml"
    await asyncio.to_thread(mapping.write_text, f"[call]\nmessageId = 'id'\n{sections}\n")
    values = [
        json.dumps(
            {
                **event,
                **dict.fromkeys(SECTIONS),
                "messageId": None,
                "id": event["messageId"],
                "body": {f"their_{name}": event.get(name) for name in SECTIONS},
            }
        )
        for event in EVENTS
    ]
    async with running_service(kafka_cluster, event_format="json", EVENT_MAPPING=str(mapping)) as (
        world,
        service,
    ):
        await world.produce_records(NewRecord(None, value.encode()) for value in values)
        await world.all_committed(len(values))

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.dead_lettered == {}


async def test_rows_of_a_warehouses_event_tables_are_delivered(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    events = [_as_track(event) for event in EVENTS]
    written = [as_warehouse_row(event) for event in events]
    schema_file = tmp_path / "theirs.avsc"
    await asyncio.to_thread(schema_file.write_text, json.dumps(written[0].schema))
    assert all(each.schema == written[0].schema for each in written)
    async with running_service(
        kafka_cluster,
        event_format="avro-bare",
        EVENT_SCHEMA_FILE=str(schema_file),
        EVENT_MAPPING="segment-warehouse-tracks",
    ) as (world, service):
        await world.produce_records(NewRecord(None, each.body) for each in written)
        await world.all_committed(len(written))

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.dead_lettered == {}


async def test_rudderstacks_events_count_for_listed_audiences(kafka_cluster: KafkaCluster) -> None:
    # The traits of an identify are in its context, and nothing tells of Engage.
    events = [{**event, "traits": None, "context": {"traits": event["traits"]}} for event in EVENTS]
    async with running_service(
        kafka_cluster,
        event_format="json",
        EVENT_MAPPING="rudderstack",
        LIVEINTENT_AUDIENCES=VIP,
    ) as (world, service):
        await world.produce(events)
        await world.all_committed(len(events))

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.dead_lettered == {}


@pytest.mark.parametrize(
    ("event_format", "mapping"), [("json", "segment-json"), ("avro-confluent", "segment-event-v1")]
)
async def test_segments_own_shapes_are_delivered_by_name_too(
    kafka_cluster: KafkaCluster, event_format: str, mapping: str
) -> None:
    async with running_service(kafka_cluster, event_format=event_format, EVENT_MAPPING=mapping) as (
        world,
        service,
    ):
        await world.produce(EVENTS)
        await world.all_committed(len(EVENTS))

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.dead_lettered == {}


def _as_track(event: Fields) -> Fields:
    """The same change as Engage's track call tells it: the key and the boolean are properties, the email a trait."""
    traits = event["traits"]
    assert isinstance(traits, dict)
    entered = traits[VIP]
    context = event["context"]
    assert isinstance(context, dict)
    return {
        **event,
        "type": "track",
        "event": "Audience Entered" if entered else "Audience Exited",
        "traits": None,
        "properties": {"audience_key": VIP, VIP: entered},
        "context": {**context, "traits": {"email": traits["email"]}},
    }
