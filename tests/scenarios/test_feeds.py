"""Every framing of docs/feeds.md through the real service: the same people end in the same audience."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from consumer.record import RejectReason
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
    segment_event_schema,
)
from consumer.segment.schemas import default_schemas_directory
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord, produce, unique_name
from tests.scenarios.events import VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import World, eventually, running_service
from tests.segment_events import Fields

OUR_SCHEMA = str(default_schemas_directory() / "segment_event.v1.avsc")
OUR_RECORD = "segment_liveintent.v1.SegmentEvent"
PEOPLE = emails(4)


def _guid(world: World) -> str:
    return world.registry.guid_of(world.schema_id)


FRAMINGS: Mapping[str, tuple[str, Callable[[World, Fields], NewRecord]]] = {
    "confluent-id": (
        "avro-confluent",
        lambda world, event: NewRecord(None, as_avro_confluent(event, world.schema_id)),
    ),
    "confluent-guid": (
        "avro-confluent",
        lambda world, event: NewRecord(None, as_avro_guid(event, _guid(world))),
    ),
    "confluent-guid-in-the-header": (
        "avro-confluent",
        lambda world, event: NewRecord(
            None, as_avro_bare(event), headers=(guid_header(_guid(world)),)
        ),
    ),
    "confluent-id-in-the-header": (
        "avro-confluent",
        lambda world, event: NewRecord(
            None, as_avro_bare(event), headers=(id_header(world.schema_id),)
        ),
    ),
    "single-object": (
        "avro-single-object",
        lambda _, event: NewRecord(None, as_avro_single_object(event)),
    ),
    "container": ("avro-container", lambda _, event: NewRecord(None, as_avro_container([event]))),
    "container-deflate": (
        "avro-container",
        lambda _, event: NewRecord(None, as_avro_container([event], codec="deflate")),
    ),
    "bare": ("avro-bare", lambda _, event: NewRecord(None, as_avro_bare(event))),
    "json": ("json", lambda _, event: NewRecord(None, as_json(event))),
    "json-of-connect": ("json", lambda _, event: NewRecord(None, as_connect_json(event))),
}


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_every_framing_is_delivered(kafka_cluster: KafkaCluster, framing: str) -> None:
    event_format, record = FRAMINGS[framing]
    schema_file = OUR_SCHEMA if event_format == "avro-bare" else ""
    async with running_service(
        kafka_cluster, event_format=event_format, EVENT_SCHEMA_FILE=schema_file
    ) as (world, service):
        events = [*map(enters, PEOPLE), leaves(PEOPLE[0])]
        await world.produce_records(record(world, event) for event in events)
        await world.all_committed(len(events))

        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])
        assert service.books.dead_lettered == {}


async def test_all_framings_but_bare_avro_can_be_told_apart_on_one_topic(
    kafka_cluster: KafkaCluster,
) -> None:
    people = emails(len(FRAMINGS))
    async with running_service(kafka_cluster, event_format="detect") as (world, service):
        told_apart = [each for each in FRAMINGS if each != "bare"]
        await world.produce_records(
            FRAMINGS[framing][1](world, enters(person))
            for framing, person in zip(told_apart, people, strict=False)
        )
        await world.all_committed(len(told_apart))

        assert world.liveintent.members(VIP) == rows_of(people[: len(told_apart)])
        assert service.books.dead_lettered == {}


async def test_a_record_of_a_name_that_is_not_listed_is_dead_lettered(
    kafka_cluster: KafkaCluster,
) -> None:
    stranger = {**segment_event_schema(), "name": "Stranger"}
    async with running_service(
        kafka_cluster, event_format="avro-confluent", EVENT_RECORD_NAMES=OUR_RECORD
    ) as (world, service):
        strange_id = world.registry.register(f"{world.topic}-value", stranger)
        await world.produce_records(
            NewRecord(None, as_avro_confluent(enters(person), schema_id))
            for person, schema_id in zip(PEOPLE, [strange_id, *[world.schema_id] * 3], strict=True)
        )
        await world.all_committed(len(PEOPLE))

        assert service.books.dead_lettered == {RejectReason.REFUSED_SCHEMA: 1}
        assert world.liveintent.members(VIP) == rows_of(PEOPLE[1:])


async def test_a_file_of_many_events_is_one_record_whose_last_word_counts(
    kafka_cluster: KafkaCluster,
) -> None:
    people = emails(50)
    # Of the same moment, so that nothing but its place in the file says which is the newer.
    moment = "2026-03-02T08:15:00Z"
    events = [enters(person, at=moment) for person in people]
    events += [leaves(person, at=moment) for person in people[:10]]
    async with running_service(kafka_cluster, event_format="avro-container") as (world, service):
        await world.produce_records([NewRecord(None, as_avro_container(events, codec="deflate"))])
        await world.all_committed(1)

        assert world.liveintent.members(VIP) == rows_of(people[10:])
        assert (service.books.consumed, service.books.delivered) == (1, 1)


async def test_a_bad_event_of_a_file_is_dead_lettered_and_the_others_are_delivered(
    kafka_cluster: KafkaCluster,
) -> None:
    events: list[Fields] = [*map(enters, PEOPLE)]
    events[2] = {**events[2], "timestamp": "some day"}
    async with running_service(kafka_cluster, event_format="avro-container") as (world, service):
        file = as_avro_container(events)
        await world.produce_records([NewRecord(None, file)])
        await world.all_committed(1)

        (letter,) = await world.dead_letters()
        detail = dict(letter.headers)["segment_liveintent.detail"]
        assert world.liveintent.members(VIP) == rows_of([*PEOPLE[:2], PEOPLE[3]])
        assert service.books.dead_lettered == {RejectReason.INVALID_EVENT: 1}
        assert letter.value == file
        assert detail == b"event 3 of 4: timestamp is text that is not a time"


async def test_topics_of_different_formats_are_read_by_one_process(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    usual, files, bare = (unique_name(stem) for stem in ("usual", "files", "bare"))
    for topic in (usual, files, bare):
        await asyncio.to_thread(kafka_cluster.create_topic, topic, partitions=1)
    feeds = await asyncio.to_thread(_feeds_file, tmp_path, files, bare)
    async with running_service(
        kafka_cluster,
        event_format="avro-confluent",
        EVENT_FEEDS_FILE=str(feeds),
        KAFKA_TOPICS=f"{usual},{files},{bare}",
    ) as (world, service):
        values = {
            usual: as_avro_confluent(enters(PEOPLE[0]), world.schema_id),
            files: as_avro_container([enters(PEOPLE[1]), enters(PEOPLE[2])]),
            bare: as_avro_bare(enters(PEOPLE[3])),
        }
        for topic, value in values.items():
            await asyncio.to_thread(produce, kafka_cluster.bootstrap_servers, topic, _one(value))
        await eventually(lambda: world.members().get(VIP) == rows_of(PEOPLE))
        await service.has_finished(len(values))

        assert service.books.dead_lettered == {}


def _feeds_file(directory: Path, files: str, bare: str) -> Path:
    (directory / "event.avsc").write_text(Path(OUR_SCHEMA).read_text())
    feeds = directory / "feeds.toml"
    feeds.write_text(
        f'[[feed]]\ntopics = ["{files}"]\nformat = "avro-container"\n\n'
        f'[[feed]]\ntopics = ["{bare}"]\nformat = "avro-bare"\nschema_file = "event.avsc"\n'
    )
    return feeds


def _one(value: bytes) -> list[NewRecord]:
    return [NewRecord(None, value)]
