"""What LiveIntent refuses of an audience becomes dead letters: those records, all of them, and no others."""

from collections import Counter

from consumer.kafka.dead_letter_headers import read_failure
from consumer.sandbox.liveintent_server import Fault, FaultKind, SandboxOptions
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import LAPSED, VIP, emails, enters, leaves, rows_of
from tests.scenarios.harness import (
    QUICK_SESSION,
    World,
    a_world,
    eventually,
    running_service,
)
from tests.segment_events import Fields

BOTH = f"{VIP},{LAPSED}"
REFUSED_BY_STATUS = {(LAPSED, "audience_refused", "upload")}
OUTLASTS_A_REBALANCE_SECONDS = 8.0
REBALANCED_SECONDS = 40.0


async def test_a_refused_batch_makes_dead_letters_of_its_own_records_and_of_those_that_share_it(
    kafka_cluster: KafkaCluster,
) -> None:
    """Records about the refused audience alone, about the other alone, and about both, in one go."""
    lapsed, vip, both = emails(4, "lapsed"), emails(4, "vip"), emails(4, "both")
    async with running_service(kafka_cluster, LIVEINTENT_AUDIENCES=BOTH) as (world, service):
        world.liveintent.add_audience(LAPSED, status="Archived")
        await world.produce(
            [
                *(enters(email, LAPSED) for email in lapsed),
                *(enters(email, VIP) for email in vip),
                *(_enters_both(email) for email in both),
            ]
        )
        await world.all_committed(12)

        assert world.members() == {VIP: rows_of([*vip, *both]), LAPSED: {}}
        assert await _failed_offsets(world) == Counter(
            {(0, n): 1 for n in (*range(4), *range(8, 12))}
        )
        assert await _causes(world) == REFUSED_BY_STATUS
        assert service.books.delivered == 4
        assert service.books.dead_lettered == {"audience_refused": 8}
        assert service.books.difference == 0


async def test_of_a_batch_whose_second_file_is_refused_the_first_is_delivered_and_remembered(
    kafka_cluster: KafkaCluster,
) -> None:
    slow = SandboxOptions(processing_seconds=0.5)
    async with running_service(kafka_cluster, sandbox=slow, UPLOAD_ERROR_ATTEMPTS="1") as (
        world,
        service,
    ):
        await world.produce([enters("ana@example.com", LAPSED)])
        await world.all_committed(1)
        # Both into one flush: out goes first, in second.
        await world.produce([leaves("ana@example.com", LAPSED), enters("ben@example.com", LAPSED)])
        await eventually(
            lambda: len(world.liveintent.uploads()) == 2, why="the first file is stored"
        )
        world.liveintent.faults.add(Fault(kind=FaultKind.UPLOAD_ERROR, audience=LAPSED))
        await world.all_committed(3)
        world.liveintent.faults.clear()

        assert [each.action for each in world.liveintent.uploads()[:3]] == ["ADD", "REMOVE", "ADD"]
        assert await _failed_offsets(world) == Counter({(0, 2): 1})
        assert (service.books.delivered, service.books.dead_lettered) == (2, {"upload_refused": 1})

        # That ana left was delivered, so it stands against an older entry that comes late.
        older = enters("ana@example.com", LAPSED, at="2026-03-02T09:00:00Z")
        await world.produce([older])
        await world.all_committed(4)
        assert service.books.ignored == {"stale": 1}
        assert world.liveintent.members(LAPSED) == {}


async def test_rows_given_up_before_their_batch_was_refused_are_left_to_who_owns_them_now(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, partitions=2, session_ms=QUICK_SESSION) as world:
        world.liveintent.add_audience(LAPSED, status="Archived")
        waits = Fault(
            operation="search", kind=FaultKind.DELAY_SECONDS, audience=LAPSED, times=1,
            delay_seconds=OUTLASTS_A_REBALANCE_SECONDS,
        )  # fmt: skip
        world.liveintent.faults.add(waits)
        for partition in (0, 1):
            people = emails(3, f"of-{partition}")
            await world.produce([enters(email, LAPSED) for email in people], partition=partition)
        first = await world.start_service()
        await eventually(
            lambda: first.books.pending == 6, why="all are read and wait for LiveIntent"
        )

        second = await world.start_service()
        await eventually(lambda: second.books.consumed, seconds=REBALANCED_SECONDS)

        async def all_are_committed() -> bool:
            return await world.committed_in_all() == 6

        await eventually(all_are_committed, seconds=REBALANCED_SECONDS)
        assert await _failed_offsets(world) == Counter(
            {(p, n): 1 for p in (0, 1) for n in range(3)}
        )
        assert first.books.released > 0
        assert first.books.difference == second.books.difference == 0


async def test_an_audience_nobody_could_name_is_told_in_its_dead_letter(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster) as (world, _):
        await world.produce([enters("ana@example.com", "näme"), b"no event"])
        await world.all_committed(2)

        assert await _causes(world) == {
            ("näme", "invalid_audience_name", "rules"),
            ("", "undecodable", "decode"),
        }


async def _failed_offsets(world: World) -> Counter[tuple[int, int]]:
    failures = [read_failure(dead.headers) for dead in await world.dead_letters()]
    return Counter((each.partition, each.offset) for each in failures if each is not None)


async def _causes(world: World) -> set[tuple[str, str, str]]:
    failures = [read_failure(dead.headers) for dead in await world.dead_letters()]
    return {(each.audience, each.reason, each.stage) for each in failures if each is not None}


def _enters_both(email: str) -> Fields:
    """Without personas one event may speak of several audiences."""
    return {**enters(email, context={}), "traits": {"email": email, VIP: True, LAPSED: True}}
