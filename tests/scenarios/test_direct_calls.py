"""Direct calls through the whole service: where they go, what an outage does to them, and what is never sent twice."""

import asyncio
from pathlib import Path

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import enters, rows_of
from tests.scenarios.harness import QUICK_SESSION, a_world, eventually
from tests.scenarios.visits import (
    APP_ID,
    a_page_view,
    an_order,
    collector,
    conversions,
    forwarding,
    names_of,
    page_views,
)
from tests.segment_events import hashes_of

ADA = "ada@example.com"


async def test_page_views_reach_the_collector_once_each_and_nothing_is_wrong_with_them(
    kafka_cluster: KafkaCluster,
) -> None:
    views = page_views(30)
    async with a_world(kafka_cluster, partitions=2) as world:
        service = await forwarding(world, collector(world))
        await world.produce(views)
        await service.has_finished(30)
        await world.all_committed(30)
        scrape = await service.scrape()
        collected = world.liveintent.collector

    assert service.books.delivered == 30
    assert {call.event["name"] for call in collected.calls} == names_of(views)
    assert {call.parameters["aid"] for call in collected.calls} == {APP_ID}
    assert {call.user_agent for call in collected.calls} == {"Browser/1.0"}
    assert collected.duplicates == 0
    assert not collected.breaches
    delivered = {"sink": "collector", "outcome": "delivered"}
    assert scrape.value("direct_calls_total", **delivered) == 30
    assert scrape.value("direct_call_duration_seconds_count", sink="collector") == 30


async def test_orders_reach_the_conversions_api_together_with_their_time_and_person(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await forwarding(world, conversions(world))
        await world.produce([an_order(f"buyer{number}@example.com") for number in range(150)])
        await service.has_finished(150)
        sandbox = world.liveintent.conversions

    assert sandbox.distinct == 150
    assert sandbox.rate.calls < 150
    assert sandbox.events[0]["purchaseData"] == {"currency": "USD", "value": 12.5}
    assert not sandbox.breaches


async def test_an_event_that_changes_an_audience_is_no_direct_call(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await forwarding(world, collector(world))
        await world.produce([enters(ADA), a_page_view()])
        await service.has_finished(2)

        assert service.books.delivered == 2
        assert world.liveintent.members("vip_customers") == rows_of([ADA])
        assert world.liveintent.collector.distinct == 1


async def test_without_a_sink_nothing_is_forwarded_and_the_outcomes_are_as_ever(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await world.start_service()
        await world.produce(page_views(3))
        await service.has_finished(3)

        assert service.books.ignored == {"not_an_audience": 3}
        assert "direct_calls_total{" not in (await service.get("/metrics"))[1]
        assert world.liveintent.collector.rate.calls == 0


async def test_a_call_that_is_not_forwarded_is_counted_with_its_reason(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        service = await forwarding(world, collector(world, DIRECT_CALLS="page"))
        old = a_page_view(age_seconds=7200)
        group = a_page_view(type="group")
        await world.produce([old, group, a_page_view()])
        await service.has_finished(3)

        assert service.books.ignored == {"too_old": 1, "direct_call_off": 1}
        scrape = await service.scrape()

    assert scrape.value("direct_calls_total", sink="none", outcome="too_old") == 1
    assert scrape.value("direct_calls_total", sink="none", outcome="direct_call_off") == 1
    assert service.books.delivered == 1


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER_EFFECT, FaultKind.RESET])
async def test_a_collected_call_whose_answer_is_lost_is_never_sent_again(
    kafka_cluster: KafkaCluster, kind: FaultKind
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(Fault(operation="collect", kind=kind, times=3))
        service = await forwarding(world, collector(world))
        await world.produce(page_views(20))
        await service.has_finished(20)
        await world.all_committed(20)
        scrape = await service.scrape()

    unknown = {"sink": "collector", "outcome": "perhaps_delivered"}
    assert scrape.value("direct_calls_total", **unknown) == 3
    assert world.liveintent.collector.rate.calls == 20
    assert world.liveintent.collector.duplicates == 0
    assert service.books.delivered == 20


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="collect", kind=FaultKind.STATUS, status=429, retry_after=2, times=2),
        Fault(operation="collect", kind=FaultKind.STATUS, status=500, times=7),
        Fault(operation="collect", kind=FaultKind.STATUS, status=302, times=2),
        Fault(operation="collect", kind=FaultKind.STATUS, status=403, times=2),
    ],
    ids=lambda fault: str(fault.status),
)
async def test_a_collector_that_says_not_now_is_called_again_until_it_takes_every_call(
    kafka_cluster: KafkaCluster, fault: Fault
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(fault)
        service = await forwarding(world, collector(world))
        await world.produce(page_views(12))
        await service.has_finished(12)

    assert world.liveintent.collector.distinct == 12
    assert world.liveintent.collector.duplicates == 0
    assert service.books.dead_lettered == {}


async def test_a_call_the_collector_refuses_becomes_a_dead_letter_and_the_others_go_on(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(
            Fault(operation="collect", kind=FaultKind.STATUS, status=400, times=1)
        )
        service = await forwarding(world, collector(world))
        await world.produce(page_views(5))
        await service.has_finished(5)

        assert service.books.dead_lettered == {"direct_call_refused": 1}
        assert len(await world.dead_letters()) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="convert", kind=FaultKind.RESET_AFTER_EFFECT, times=3),
        Fault(operation="convert", kind=FaultKind.STATUS, status=503, retry_after=1, times=3),
        Fault(operation="convert", kind=FaultKind.STATUS, status=429, times=3),
        Fault(operation="convert", kind=FaultKind.STATUS, status=404, times=2),
    ],
    ids=["answer lost", "503", "429", "404"],
)
async def test_conversions_are_sent_until_they_are_taken_and_count_once(
    kafka_cluster: KafkaCluster, fault: Fault
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(fault)
        service = await forwarding(world, conversions(world))
        await world.produce([an_order(f"buyer{number}@example.com") for number in range(60)])
        await service.has_finished(60)

    assert world.liveintent.conversions.distinct == 60
    assert not world.liveintent.conversions.breaches
    assert service.books.delivered == 60


async def test_of_conversions_taken_in_part_only_the_others_become_dead_letters(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(Fault(kind=FaultKind.PARTIAL, times=1))
        service = await forwarding(world, conversions(world))
        await world.produce([an_order(f"buyer{number}@example.com") for number in range(20)])
        await service.has_finished(20)

        assert service.books.dead_lettered == {"direct_call_refused": 1}
        assert service.books.delivered == 19
        assert len(await world.dead_letters()) == 1


async def test_one_refused_conversion_does_not_cost_those_it_was_sent_with(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(
            Fault(operation="convert", kind=FaultKind.STATUS, status=400, times=1)
        )
        service = await forwarding(world, conversions(world, DIRECT_CALL_CONCURRENCY="1"))
        await world.produce([an_order(f"buyer{number}@example.com") for number in range(40)])
        await service.has_finished(40)

    assert service.books.delivered == 40
    assert world.liveintent.conversions.distinct == 40


async def test_a_refused_conversions_token_is_waited_for_and_said_by_readiness(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    await asyncio.to_thread(secret.write_text, "old\n")
    async with a_world(kafka_cluster) as world:
        settings = conversions(
            world, LIVEINTENT_CONVERSIONS_TOKEN="", LIVEINTENT_CONVERSIONS_TOKEN_FILE=str(secret)
        )
        service = await forwarding(world, settings)
        await world.produce([an_order(ADA), enters(ADA)])
        await eventually(lambda: service.finished == 1, why="the audience is not held up")

        async def said() -> str:
            status, body = await service.ready()
            return body if status == 503 else ""

        unready = await eventually(said, why="it is unready")
        await asyncio.to_thread(secret.write_text, world.liveintent.conversions.token)
        await service.has_finished(2)
        status, _ = await service.ready()

    assert "conversions" in unready
    assert "unauthorised" in unready
    assert status == 200
    assert service.books.dead_lettered == {}


async def test_an_outage_of_the_collector_holds_up_no_audience_and_loses_no_call(
    kafka_cluster: KafkaCluster,
) -> None:
    down = Fault(operation="collect", kind=FaultKind.STATUS, status=503)
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(down)
        service = await forwarding(world, collector(world))
        await world.produce([*page_views(50), enters(ADA)])
        await eventually(
            lambda: world.liveintent.members("vip_customers") == rows_of([ADA]),
            why="the audience is served",
        )
        world.liveintent.faults.end(down)
        await service.has_finished(51)

    assert world.liveintent.collector.distinct == 50
    assert service.books.delivered == 51


async def test_what_became_too_old_for_the_collector_in_an_outage_is_left_out(
    kafka_cluster: KafkaCluster,
) -> None:
    down = Fault(operation="collect", kind=FaultKind.STATUS, status=503)
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(down)
        service = await forwarding(world, collector(world, DIRECT_CALL_MAX_AGE_SECONDS="1"))
        await world.produce(page_views(3))
        await eventually(lambda: service.books.pending == 3, why="they are read in time")
        await asyncio.sleep(1.1)
        world.liveintent.faults.end(down)
        await service.has_finished(3)
        scrape = await service.scrape()

    too_old = {"sink": "collector", "outcome": "too_old"}
    assert scrape.value("direct_calls_total", **too_old) == 3
    assert world.liveintent.collector.distinct == 0


async def test_calls_that_wait_for_a_dead_sink_keep_reading_within_the_memory_budget(
    kafka_cluster: KafkaCluster,
) -> None:
    down = Fault(operation="collect", kind=FaultKind.STATUS, status=503)
    async with a_world(kafka_cluster) as world:
        world.liveintent.faults.add(down)
        service = await forwarding(world, collector(world, MEMORY_BUDGET_MB="16"))
        await world.produce([a_page_view(padding="x" * 20_000) for _ in range(1200)])

        async def held() -> bool:
            return (await service.scrape()).value("intake_blocked", reason="memory") == 1

        await eventually(held, why="reading pauses")
        waits = (await service.get("/status"))[1]
        page = (await service.get("/"))[1]
        scrape = await service.scrape()
        world.liveintent.faults.end(down)
        await service.has_finished(1200)

    assert "LiveIntent (collector) to take its direct call" in waits
    assert "Direct calls" in page
    assert scrape.value("direct_calls_waiting", sink="collector") > 0
    assert scrape.value("direct_calls_in_flight", sink="collector") > 0
    assert world.liveintent.collector.distinct == 1200
    assert world.liveintent.collector.duplicates == 0


async def test_a_stop_lets_what_is_on_the_wire_finish_and_the_next_process_sends_the_rest(
    kafka_cluster: KafkaCluster,
) -> None:
    async with a_world(kafka_cluster, session_ms=QUICK_SESSION) as world:
        slow = Fault(operation="collect", kind=FaultKind.DELAY_SECONDS, delay_seconds=0.3)
        world.liveintent.faults.add(slow)
        settings = collector(world, DIRECT_CALL_CONCURRENCY="4")
        first = await forwarding(world, settings)
        await world.produce(page_views(40))
        await eventually(lambda: first.finished >= 4, why="some calls are through")
        await first.stop()
        assert 4 <= first.finished < 40
        world.liveintent.faults.end(slow)
        second = await forwarding(world, settings)
        await second.has_finished(40 - first.finished)

    assert world.liveintent.collector.distinct == 40
    assert world.liveintent.collector.duplicates == 0


async def test_a_rebalance_sends_no_call_twice_and_loses_none(kafka_cluster: KafkaCluster) -> None:
    down = Fault(operation="collect", kind=FaultKind.STATUS, status=503)
    async with a_world(kafka_cluster, partitions=4, session_ms=QUICK_SESSION) as world:
        world.liveintent.faults.add(down)
        first = await forwarding(world, collector(world))
        await world.produce(page_views(200))
        await eventually(lambda: first.books.pending == 200, why="all wait for the collector")
        second = await forwarding(world, collector(world))
        await eventually(lambda: second.partitions == 2, why="the second has its share")
        world.liveintent.faults.end(down)
        await eventually(
            lambda: first.finished + second.finished >= 200, why="both together finish all"
        )
        given_up = {"sink": "collector", "outcome": "released"}
        released = (await first.scrape()).value("direct_calls_total", **given_up)

    assert released == first.books.released > 0
    assert first.finished + second.finished == 200
    assert world.liveintent.collector.distinct == 200
    assert world.liveintent.collector.duplicates == 0


async def test_no_log_line_of_direct_calls_and_no_metric_holds_a_person(
    kafka_cluster: KafkaCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    async with a_world(kafka_cluster) as world:
        for operation in ("collect", "convert"):
            world.liveintent.faults.add(
                Fault(operation=operation, kind=FaultKind.STATUS, status=400, times=1)
            )
        both = {**collector(world), **conversions(world)}
        service = await forwarding(
            world, {**both, "DIRECT_CALL_SINK": "collector,conversions", "LOG_LEVEL": "DEBUG"}
        )
        await world.produce([an_order(ADA), a_page_view(context={"ip": "203.0.113.99"})])
        await service.has_finished(2)
        shown = "".join([(await service.get(path))[1] for path in ("/metrics", "/status", "/")])
    printed = "".join(capfd.readouterr())

    secrets = (ADA, *hashes_of(ADA), "203.0.113.99", world.liveintent.conversions.token)
    assert not [each for each in secrets if each in shown + printed]
