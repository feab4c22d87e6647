"""What becomes of each kind of event, by the books."""

from collections import Counter

from consumer.audience.membership import Action
from consumer.record import IgnoreReason, RejectReason
from tests.contract.test_public_segment_events import (
    ACCOUNTS,
    BUYERS,
    DIGEST,
    GOLD,
    JOURNEY,
    KINDS,
    NUMERIC,
    STEP,
)
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import VIP, enters, leaves
from tests.scenarios.harness import running_service
from tests.scenarios.scraping import books_of
from tests.segment_events import Fields

ENTERS, LEAVES, ENTERS_AGAIN, ENTERS_OF_OLD = 1, 2, 26, 27
TRACK_LEAVES = 4
# What speaks of a member an earlier kind spoke of must find that one delivered.
AFTERWARDS = ((LEAVES, TRACK_LEAVES), (ENTERS_AGAIN, ENTERS_OF_OLD))


async def test_a_repeated_and_an_older_event_change_nothing(kafka_cluster: KafkaCluster) -> None:
    entered = enters("ana@example.com", at="2026-01-14T09:30:05Z")
    sequence = [
        entered,
        leaves("ana@example.com", at="2026-02-13T09:31:44Z"),
        {**entered, "receivedAt": "2026-02-20T00:00:00Z"},
        enters("ana@example.com", at="2025-12-20T06:00:00Z"),
    ]
    async with running_service(kafka_cluster) as (world, service):
        for number, event in enumerate(sequence, start=1):
            await world.produce([event])
            await service.has_finished(number)

        books = books_of(await service.scrape())
        assert books.delivered == 2
        assert books.ignored == {"duplicate": 1, "stale": 1}
        assert world.liveintent.members(VIP) == {}


async def test_an_older_event_that_arrives_in_one_batch_with_a_newer_one_changes_nothing(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, service):
        world.liveintent.add_audience(VIP)
        await world.produce([leaves("ana@example.com"), enters("ana@example.com")])
        await service.has_finished(2)

        assert service.books.delivered == 1
        assert service.books.ignored == {"stale": 1}
        assert [upload.action for upload in world.liveintent.uploads()] == ["REMOVE"]


async def test_every_kind_of_event_is_counted_under_its_outcome(
    kafka_cluster: KafkaCluster,
) -> None:
    expected = Counter(
        kind.outcome for kind in KINDS.values() if isinstance(kind.outcome, IgnoreReason)
    )
    expected.update([IgnoreReason.DUPLICATE, IgnoreReason.STALE])
    changes = sum(isinstance(kind.outcome, Action) for kind in KINDS.values())
    first = [number for number in KINDS if not any(number in later for later in AFTERWARDS)]
    audiences = (BUYERS, GOLD, DIGEST, NUMERIC, ACCOUNTS, JOURNEY, STEP)
    async with running_service(
        kafka_cluster,
        LIVEINTENT_AUDIENCES=",".join(audiences),
        SEGMENT_CONSENT_CATEGORIES="Advertising",
    ) as (world, service):
        for audience in audiences:
            world.liveintent.add_audience(audience)
        done = 0
        for wave in (first, *AFTERWARDS):
            await world.produce([event_of_kind(number) for number in wave])
            done += len(wave)
            await service.has_finished(done)

        books = books_of(await service.scrape())
        assert books.ignored == {str(reason): count for reason, count in expected.items()}
        assert books.delivered == changes - len((ENTERS_AGAIN, ENTERS_OF_OLD))
        assert books.dead_lettered == {str(RejectReason.UNUSABLE_DELETION): 1}
        assert (books.consumed, books.difference) == (len(KINDS), 0)
        assert world.liveintent.breaches == []


def event_of_kind(number: int) -> Fields:
    """The kind's event as a message of its own; the one that is repeated repeats."""
    original = ENTERS if number == ENTERS_AGAIN else number
    event = {**KINDS[number].event, "messageId": f"kind-{original}"}
    if number == LEAVES:
        event |= {"timestamp": "2026-03-02T08:15:01Z"}
    return event
