"""Records that cannot be delivered: kept whole, counted, and never lost on the way."""

from confluent_kafka import KafkaError

from consumer.errors import DeadLetterLimitReached
from consumer.kafka.dead_letter_headers import read_failure, without_failures
from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import LAPSED, VIP, emails, enters, rows_of
from tests.scenarios.harness import RunningService, World, a_world, eventually, running_service
from tests.segment_events import Fields

NO_EVENT = b"\x00\xff not an event at all"
HEADERS = [("trace", b"abc"), ("empty", None), ("trace", b"\xff")]
MANY = 100


async def test_an_undecodable_record_goes_to_the_dead_letters_as_it_was(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        await world.produce_records([NewRecord(b"a key", NO_EVENT, HEADERS, 0, 1_760_000_000_123)])
        await world.all_committed(1)

        (dead,) = await world.dead_letters()
        failure = read_failure(dead.headers)
        assert (dead.key, dead.value) == (b"a key", NO_EVENT)
        assert without_failures(dead.headers) == HEADERS
        assert failure is not None
        assert (failure.reason, failure.stage) == ("undecodable", "decode")
        assert (failure.topic, failure.partition, failure.offset) == (world.topic, 0, 0)
        assert (failure.timestamp_ms, failure.attempt) == (1_760_000_000_123, 1)
        assert service.books.dead_lettered == {"undecodable": 1}


async def test_records_around_an_undecodable_one_are_delivered(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, _):
        before, after = emails(5, "before"), emails(5, "after")
        await world.produce([*map(enters, before), NO_EVENT, *map(enters, after)])
        await world.all_committed(11)

        assert world.liveintent.members(VIP) == rows_of([*before, *after])
        assert len(await world.dead_letters()) == 1


async def test_a_dead_letter_that_cannot_be_written_holds_back_the_commit(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka) as world:
        await world.produce([NO_EVENT, enters("ana@example.com")])
        embedded_kafka.push_errors(ApiKey.PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * MANY)
        service = await world.start_service()
        await eventually(lambda: service.books.delivered, why="the good record is delivered")
        await eventually(lambda: _failed_writes(service), why="a write fails")
        await service.has_committed_again()
        held_back = await world.committed()

        embedded_kafka.clear_errors(ApiKey.PRODUCE)
        await world.all_committed(2)

        assert held_back == {0: 0}
        assert [record.value for record in await world.dead_letters()] == [NO_EVENT]


async def test_too_many_dead_letters_end_the_service_and_nothing_past_them_is_committed(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, DEAD_LETTER_LIMIT="3") as (world, service):
        await world.produce([*[NO_EVENT] * 10, enters("ana@example.com")])

        error = await service.end()

        assert isinstance(error, DeadLetterLimitReached)
        assert await world.committed_in_all() <= 3
        assert len(await world.dead_letters()) <= 3


async def test_a_refused_audience_goes_to_the_dead_letters_and_delays_no_other(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, DEAD_LETTER_LIMIT="3") as (world, service):
        world.liveintent.add_audience(LAPSED, status="Archived")
        people = emails(10)
        await world.produce(enters(email, name) for email in people for name in (LAPSED, VIP))
        await world.all_committed(20)

        scrape = await service.scrape()
        assert world.liveintent.members(VIP) == rows_of(people)
        assert service.books.dead_lettered == {"audience_refused": 10}
        assert await _stages(world) == {"upload"}
        assert scrape.value("lanes_refused") == 1
        assert f"refuses 1 audience ({LAPSED})" in (await service.get("/status"))[1]


async def test_an_upload_that_ends_in_error_too_often_goes_to_the_dead_letters(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, UPLOAD_ERROR_ATTEMPTS="1") as (world, service):
        world.liveintent.faults.add(Fault(kind=FaultKind.UPLOAD_ERROR, audience=LAPSED))
        await world.produce([enters("ana@example.com", LAPSED), enters("ben@example.com")])
        await world.all_committed(2)

        assert service.books.dead_lettered == {"upload_refused": 1}
        assert service.books.delivered == 1
        tries = [each for each in world.liveintent.uploads() if each.audience_name == LAPSED]
        assert [each.status for each in tries] == ["Error", "Error"]


async def test_a_record_with_two_refused_parts_is_one_dead_letter(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, LIVEINTENT_AUDIENCES=f"{VIP},{LAPSED}") as (
        world,
        service,
    ):
        world.liveintent.add_audience(VIP, status="Deleted")
        world.liveintent.add_audience(LAPSED, status="Archived")
        await world.produce([_of_two_audiences()])
        await world.all_committed(1)

        assert service.books.dead_lettered == {"audience_refused": 1}
        assert len(await world.dead_letters()) == 1


async def test_a_record_with_one_refused_part_is_delivered_to_the_other_audience_and_is_a_dead_letter(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, LIVEINTENT_AUDIENCES=f"{VIP},{LAPSED}") as (
        world,
        service,
    ):
        world.liveintent.add_audience(LAPSED, status="Archived")
        await world.produce([_of_two_audiences()])
        await world.all_committed(1)

        assert world.liveintent.members(VIP) == rows_of(["ana@example.com"])
        assert (service.books.delivered, service.books.dead_lettered) == (
            0,
            {"audience_refused": 1},
        )


async def _failed_writes(service: RunningService) -> bool:
    return (await service.scrape()).value("dead_letter_writes_total", result="failed") > 0


async def _stages(world: World) -> set[str]:
    failures = [read_failure(dead.headers) for dead in await world.dead_letters()]
    return {failure.stage for failure in failures if failure is not None}


def _of_two_audiences() -> Fields:
    """Without personas one event may speak of several audiences."""
    event = enters("ana@example.com", context={})
    return {**event, "traits": {"email": "ana@example.com", VIP: True, LAPSED: True}}
