"""Deletions and consent that was taken back, through the whole service."""

from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, rows_of
from tests.scenarios.harness import QUICK_SESSION, running_service
from tests.scenarios.withdrawals import CONSENT, USER_ID, consent_event, deletion

ANA, BEN = "ana@example.com", "ben@example.com"
UNMET = "never_seen_before"
AGREES = {"categoryPreferences": {CONSENT: True}}


def agreeing(event: dict[str, object]) -> dict[str, object]:
    context = event["context"]
    assert isinstance(context, dict)
    return {**event, "context": {**context, "consent": AGREES}}


async def test_a_deletion_takes_its_person_and_nobody_else_out_of_every_audience(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        await world.produce([enters(ANA), enters(ANA, LAPSED), enters(BEN), enters(BEN, LAPSED)])
        await world.all_committed(4)

        await world.produce([deletion(ANA)])
        await world.all_committed(5)

        assert world.members() == {VIP: rows_of([BEN]), LAPSED: rows_of([BEN])}
        assert service.books.delivered == 5
        scrape = await service.scrape()
        assert scrape.value("withdrawals_total", cause="deletion", outcome="followed") == 1


async def test_whoever_was_deleted_stays_out_of_an_audience_that_comes_up_later(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        older, newer = "2026-03-01T08:15:00Z", "2026-03-05T08:15:00Z"
        await world.produce([deletion(ANA), enters(ANA, UNMET, at=older), enters(BEN, UNMET)])
        await world.all_committed(3)
        kept_out = world.members()

        await world.produce([enters(ANA, UNMET, at=newer)])
        await world.all_committed(4)

        assert kept_out == {UNMET: rows_of([BEN])}
        assert service.books.ignored == {"deletion": 1, "stale": 1}
        assert world.members() == {UNMET: rows_of([ANA, BEN])}


async def test_a_deletion_reaches_listed_audiences_that_this_process_has_not_met(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(
        kafka_cluster, session_ms=QUICK_SESSION, LIVEINTENT_AUDIENCES=f"{VIP},{LAPSED}"
    ) as (world, service):
        await world.produce([enters(ANA), enters(ANA, LAPSED)])
        await world.all_committed(2)
        await service.stop()
        await world.start_service()

        await world.produce([deletion(ANA)])
        await world.all_committed(3)

        assert world.members() == {VIP: {}, LAPSED: {}}


async def test_a_deletion_without_an_identifier_is_counted_where_it_is_to_be_ignored(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, SEGMENT_DELETIONS="remove") as (world, service):
        await world.produce([deletion()])
        await world.all_committed(1)

        assert service.books.ignored == {"deletion": 1}
        scrape = await service.scrape()
        assert scrape.value("withdrawals_total", cause="deletion", outcome="unusable") == 1


async def test_deletions_without_an_identifier_are_dead_lettered_however_many(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, DEAD_LETTER_LIMIT="2") as (world, service):
        await world.produce([*(deletion() for _ in range(5)), deletion(ANA)])
        await world.all_committed(6)

        dead = await world.dead_letters()
        headers = [str(letter.headers) for letter in dead]
        assert service.books.dead_lettered == {"unusable_deletion": 5}
        assert all("unusable_deletion" in each for each in headers)
        assert not any(USER_ID in each for each in headers)
        scrape = await service.scrape()
        assert scrape.value("withdrawals_total", cause="deletion", outcome="unusable") == 5


async def test_a_service_that_ignores_deletions_removes_nobody(kafka_cluster: KafkaCluster) -> None:
    async with running_service(kafka_cluster, SEGMENT_DELETIONS="ignore") as (world, service):
        await world.produce([enters(ANA), deletion(ANA)])
        await world.all_committed(2)

        assert world.members() == {VIP: rows_of([ANA])}
        assert service.books.ignored == {"deletion": 1}


async def test_who_takes_consent_back_leaves_and_comes_back_with_the_next_enter_after_giving_it_again(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, SEGMENT_CONSENT_CATEGORIES=CONSENT) as (
        world,
        service,
    ):
        await world.produce([agreeing(enters(ANA)), agreeing(enters(ANA, LAPSED))])
        await world.all_committed(2)

        await world.produce([consent_event(ANA, agrees=False)])
        await world.all_committed(3)
        without = world.members()
        given = consent_event(ANA, agrees=True, at="2026-03-05T08:15:00Z")
        again = agreeing(enters(ANA, at="2026-03-06T08:15:00Z"))
        await world.produce([given, again])
        await world.all_committed(5)

        assert without == {VIP: {}, LAPSED: {}}
        assert service.books.ignored == {"not_an_audience": 1}
        assert world.members() == {VIP: rows_of([ANA]), LAPSED: {}}


async def test_consent_that_nobody_enforces_is_an_ordinary_call(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        await world.produce([enters(ANA), consent_event(ANA, agrees=False)])
        await world.all_committed(2)

        assert world.members() == {VIP: rows_of([ANA])}
        assert service.books.ignored == {"not_an_audience": 1}


async def test_many_deletions_share_the_files_of_their_audience(
    kafka_cluster: KafkaCluster,
) -> None:
    people = 20
    async with running_service(kafka_cluster, FLUSH_SECONDS="1") as (world, _):
        await world.produce([*map(enters, emails(people)), enters(BEN)])
        await world.all_committed(people + 1)
        before = len(world.liveintent.uploads())

        await world.produce(map(deletion, emails(people)))
        await world.all_committed(2 * people + 1)

        assert world.members() == {VIP: rows_of([BEN])}
        assert len(world.liveintent.uploads()) - before < people / 2
