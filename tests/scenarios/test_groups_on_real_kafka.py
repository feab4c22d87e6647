"""KIP-848 and static members, by whole processes; runs with TEST_KAFKA=real only: the mock cluster has neither in full."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from consumer.cli.checks.findings import Check, Finding, Result
from consumer.cli.checks.kafka import kafka_findings
from consumer.kafka.connection import property_problems
from consumer.sandbox.liveintent_server import BreachKind, Fault, FaultKind
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import Disorder, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import FeedItem
from consumer.settings import load_settings
from tests.kafka_cluster.real_kafka import RealKafka
from tests.scenarios.process import ServiceProcess, Start, eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PARTITIONS = 4
FEED = FeedOptions(events=4_000, people=600, disorder=Disorder.NONE, undecodable=2)
QUICK = {"heartbeat.interval.ms": "500", "session.timeout.ms": "6000"}
CONSUMER_PROTOCOL = {"group.protocol": "consumer"}
DELIVERED_SECONDS = 60
# A killed process's last file may still be under way, and both may create an audience they meet at once.
BETWEEN_PROCESSES = {BreachKind.TWO_UNFINISHED_UPLOADS, BreachKind.NAME_CREATED_TWICE}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with service_processes(tmp_path) as start:
        yield start


@pytest.fixture
def around(real_kafka: RealKafka) -> Iterator[Surroundings]:
    with surroundings(real_kafka, partitions=PARTITIONS) as around:
        yield around


@pytest.fixture(scope="module")
def quick_sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """A broker whose KIP-848 sessions are short: there the client cannot choose."""
    sessions = {
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.session.timeout.ms": "6000",
        "group.consumer.heartbeat.interval.ms": "1000",
        "group.consumer.min.heartbeat.interval.ms": "1000",
    }
    with RealKafka(tmp_path_factory.mktemp("quick-kafka"), properties=sessions) as kafka:
        yield kafka


def with_properties(around: Surroundings, **properties: str) -> dict[str, str]:
    own = {name.replace("_", "."): value for name, value in properties.items()}
    return {**around.settings, "KAFKA_PROPERTIES": json.dumps(own)}


def by_kip_848(around: Surroundings) -> dict[str, str]:
    return {**around.settings, "KAFKA_PROPERTIES": json.dumps(CONSUMER_PROTOCOL)}


def as_static_member(
    around: Surroundings, instance_id: str = "pod-0", **properties: str
) -> dict[str, str]:
    own = {**QUICK, "group.instance.id": instance_id, **properties}
    return {**around.settings, "KAFKA_PROPERTIES": json.dumps(own)}


def halves() -> tuple[list[FeedItem], list[FeedItem], Oracle]:
    items = list(segment_feed(FEED))
    return items[: len(items) // 2], items[len(items) // 2 :], Oracle(FEED.audiences)


def shares(*processes: ServiceProcess) -> list[float]:
    return sorted(process.metric("assigned_partitions") for process in processes)


def stop(process: ServiceProcess, around: Surroundings) -> float:
    """Stop it in good order; the seconds it took."""
    began = time.monotonic()
    process.send(signal.SIGTERM)
    assert process.wait(seconds=float(around.settings["DRAIN_SECONDS"])) == 0
    return time.monotonic() - began


# KIP-848


def test_under_kip_848_a_rebalance_and_a_kill_lose_nothing(
    start: Start, quick_sessions: RealKafka
) -> None:
    with surroundings(quick_sessions, partitions=PARTITIONS) as around:
        early, late, oracle = halves()
        first = start(by_kip_848(around))
        around.produce(early, oracle)
        eventually("the first is at work", lambda: first.metric("records_consumed_total"))
        second = start(by_kip_848(around))
        eventually("they share", lambda: shares(first, second) == [2, 2])
        around.produce(late, oracle)
        eventually("an upload under way", around.uploads_under_way)

        second.send(signal.SIGKILL)
        assert second.wait(seconds=10) == -signal.SIGKILL
        third = start(by_kip_848(around))
        around.wait_until_all_committed(seconds=DELIVERED_SECONDS)
        eventually("they share again", lambda: shares(first, third) == [2, 2])

        assert around.members_as(oracle) == oracle.members()
        assert around.breaches() <= BETWEEN_PROCESSES
        assert len({(each.partition, each.offset) for each in around.dead_letters()}) == 2
        described = quick_sessions.consumer_groups_describe(around.group)
        assert {row.partition: row.lag for row in described} == dict.fromkeys(range(PARTITIONS), 0)
        assert max(stop(first, around), stop(third, around)) < 5


def test_under_kip_848_a_revoke_drains_and_nothing_is_read_again(
    start: Start, around: Surroundings
) -> None:
    first = start(by_kip_848(around))
    eventually("all partitions", lambda: shares(first) == [PARTITIONS])
    around.add_fault(Fault(kind=FaultKind.STUCK))
    oracle = around.produce_feed(FeedOptions(events=40, people=40, undecodable=0))
    eventually("an upload under way", around.uploads_under_way)
    eventually("all is read", lambda: first.metric("records_consumed_total") == 40)
    eventually("nothing waits for its flush", lambda: first.metric("waiting_changes") == 0)

    second = start(by_kip_848(around))
    first.wait_for_line("Partitions are revoked.")
    around.clear_faults()
    eventually("they share", lambda: shares(first, second) == [2, 2])
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

    assert around.members_as(oracle) == oracle.members()
    assert first.metric("records_released_total") == 0
    assert second.metric("records_consumed_total") == 0


def test_what_only_the_brokers_decide_under_kip_848_is_refused_before_anything_starts(
    start: Start, around: Surroundings
) -> None:
    process = start(with_properties(around, group_protocol="consumer", session_timeout_ms="6000"))

    assert process.wait(seconds=20) == 2
    assert "session.timeout.ms: with group.protocol=consumer the brokers decide" in process.stderr
    assert "Traceback" not in process.stderr


# Static members


def test_a_static_member_that_is_back_within_its_session_goes_on_without_a_rebalance(
    start: Start, around: Surroundings
) -> None:
    early, late, oracle = halves()
    around.produce(early, oracle)
    settings = [
        as_static_member(around, name, **{"session.timeout.ms": "30000"})
        for name in ("pod-0", "pod-1")
    ]
    first, second = start(settings[0]), start(settings[1])
    eventually("they share", lambda: shares(first, second) == [2, 2])
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)
    rebalances = first.metric("rebalances_total")
    read_before = first.metric("records_consumed_total")

    seconds = stop(second, around)
    around.produce(late, oracle)
    back = start(settings[1])
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

    # It does not leave the group, so there is nothing to wait for.
    assert seconds < 5
    assert shares(first, back) == [2, 2]
    assert first.metric("rebalances_total") == rebalances
    read = first.metric("records_consumed_total") - read_before
    assert read + back.metric("records_consumed_total") == len(late)
    assert around.members_as(oracle) == oracle.members()
    assert around.breaches() <= {BreachKind.TWO_UNFINISHED_UPLOADS}


def test_the_partitions_of_a_static_member_that_does_not_come_back_go_to_the_others(
    start: Start, around: Surroundings
) -> None:
    first, second = (
        start(as_static_member(around, "pod-0")),
        start(as_static_member(around, "pod-1")),
    )
    eventually("they share", lambda: shares(first, second) == [2, 2])
    second.send(signal.SIGKILL)
    assert second.wait(seconds=10) == -signal.SIGKILL
    oracle = around.produce_feed(FEED)

    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

    assert shares(first) == [PARTITIONS]
    assert around.members_as(oracle) == oracle.members()


def test_a_second_process_with_the_same_instance_id_ends_the_first_which_says_why(
    start: Start, around: Surroundings
) -> None:
    early, late, oracle = halves()
    first = start(as_static_member(around))
    around.produce(early, oracle)
    eventually("the first is at work", lambda: first.metric("records_consumed_total"))

    second = start(as_static_member(around))
    around.produce(late, oracle)

    assert first.wait(seconds=30) == 4
    assert KafkaError(KafkaError.FENCED_INSTANCE_ID).str() in first.stderr
    assert "Another process has joined with our group.instance.id" in first.stderr
    assert "Traceback" not in first.stderr + first.stdout
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)
    assert around.members_as(oracle) == oracle.members()
    assert second.running


def test_under_kip_848_a_second_process_with_the_same_instance_id_ends_itself_and_says_why(
    start: Start, quick_sessions: RealKafka
) -> None:
    with surroundings(quick_sessions, partitions=PARTITIONS) as around:
        settings = with_properties(around, group_protocol="consumer", group_instance_id="pod-0")
        first = start(settings)
        eventually("all partitions", lambda: shares(first) == [PARTITIONS])

        second = start(settings)

        assert second.wait(seconds=30) == 4
        assert KafkaError(KafkaError.UNRELEASED_INSTANCE_ID).str() in second.stderr
        assert "once its session is over" in second.stderr
        assert "Traceback" not in second.stderr + second.stdout
        oracle = around.produce_feed(FEED)
        around.wait_until_all_committed(seconds=DELIVERED_SECONDS)
        assert around.members_as(oracle) == oracle.members()

        # Killed, its place is free only when its session is over; stopped in good order, at once.
        first.send(signal.SIGKILL)
        assert first.wait(seconds=10) == -signal.SIGKILL
        assert start(settings).wait(seconds=30) == 4
        fourth = eventually("the place is free", lambda: _that_stays(start(settings)), seconds=60)
        assert fourth is not None
        assert stop(fourth, around) < 5
        fifth = start(settings)
        eventually("all partitions", lambda: shares(fifth) == [PARTITIONS])


def _that_stays(process: ServiceProcess) -> ServiceProcess | None:
    """Return the process once it has partitions; None when it has ended."""

    def decided() -> bool:
        return not process.running or bool(process.metric("assigned_partitions"))

    try:
        eventually("partitions, or an end", decided)
    except (AssertionError, OSError):  # it ended while we asked
        process.wait(seconds=20)
    return process if process.running else None


# What check says


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_check_warns_of_a_static_member_that_is_there_already(
    start: Start, around: Surroundings, protocol: str
) -> None:
    settings = with_properties(around, group_protocol=protocol, group_instance_id="pod-0")
    before = group_finding(settings)
    process = start(settings)
    eventually("all partitions", lambda: shares(process) == [PARTITIONS])

    finding = group_finding(settings)

    assert before.result is Result.OK
    assert before.detail.endswith("nobody is in it")
    assert finding.result is Result.WARNING
    assert f"static member pod-0, by the {protocol} protocol" in finding.detail
    assert "exit code 4" in (finding.advice or "")


def group_finding(environ: dict[str, str]) -> Finding:
    settings = load_settings(environ, property_problems=property_problems)
    (finding,) = [
        each for each in kafka_findings(settings, seconds=10) if each.check is Check.GROUP
    ]
    return finding
