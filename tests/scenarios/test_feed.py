"""A generated feed of every kind of disorder, against the oracle that knows what was meant."""

from consumer.cli.demo_verdict import Evidence, verdict_on
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import AUDIENCES, FeedOptions, segment_feed
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.harness import running_service
from tests.scenarios.scraping import books_of

EVENTS = 3_000
FEED = list(segment_feed(FeedOptions(seed=7, events=EVENTS, undecodable=3)))
ORACLE = Oracle.of(FEED)


async def test_a_feed_ends_with_the_members_and_the_counts_that_were_meant(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(
        kafka_cluster,
        partitions=3,
        event_format="avro-confluent",
        LIVEINTENT_AUDIENCES=",".join(AUDIENCES),
        SEGMENT_CONSENT_CATEGORIES="Advertising",
    ) as (world, service):
        await world.produce_feed(FEED)
        await service.has_finished(EVENTS)
        await world.all_committed(EVENTS)

        evidence = Evidence(
            produced=EVENTS,
            books=books_of(await service.scrape()),
            uncommitted=EVENTS - await world.committed_in_all(),
            members=world.members(),
            breaches=tuple(breach.kind for breach in world.liveintent.breaches),
        )
        verdict = verdict_on(evidence, ORACLE.outcomes(), ORACLE.members())
        assert [finding for finding in verdict.findings if not finding.ok] == []
        assert len(await world.dead_letters()) == 3
