"""Audiences that are set by their ids, changed emails and small files, through the whole service."""

import json

from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import eventually, running_service


async def test_an_audience_that_is_set_by_its_id_is_the_one_that_is_used_whatever_its_name(
    kafka_cluster: KafkaCluster,
) -> None:
    # The sandbox counts its ids from 900001 on.
    async with running_service(
        kafka_cluster, LIVEINTENT_AUDIENCE_IDS=f"{VIP}=900001", LIVEINTENT_AUDIENCE_NAME_PREFIX="s_"
    ) as (world, service):
        assert world.liveintent.add_audience("renamed since") == 900_001
        await world.produce([enters("ana@example.com")])
        await service.has_finished(1)

        assert [each.name for each in world.liveintent.audiences()] == ["renamed since"]
        assert world.liveintent.members("renamed since") == rows_of(["ana@example.com"])
        _, status = await service.get("/status")
        (lane,) = json.loads(status)["lanes"]
        assert (lane["audience"], lane["audience_id"]) == (VIP, 900_001)


async def test_an_id_that_liveintent_does_not_know_dead_letters_its_audience_and_no_other(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, LIVEINTENT_AUDIENCE_IDS=f"{VIP}=123456") as (
        world,
        service,
    ):
        await world.produce([enters("ana@example.com"), enters("ben@example.com", LAPSED)])
        await service.has_finished(2)

        assert service.books.dead_lettered == {"audience_refused": 1}
        assert world.liveintent.members(LAPSED) == rows_of(["ben@example.com"])
        assert [each.name for each in world.liveintent.audiences()] == [LAPSED]


async def test_a_changed_email_takes_the_old_one_out_with_the_same_event(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, event_format="json") as (world, service):
        await world.produce([enters("old@example.com")])
        await service.has_finished(1)
        change = json.loads(json.dumps(enters("new@example.com", at="2026-03-02T09:00:00Z")))
        change["context"]["traits"] = {"email": "old@example.com"}
        await world.produce([change])
        await service.has_finished(2)

        assert world.liveintent.members(VIP) == rows_of(["new@example.com"])
        assert world.liveintent.breaches == []


async def test_a_flush_of_many_small_files_is_one_and_its_counts_are_shown(
    kafka_cluster: KafkaCluster,
) -> None:
    people = emails(12)
    async with running_service(
        kafka_cluster, LIVEINTENT_MAX_BYTES_PER_UPLOAD="1000", FLUSH_SECONDS="0.5"
    ) as (world, service):
        await world.produce([enters(email) for email in people])
        await service.has_finished(12)

        uploads = world.liveintent.uploads()
        assert len(uploads) >= 2
        assert world.liveintent.members(VIP) == rows_of(people)
        _, status = await service.get("/status")
        (lane,) = json.loads(status)["lanes"]
        last = lane["last_upload"]
        assert (last["action"], last["identifier_type"]) == ("add", "EMAIL_HASH")
        assert last["rows"] == last["uploaded"] > 0
        assert (last["invalid"], last["missing"]) == (0, 0)
        await world.produce([leaves(email) for email in people])
        await eventually(lambda: world.liveintent.members(VIP) == {}, why="all have left")
