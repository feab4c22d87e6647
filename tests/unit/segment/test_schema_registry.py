import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from consumer.segment.framing import Fingerprint, RegistryGuid, RegistryId
from consumer.segment.patient_registry import PatientRegistry
from consumer.segment.registry_client import Found, NotFound, SchemaReference
from consumer.segment.schema_registry import SCHEMAS_REMEMBERED, RegistrySchemas
from consumer.segment.schemas import LoadedSchema, RefusedSchema, UnknownSchema
from consumer.telemetry.metrics import Metrics

SEVEN = RegistryId(7)
GUID = RegistryGuid(bytes(range(16)))
EVENT = Found('{"type": "record", "name": "Event", "fields": []}', "AVRO")
ID = Found('{"type": "fixed", "name": "Id", "size": 4}', "AVRO")


def a_record(name: str, field_type: str, *references: SchemaReference) -> Found:
    fields = f'[{{"name": "f", "type": "{field_type}"}}]'
    text = f'{{"type": "record", "name": "{name}", "fields": {fields}}}'
    return Found(text, "AVRO", references)


class Shelf(PatientRegistry):
    """A registry of what is put on it. Answers only while `open_` is set."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self.found = dict(found)
        self.asked: Counter[str] = Counter()
        self.open_ = asyncio.Event()
        self.open_.set()

    @property
    def waiting(self) -> str | None:
        return None if self.open_.is_set() else "schema 7: HTTP 503"

    async def ask(self, path: str, what: str) -> Found | NotFound:
        self.asked[path] += 1
        await self.open_.wait()
        return self.found.get(path, NotFound())


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({"/schemas/ids/7": EVENT})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schemas(shelf: Shelf, clock: Clock) -> Iterator[RegistrySchemas]:
    schemas = RegistrySchemas(shelf, now=clock.now)
    yield schemas
    assert schemas._fetches == {}


async def test_a_schema_is_not_known_before_it_is_loaded_and_known_ever_after(
    schemas: RegistrySchemas, shelf: Shelf, clock: Clock
) -> None:
    assert schemas.get(SEVEN) is None

    loaded = await schemas.load(SEVEN)

    assert isinstance(loaded, LoadedSchema)
    assert loaded.name == "Event"
    clock.seconds += 1e9
    assert schemas.get(SEVEN) is loaded
    assert await schemas.load(SEVEN) is loaded
    assert shelf.asked == {"/schemas/ids/7": 1}


async def test_however_many_wait_for_a_schema_it_is_asked_for_once(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.open_.clear()
    waiters = [asyncio.create_task(schemas.load(SEVEN)) for _ in range(10)]
    await asyncio.sleep(0)
    shelf.open_.set()

    results = await asyncio.gather(*waiters)

    assert shelf.asked == {"/schemas/ids/7": 1}
    assert all(result is results[0] for result in results)


async def test_schemas_do_not_wait_for_each_other(schemas: RegistrySchemas, shelf: Shelf) -> None:
    shelf.open_.clear()
    waiters = [asyncio.create_task(schemas.load(RegistryId(number))) for number in (7, 8)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert shelf.asked == {"/schemas/ids/7": 1, "/schemas/ids/8": 1}

    shelf.open_.set()
    await asyncio.gather(*waiters)


async def test_cancelling_one_who_waits_does_not_disturb_the_others(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.open_.clear()
    first, second = (asyncio.create_task(schemas.load(SEVEN)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    shelf.open_.set()

    assert isinstance(await second, LoadedSchema)
    assert shelf.asked == {"/schemas/ids/7": 1}


async def test_nothing_goes_on_when_the_last_who_waits_is_cancelled(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.open_.clear()
    waiter = asyncio.create_task(schemas.load(SEVEN))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_fetch_given_up_is_not_joined_by_who_comes_next(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.open_.clear()
    waiter = asyncio.create_task(schemas.load(SEVEN))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    shelf.open_.set()

    assert isinstance(await schemas.load(SEVEN), LoadedSchema)


async def test_a_bug_reaches_every_one_who_waits(
    schemas: RegistrySchemas, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(path: str, what: str) -> Found:
        raise ZeroDivisionError

    monkeypatch.setattr(shelf, "ask", broken)

    results = await asyncio.gather(*(schemas.load(SEVEN) for _ in range(2)), return_exceptions=True)

    assert [type(result) for result in results] == [ZeroDivisionError, ZeroDivisionError]


async def test_a_schema_nobody_has_is_unknown_for_a_minute(
    schemas: RegistrySchemas, shelf: Shelf, clock: Clock
) -> None:
    eight = RegistryId(8)
    unknown = UnknownSchema("the schema registry has no schema 8")

    assert await schemas.load(eight) == unknown
    clock.seconds += 59.9
    assert schemas.get(eight) == await schemas.load(eight) == unknown
    assert shelf.asked == {"/schemas/ids/8": 1}
    clock.seconds += 0.1
    assert schemas.get(eight) is None

    shelf.found["/schemas/ids/8"] = EVENT
    assert isinstance(await schemas.load(eight), LoadedSchema)


async def test_unknown_schemas_are_forgotten(schemas: RegistrySchemas, clock: Clock) -> None:
    for number in range(100, 200):
        await schemas.load(RegistryId(number))
        clock.seconds += 30

    assert len(schemas._unknown) == 2


async def test_a_schema_that_many_others_followed_is_asked_for_again(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    numbers = [RegistryId(number) for number in range(1_000, 1_000 + SCHEMAS_REMEMBERED)]
    shelf.found.update({f"/schemas/ids/{number}": EVENT for number in numbers})
    await schemas.load(SEVEN)
    for number in numbers:
        await schemas.load(number)

    assert schemas.get(SEVEN) is None
    assert isinstance(await schemas.load(SEVEN), LoadedSchema)
    assert isinstance(schemas.get(numbers[-1]), LoadedSchema)


async def test_an_unsafe_schema_is_refused_for_ever(
    schemas: RegistrySchemas, shelf: Shelf, clock: Clock
) -> None:
    shelf.found["/schemas/ids/7"] = a_record("R", "R")

    refused = await schemas.load(SEVEN)

    assert refused == RefusedSchema("the type R contains itself")
    clock.seconds += 1e9
    assert schemas.get(SEVEN) is refused


@pytest.mark.parametrize("schema_type", ["JSON", "PROTOBUF"])
async def test_a_schema_of_another_type_is_refused(
    schemas: RegistrySchemas, shelf: Shelf, schema_type: str
) -> None:
    shelf.found["/schemas/ids/7"] = Found("{}", schema_type)

    assert await schemas.load(SEVEN) == RefusedSchema("schema 7 is not of type AVRO")


async def test_a_fingerprint_is_unknown_to_a_registry_without_asking_it(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    unknown = UnknownSchema("a schema registry knows schemas by number, not by fingerprint")

    assert (
        schemas.get(Fingerprint(bytes(8))) == await schemas.load(Fingerprint(bytes(8))) == unknown
    )
    assert not shelf.asked


async def test_what_a_schema_refers_to_is_fetched_once_each(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    """Visit refers to User and Id, User to Id."""
    ids, users = SchemaReference("ids", 1), SchemaReference("users", 4)
    shelf.found = {
        "/schemas/ids/7": a_record("Visit", "User", users, ids),
        "/subjects/users/versions/4": a_record("User", "Id", ids),
        "/subjects/ids/versions/1": ID,
    }

    loaded = await schemas.load(SEVEN)

    assert isinstance(loaded, LoadedSchema)
    assert loaded.name == "Visit"
    assert shelf.asked == dict.fromkeys(shelf.found, 1)


async def test_a_schema_is_unknown_when_the_registry_lacks_what_it_refers_to(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.found["/schemas/ids/7"] = a_record("Visit", "Id", SchemaReference("ids", 1))

    assert await schemas.load(SEVEN) == UnknownSchema(
        "the schema registry has no version 1 of subject ids"
    )


async def test_references_in_a_circle_come_to_an_end(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    there, back = SchemaReference("there", 1), SchemaReference("back", 1)
    shelf.found = {
        "/schemas/ids/7": a_record("R", "int", there),
        there.path: a_record("There", "int", back),
        back.path: a_record("Back", "int", there),
    }

    assert isinstance(await schemas.load(SEVEN), LoadedSchema)


async def test_a_schema_that_refers_to_too_many_is_refused(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.found["/schemas/ids/7"] = a_record(
        "R", "int", *(SchemaReference("ids", version) for version in range(101))
    )
    shelf.found |= {SchemaReference("ids", version).path: ID for version in range(101)}

    assert await schemas.load(SEVEN) == RefusedSchema("more than 100 schemas referred to")


async def test_it_tells_what_the_registry_waits_for(schemas: RegistrySchemas, shelf: Shelf) -> None:
    shelf.open_.clear()

    assert schemas.waiting == "schema 7: HTTP 503"


async def test_a_schema_is_found_by_its_guid_with_the_same_promises(
    schemas: RegistrySchemas, shelf: Shelf, clock: Clock
) -> None:
    path = f"/schemas/guids/{UUID(bytes=bytes(GUID))}"
    shelf.found[path] = EVENT
    assert schemas.get(GUID) is None

    shelf.open_.clear()
    waiters = [asyncio.create_task(schemas.load(GUID)) for _ in range(3)]
    await asyncio.sleep(0)
    shelf.open_.set()
    loaded = (await asyncio.gather(*waiters))[0]
    clock.seconds += 1e9

    assert isinstance(loaded, LoadedSchema)
    assert schemas.get(GUID) is loaded
    assert shelf.asked == {path: 1}


async def test_a_guid_nobody_has_is_unknown_for_a_minute(
    schemas: RegistrySchemas, clock: Clock
) -> None:
    unknown = await schemas.load(GUID)

    assert unknown == UnknownSchema(f"the schema registry has no schema {UUID(bytes=bytes(GUID))}")
    assert schemas.get(GUID) == unknown
    clock.seconds += 60
    assert schemas.get(GUID) is None


async def test_what_came_of_looking_for_schemas_is_counted(shelf: Shelf) -> None:
    counted = CollectorRegistry()
    schemas = RegistrySchemas(shelf, metrics=Metrics(counted))
    shelf.found["/schemas/ids/9"] = Found("{}", "JSON")
    for number in (7, 7, 7, 8, 9):
        await schemas.load(RegistryId(number))
    name = "segment_liveintent_schema_lookups_total"

    assert {
        result: counted.get_sample_value(name, {"result": result})
        for result in ("remembered", "loaded", "unknown", "refused")
    } == {"remembered": 2, "loaded": 1, "unknown": 1, "refused": 1}


async def test_schemas_that_are_waited_for_are_counted(shelf: Shelf) -> None:
    counted = CollectorRegistry()
    schemas = RegistrySchemas(shelf, metrics=Metrics(counted))
    shelf.open_.clear()
    waiters = [asyncio.create_task(schemas.load(RegistryId(number))) for number in (7, 7, 8)]
    await asyncio.sleep(0)
    while_waiting = counted.get_sample_value("segment_liveintent_schemas_awaited")
    waiters[2].cancel()
    await asyncio.gather(waiters[2], return_exceptions=True)
    after_one_gave_up = counted.get_sample_value("segment_liveintent_schemas_awaited")
    shelf.open_.set()
    await asyncio.gather(*waiters, return_exceptions=True)

    assert (while_waiting, after_one_gave_up) == (2, 1)
    assert counted.get_sample_value("segment_liveintent_schemas_awaited") == 0


async def test_schemas_ready_for_use_are_counted(shelf: Shelf) -> None:
    counted = CollectorRegistry()
    schemas = RegistrySchemas(shelf, metrics=Metrics(counted))
    shelf.found |= {"/schemas/ids/8": EVENT, "/schemas/ids/9": Found("{}", "JSON")}

    for number in (7, 8, 9, 10):
        await schemas.load(RegistryId(number))

    assert counted.get_sample_value("segment_liveintent_schemas_loaded") == 2


async def test_a_schema_that_cannot_be_used_is_logged_once(
    schemas: RegistrySchemas, shelf: Shelf
) -> None:
    shelf.found["/schemas/ids/7"] = Found("{}", "JSON")

    with capture_logs() as logs:
        await asyncio.gather(*(schemas.load(SEVEN) for _ in range(3)))
        await schemas.load(SEVEN)

    assert [(line["schema"], line["reason"]) for line in logs] == [
        ("schema 7", "schema 7 is not of type AVRO")
    ]
