"""A service that is ready and gets nothing done says so in a metric, and says what it waits for.

docs/decisions/0014-no-silent-state.md lists the states; these are those no other test shows.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import structlog
from confluent_kafka import KafkaError

from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.service import ordering
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.real_kafka import RealKafka
from tests.kafka_cluster.topics import NewRecord
from tests.scenarios.events import VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    RunningService,
    World,
    a_world,
    eventually,
    running_service,
)

SOON = "1"
MANY = 100_000


async def test_a_lane_stuck_behind_an_upload_stalls_its_partition_and_no_other(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, partitions=2, STALLED_AFTER_SECONDS=SOON) as (
        world,
        service,
    ):
        await _all_caught_up(service)
        world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, audience=VIP))
        await world.produce(map(enters, emails(3)), partition=1)
        await _is_stalled(world, service, partition=1)

        status = await _status(service)
        scrape = await service.scrape()
        assert status["why_behind"].startswith(f"No progress on 1 of 2 partitions: {world.topic}-1")
        assert f"the upload of {VIP}" in status["why_behind"]
        assert scrape.value("partition_stalled", topic=world.topic, partition="0") == 0
        assert scrape.value("commit_age_seconds", topic=world.topic, partition="1") >= 1
        assert (await service.ready())[0] == 200
        page = (await service.get("/"))[1]
        assert "no progress for" in page

        world.liveintent.faults.clear()
        await world.all_committed(3)
        await _is_stalled(world, service, partition=1, stalled=0)


async def test_commits_that_fail_for_good_are_told_and_stall_the_partition(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with running_service(embedded_kafka, STALLED_AFTER_SECONDS=SOON) as (world, service):
        await world.produce(map(enters, emails(3)))
        await world.all_committed(3)
        embedded_kafka.push_errors(
            ApiKey.OFFSET_COMMIT, *[KafkaError.GROUP_AUTHORIZATION_FAILED] * MANY
        )
        await world.produce(map(enters, emails(3, "later")))
        await _is_stalled(world, service)

        scrape = await service.scrape()
        assert scrape.value("offset_commits_total", result="failed") > 0
        assert service.books.pending == 0
        assert (
            "committing offsets is held back: GROUP_AUTHORIZATION_FAILED"
            in (await service.ready())[1]
        )
        assert (await _partition(service))["waits_for"] == "Kafka to take its commit"

        embedded_kafka.clear_errors(ApiKey.OFFSET_COMMIT)
        await world.all_committed(6)


async def test_records_kafka_does_not_give_stall_the_partition_with_what_kafka_said(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with running_service(embedded_kafka, STALLED_AFTER_SECONDS=SOON) as (world, service):
        await world.produce(map(enters, emails(3)))
        await world.all_committed(3)
        embedded_kafka.push_errors(ApiKey.FETCH, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * MANY)
        await world.produce(map(enters, emails(3, "later")))
        await _is_stalled(world, service, seconds=40)

        why = (await _partition(service))["waits_for"]
        assert why.startswith("Kafka to give its records (it said TOPIC_AUTHORIZATION_FAILED")
        assert await _metric(service, "kafka_errors_total", code="TOPIC_AUTHORIZATION_FAILED")

        embedded_kafka.clear_errors(ApiKey.FETCH)
        await world.all_committed(6)


async def test_a_start_kafka_does_not_tell_stalls_the_partition_until_it_does(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka, STALLED_AFTER_SECONDS=SOON) as world:
        await world.produce(map(enters, emails(3)))
        embedded_kafka.push_errors(
            ApiKey.OFFSET_FETCH, *[KafkaError.GROUP_AUTHORIZATION_FAILED] * MANY
        )
        service = await world.start_service()
        await _is_stalled(world, service)

        assert (await _partition(service))["waits_for"] == "Kafka to tell where it starts"
        assert (await service.ready())[0] == 200
        assert "GROUP_AUTHORIZATION_FAILED" in (await service.ready())[1]

        embedded_kafka.clear_errors(ApiKey.OFFSET_FETCH)
        await world.all_committed(3)


async def test_a_topic_that_is_not_there_is_told_while_the_others_are_read(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        topic = world.topic
        service = await world.start_service(KAFKA_TOPICS=f"{topic},not-there")
        await world.produce(map(enters, emails(3)))
        await world.all_committed(3)

        async def told() -> bool:
            return "topic not-there is not read" in (await service.ready())[1]

        await eventually(told, why="readiness names the topic")
        scrape = await service.scrape()
        assert ("segment_liveintent_topic_partitions", frozenset({("topic", "not-there")})) in (
            scrape.samples
        )
        assert scrape.value("topic_partitions", topic="not-there") == 0
        assert scrape.value("topic_partitions", topic=topic) == 1


async def test_a_topic_we_may_not_read_any_more_is_told_and_read_again_once_we_may(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with running_service(embedded_kafka) as (world, service):
        await world.produce(map(enters, emails(3)))
        await world.all_committed(3)
        embedded_kafka.set_topic_error(world.topic, KafkaError.TOPIC_AUTHORIZATION_FAILED)

        async def told() -> bool:
            return f"topic {world.topic} is not read" in (await service.ready())[1]

        await eventually(told, seconds=40, why="readiness names the topic")
        scrape = await service.scrape()
        assert scrape.value("topic_partitions", topic=world.topic) == 0
        assert scrape.value("kafka_errors_total", code="TOPIC_AUTHORIZATION_FAILED") > 0

        embedded_kafka.set_topic_error(world.topic, 0)
        await eventually(lambda: service.partitions, seconds=40, why="it is read again")


async def test_a_replica_without_partitions_shows_that_the_topic_has_fewer_than_replicas(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=1, session_ms=QUICK_SESSION) as world:
        services = [await world.start_service(), await world.start_service()]

        async def all_know() -> bool:
            return all(
                [await _metric(each, "topic_partitions", topic=world.topic) for each in services]
            )

        await eventually(all_know, why="both know how many partitions there are")
        await eventually(lambda: sum(each.partitions for each in services) == 1, why="one has it")
        held = [await _metric(each, "assigned_partitions") for each in services]
        assert sorted(held) == [0, 1]


@pytest.mark.kafka
async def test_under_kip_848_a_replica_without_partitions_becomes_ready(
    real_kafka: RealKafka,
) -> None:
    protocol = json.dumps({"group.protocol": "consumer"})
    async with a_world(real_kafka, KAFKA_PROPERTIES=protocol) as world:
        first = await world.start_service()
        await eventually(lambda: first.partitions == 1, why="the first has the partition")
        spare = await world.start_service()
        at_first = (await spare.ready())[0]

        async def is_ready() -> bool:
            return (await spare.ready())[0] == 200

        await eventually(is_ready, seconds=30, why="the spare one is ready")
        assert (at_first, spare.partitions) == (503, 0)


async def test_dead_letters_that_cannot_be_written_are_told_and_stall_the_partition(
    embedded_kafka: EmbeddedKafka,
) -> None:
    async with a_world(embedded_kafka, STALLED_AFTER_SECONDS=SOON) as world:
        await world.produce([b"no event"])
        embedded_kafka.push_errors(ApiKey.PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * MANY)
        service = await world.start_service()
        await _is_stalled(world, service)

        remark = "dead letters cannot be written: TOPIC_AUTHORIZATION_FAILED"
        assert remark in (await service.ready())[1]
        assert (await _partition(service))["waits_for"] == "its dead letter to be written"
        assert await _metric(service, "dead_letter_writes_total", result="failed")

        embedded_kafka.clear_errors(ApiKey.PRODUCE)
        await world.all_committed(1)
        assert remark not in (await service.ready())[1]


async def test_records_without_a_key_are_counted_and_warned_of_beside_another_replica(
    kafka_cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "SHARED_AFTER_SECONDS", 0.5)
    people = emails(4)
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        services = [await world.start_service(), await world.start_service()]
        await eventually(lambda: [each.partitions for each in services] == [1, 1], why="they share")
        with structlog.testing.capture_logs() as lines:

            async def warned() -> bool:
                await world.produce_records(
                    NewRecord(None, world.encoded(enters(email)), partition=number % 2)
                    for number, email in enumerate(people)
                )
                return any("without a key" in line["event"] for line in lines)

            await eventually(warned, why="one of them warns")

        counted = sum([await _metric(each, "records_without_key_total") for each in services])
        assert counted >= 4


async def test_a_person_in_two_partitions_is_counted_once(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster, partitions=2) as (world, service):
        ana, ben = emails(2)
        await world.produce([enters(ana), enters(ben)], partition=0)
        await world.all_committed(2)
        await world.produce([leaves(ana)], partition=1)
        await world.produce([leaves(ben)], partition=0)
        await world.all_committed(4)
        await world.produce([enters(ana, at="2026-03-04T08:15:00Z")], partition=0)
        await world.all_committed(5)

        async def counted() -> float:
            return await _metric(service, "members_on_several_partitions_total")

        await eventually(counted, why="somebody is counted")
        assert await counted() == 1
        assert world.liveintent.members(VIP) == rows_of([ana])


async def _is_stalled(
    world: World,
    service: RunningService,
    *,
    partition: int = 0,
    stalled: int = 1,
    seconds: float = 20,
) -> None:
    async def shows() -> bool:
        labels = {"topic": world.topic, "partition": str(partition)}
        return await _metric(service, "partition_stalled", **labels) == stalled

    await eventually(shows, seconds=seconds, why=f"partition_stalled is {stalled}")


async def _all_caught_up(service: RunningService) -> None:
    async def caught_up() -> bool:
        partitions = (await _status(service))["partitions"]
        return {each["progress"] for each in partitions} == {"caught_up"}

    await eventually(caught_up, why="Kafka has told where every log ends")


async def _status(service: RunningService) -> Mapping[str, Any]:
    status: Mapping[str, Any] = json.loads((await service.get("/status"))[1])
    return status


async def _partition(service: RunningService) -> Mapping[str, Any]:
    partition: Mapping[str, Any] = (await _status(service))["partitions"][0]
    return partition


async def _metric(service: RunningService, name: str, **labels: str) -> float:
    return (await service.scrape()).value(name, **labels)
