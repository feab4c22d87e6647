"""SIGTERM at the worst moments, to whole processes: exit code 0, in time, and the next one loses nothing.

Kubernetes kills what is still there after terminationGracePeriodSeconds, which is to be ten seconds longer than
DRAIN_SECONDS. Each test says how long the stop took against that.
"""

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from consumer.sandbox.embedded_kafka import ApiKey
from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.sandbox.segment_encoders import as_json
from consumer.sandbox.segment_feed import Disorder, FeedOptions
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.kafka_cluster.topics import produce
from tests.scenarios.events import LAPSED, VIP, enters, rows_of
from tests.scenarios.process import ServiceProcess, Start, eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

pytestmark = pytest.mark.timeout(150)

DRAIN_SECONDS = 6
GRACE_SECONDS = DRAIN_SECONDS + 10
# What is left of the grace period: a stop that comes closer to it is not well inside.
MARGIN_SECONDS = 5
# Where nothing is under way there is nothing to drain.
AT_ONCE_SECONDS = 5
DELIVERED_SECONDS = 40
NO_EVENT = b"\x00\xff not an event at all"
MANY = 1_000
FEED = FeedOptions(events=300, people=100, disorder=Disorder.NONE, undecodable=0)
ANA, BEN = "ana@example.com", "ben@example.com"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with service_processes(tmp_path) as start:
        yield start


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster() as cluster:
        yield cluster


@pytest.fixture
def around(cluster: EmbeddedCluster) -> Iterator[Surroundings]:
    with surroundings(cluster) as around:
        yield around


def settings_of(around: Surroundings, **more: str) -> dict[str, str]:
    return {**around.settings, "DRAIN_SECONDS": str(DRAIN_SECONDS), **more}


def in_json(around: Surroundings, **more: str) -> dict[str, str]:
    return settings_of(around, EVENT_FORMAT="json", LIVEINTENT_AUDIENCES="*", **more)


def produce_json(around: Surroundings, *events: Mapping[str, object] | bytes) -> None:
    values = [each if isinstance(each, bytes) else as_json(each) for each in events]
    produce(
        around.cluster.bootstrap_servers,
        around.topic,
        [(None, value, (), 0) for value in values],
    )


def seconds_to_end(process: ServiceProcess, number: signal.Signals = signal.SIGTERM) -> float:
    """Stop the process; how long it took to exit with 0 and without a word on stderr."""
    began = time.monotonic()
    process.send(number)
    assert process.wait(seconds=GRACE_SECONDS) == 0, str(process)
    assert process.stderr == ""
    return time.monotonic() - began


# Before there is anything to stop


def a_broker_that_never_answers(cluster: EmbeddedCluster) -> None:
    cluster.set_rtt(1, 60_000)


def a_group_that_never_lets_it_in(cluster: EmbeddedCluster) -> None:
    cluster.push_errors(ApiKey.JOIN_GROUP, *[KafkaError.COORDINATOR_LOAD_IN_PROGRESS] * MANY)


def a_group_that_is_never_shared_out(cluster: EmbeddedCluster) -> None:
    cluster.push_errors(ApiKey.SYNC_GROUP, *[KafkaError.REBALANCE_IN_PROGRESS] * MANY)


def a_start_that_is_never_on_record(cluster: EmbeddedCluster) -> None:
    cluster.push_errors(ApiKey.OFFSET_COMMIT, *[KafkaError.REBALANCE_IN_PROGRESS] * MANY)


def no_broker_at_all(cluster: EmbeddedCluster) -> None:
    cluster.set_broker_down()


@pytest.mark.parametrize(
    "trouble",
    [
        a_broker_that_never_answers,
        a_group_that_never_lets_it_in,
        a_group_that_is_never_shared_out,
        a_start_that_is_never_on_record,
        no_broker_at_all,
    ],
)
def test_sigterm_while_it_still_joins_its_group_ends_it_at_once(
    start: Start,
    cluster: EmbeddedCluster,
    around: Surroundings,
    trouble: Callable[[EmbeddedCluster], None],
) -> None:
    trouble(cluster)
    process = start(settings_of(around))
    process.wait_for_line("Started.")
    eventually("its poll loop comes round", lambda: process.metric("last_poll_timestamp_seconds"))

    seconds = seconds_to_end(process)

    cluster.set_rtt(1, 0)
    cluster.set_broker_up()
    assert seconds < AT_ONCE_SECONDS


# In the middle of work


def kafka_gone(cluster: EmbeddedCluster, _around: Surroundings) -> None:
    cluster.set_broker_down()


def liveintent_gone(_cluster: EmbeddedCluster, around: Surroundings) -> None:
    around.lose_liveintent()


def both_gone(cluster: EmbeddedCluster, around: Surroundings) -> None:
    cluster.set_broker_down()
    around.lose_liveintent()


def everything_gone(cluster: EmbeddedCluster, around: Surroundings) -> None:
    both_gone(cluster, around)
    around.lose_registry()


def kafka_silent(cluster: EmbeddedCluster, _around: Surroundings) -> None:
    cluster.set_rtt(1, 60_000)


@pytest.mark.parametrize(
    "outage", [kafka_gone, kafka_silent, liveintent_gone, both_gone, everything_gone]
)
def test_sigterm_with_uploads_under_way_and_others_out_of_reach_ends_it_inside_the_grace_period(
    start: Start,
    cluster: EmbeddedCluster,
    around: Surroundings,
    outage: Callable[[EmbeddedCluster, Surroundings], None],
) -> None:
    around.add_fault(Fault(kind=FaultKind.STUCK))
    around.produce_feed(FEED)
    process = start(settings_of(around))
    eventually("an upload under way", around.uploads_under_way)
    outage(cluster, around)

    seconds = seconds_to_end(process)

    cluster.set_rtt(1, 0)
    cluster.set_broker_up()
    last = process.log_lines()[-1]
    assert (last["event"], last["uploads_finished"]) == ("Stopped.", False)
    assert last["records_left"] > 0
    assert seconds < GRACE_SECONDS - MARGIN_SECONDS


def test_sigterm_while_it_waits_for_a_schema_ends_it_at_once_and_the_next_one_delivers(
    start: Start, around: Surroundings
) -> None:
    oracle = around.produce_feed(FEED)
    nobody = settings_of(around, SCHEMA_REGISTRY_URL="http://127.0.0.1:9")
    process = start(nobody)
    eventually("all is read", lambda: process.metric("records_pending") == FEED.events)
    eventually("the registry is asked", lambda: process.metric("schema_registry_requests_total"))

    seconds = seconds_to_end(process)
    start(settings_of(around))
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

    assert seconds < AT_ONCE_SECONDS
    assert around.members_as(oracle) == oracle.members()


def test_sigterm_while_a_dead_letter_cannot_be_written_ends_it_in_time_and_the_next_one_writes_it(
    start: Start, cluster: EmbeddedCluster, around: Surroundings
) -> None:
    produce_json(around, NO_EVENT, enters(ANA))
    cluster.push_errors(ApiKey.PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * MANY)
    process = start(in_json(around))
    process.wait_for_line("A dead letter was not written")
    eventually("the good record is delivered", lambda: process.metric("records_delivered_total"))

    seconds = seconds_to_end(process)
    held_back = around.committed()
    cluster.clear_errors(ApiKey.PRODUCE)
    start(in_json(around))
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

    assert seconds < GRACE_SECONDS - MARGIN_SECONDS
    assert held_back[0] == 0
    assert [(letter.partition, letter.offset) for letter in around.dead_letters()] == [(0, 0)]
    assert around.members(VIP) == rows_of([ANA])


# In the middle of a rebalance


def test_sigterm_while_a_partition_is_handed_over_ends_it_in_time_and_loses_nothing(
    start: Start, around: Surroundings
) -> None:
    around.add_fault(Fault(kind=FaultKind.STUCK))
    oracle = around.produce_feed(FEED)
    first = start(settings_of(around))
    eventually("an upload under way", around.uploads_under_way)
    second = start(settings_of(around))
    first.wait_for_line("Partitions are revoked.")

    seconds = seconds_to_end(first)
    around.clear_faults()
    around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

    assert seconds < GRACE_SECONDS - MARGIN_SECONDS
    assert around.members_as(oracle) == oracle.members()
    assert second.running


# The other signal, and the second


def test_ctrl_c_drains_like_sigterm(start: Start, around: Surroundings) -> None:
    process = start(in_json(around, FLUSH_SECONDS="0.2", DRAIN_SECONDS="20"))
    process.wait_until_ready()
    around.add_fault(Fault(kind=FaultKind.SLOW_UPLOAD, delay_seconds=1.0))
    produce_json(around, enters(ANA))
    eventually("an upload under way", around.uploads_under_way)

    seconds = seconds_to_end(process, signal.SIGINT)

    assert process.log_lines()[-1]["uploads_finished"] is True
    assert around.committed()[0] == 1
    assert seconds < AT_ONCE_SECONDS


@pytest.mark.parametrize("signals", ["SIGINT SIGINT", "SIGTERM SIGINT"])
def test_a_second_signal_of_either_kind_forces_the_end(
    start: Start, around: Surroundings, signals: str
) -> None:
    around.add_fault(Fault(kind=FaultKind.STUCK))
    around.produce_feed(FEED)
    process = start(settings_of(around))
    eventually("an upload under way", around.uploads_under_way)
    first, second = (signal.Signals[name] for name in signals.split())

    process.send(first)
    process.wait_for_line("Stopping")
    process.send(second)

    assert process.wait(seconds=4) == 7
    assert "second signal" in process.stderr
    assert "Traceback" not in process.stderr


# What it cannot go on from


def test_a_kafka_client_that_is_dead_ends_the_process_with_4_and_says_what_to_do(
    start: Start, cluster: EmbeddedCluster, around: Surroundings
) -> None:
    static = {**json.loads(around.settings["KAFKA_PROPERTIES"]), "group.instance.id": "pod-0"}
    process = start(in_json(around, KAFKA_PROPERTIES=json.dumps(static)))
    process.wait_until_ready()
    cluster.push_errors(ApiKey.HEARTBEAT, KafkaError.FENCED_INSTANCE_ID)

    assert process.wait(seconds=GRACE_SECONDS) == 4
    assert "Another process has joined with our group.instance.id" in process.stderr
    assert "Traceback" not in process.stderr + process.stdout


# No time to stop at all


def test_killed_after_a_later_record_was_delivered_it_begins_again_at_the_earlier_one(
    start: Start, kafka_cluster: KafkaCluster
) -> None:
    with surroundings(kafka_cluster, partitions=1) as around:
        around.add_fault(Fault(kind=FaultKind.STUCK, audience=LAPSED))
        process = start(in_json(around, FLUSH_SECONDS="0.2"))
        process.wait_until_ready()
        produce_json(around, enters(ANA, LAPSED), enters(BEN, VIP))
        eventually("the later one is delivered", lambda: process.metric("records_delivered_total"))
        eventually("commits go on", lambda: _has_committed(process))

        process.send(signal.SIGKILL)
        assert process.wait(seconds=10) == -signal.SIGKILL
        held_back = around.committed()
        lost = around.members(LAPSED)
        around.clear_faults()
        again = start(in_json(around, FLUSH_SECONDS="0.2"))
        around.wait_until_all_committed(seconds=DELIVERED_SECONDS)

        assert held_back == {0: 0}
        assert lost == {}
        assert again.metric("records_consumed_total") == 2
        assert around.members(LAPSED) == rows_of([ANA])
        assert around.members(VIP) == rows_of([BEN])


def _has_committed(process: ServiceProcess) -> bool:
    """Whether the committer came round after now: what it has not committed by then it held back."""
    before = process.metric("last_commit_timestamp_seconds")
    eventually(
        "the committer comes round",
        lambda: process.metric("last_commit_timestamp_seconds") > before,
    )
    return True
