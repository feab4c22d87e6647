"""The program as Kubernetes sees it: settings in, exit codes and JSON lines out, and signals."""

import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from consumer.sandbox.embedded_kafka import ApiKey
from consumer.sandbox.liveintent_server import BreachKind, Fault, FaultKind, SandboxOptions
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import Disorder, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import FeedItem
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.ports import LOOPBACK
from tests.scenarios.process import ServiceProcess, Start, eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

REQUIRED = {
    "LIVEINTENT_URL", "LIVEINTENT_API_KEY", "LIVEINTENT_ACCOUNT_ID", "LIVEINTENT_DATA_PROVIDER_ID",
    "LIVEINTENT_AUDIENCES", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPICS", "KAFKA_GROUP_ID", "SCHEMA_REGISTRY_URL",
}  # fmt: skip
NO_CONNECTION_NEEDED = {
    "LIVEINTENT_URL": "http://127.0.0.1:9",
    "LIVEINTENT_API_KEY": "made-up",
    "LIVEINTENT_ACCOUNT_ID": "7001",
    "LIVEINTENT_DATA_PROVIDER_ID": "84",
    "LIVEINTENT_AUDIENCES": "vip",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "KAFKA_TOPICS": "events",
    "KAFKA_GROUP_ID": "service",
    "EVENT_FORMAT": "json",
    "HTTP_HOST": LOOPBACK,
    "HTTP_PORT": "0",
}
FEED = FeedOptions(events=3000, people=500, disorder=Disorder.NONE, undecodable=2)
EXIT_SECONDS = 20
ALL_DELIVERED_SECONDS = 40


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with service_processes(tmp_path) as start:
        yield start


@pytest.fixture
def around(kafka_cluster: KafkaCluster) -> Iterator[Surroundings]:
    with surroundings(kafka_cluster) as around:
        yield around


def test_without_settings_every_missing_one_stands_in_one_list(start: Start) -> None:
    process = start({})

    assert process.wait(seconds=EXIT_SECONDS) == 2
    listed = [line.split()[1] for line in process.stderr.splitlines() if " is required" in line]
    assert sorted(listed) == sorted(REQUIRED)
    assert "Traceback" not in process.stderr
    assert process.stdout == ""


def test_a_misspelt_setting_is_told_with_the_name_it_resembles(start: Start) -> None:
    process = start({**NO_CONNECTION_NEEDED, "LIVEINTENT_AUDIENCE": "vip"})

    assert process.wait(seconds=EXIT_SECONDS) == 2
    assert (
        "LIVEINTENT_AUDIENCE is not a setting; did you mean LIVEINTENT_AUDIENCES?" in process.stderr
    )


@pytest.mark.parametrize(
    ("properties", "exit_code", "told"),
    [
        ('{"enable.idempotence": "false"}', 2, "KAFKA_PROPERTIES must not set enable.idempotence"),
        ('{"no.such.property": "1"}', 4, 'No such configuration property: "no.such.property"'),
        ('{"heartbeat.interval.ms": "soon"}', 4, '"heartbeat.interval.ms"'),
    ],
)
def test_a_kafka_property_that_cannot_be_is_told_without_a_traceback(
    start: Start, properties: str, exit_code: int, told: str
) -> None:
    process = start({**NO_CONNECTION_NEEDED, "KAFKA_PROPERTIES": properties})

    assert process.wait(seconds=EXIT_SECONDS) == exit_code
    assert told in process.stderr
    assert "Traceback" not in process.stderr


def test_a_port_in_use_is_told_without_a_traceback(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start({**NO_CONNECTION_NEEDED, "HTTP_PORT": str(port)})

        assert process.wait(seconds=EXIT_SECONDS) == 2
    assert f"HTTP_PORT {port}" in process.stderr
    assert "address already in use" in process.stderr
    assert "Traceback" not in process.stderr + process.stdout


def test_without_a_broker_it_stays_up_and_says_why_it_is_not_ready(start: Start) -> None:
    with refusing_port() as port:
        address = f"{LOOPBACK}:{port}"
        process = start({**NO_CONNECTION_NEEDED, "KAFKA_BOOTSTRAP_SERVERS": address})
        line = process.wait_for_line("Kafka reported an error")

        def told() -> str:
            status, body = process.get("/readyz")
            assert status == 503
            return body if "Kafka gives us no partitions" in body else ""

        # librdkafka reports each broker and all of them; which comes last is chance.
        why = eventually("readiness names Kafka", told)
        assert "Connection refused" in why or "brokers" in why
        assert process.get("/livez")[0] == 200
        assert line["level"] == "warning"
        process.send(signal.SIGTERM)
        assert process.wait(seconds=EXIT_SECONDS) == 0


def test_partitions_lost_in_an_outage_of_kafka_are_explained_and_come_back(start: Start) -> None:
    with EmbeddedCluster() as cluster, surroundings(cluster) as around:
        process = start(around.settings)
        eventually("an assignment", lambda: process.metric("assigned_partitions"))

        def explained() -> bool:
            status, body = process.get("/readyz")
            assert status == 200
            return "Kafka gives us no partitions" in body

        cluster.set_broker_down()
        eventually("the outage in readiness", explained)
        cluster.set_broker_up()
        eventually("an assignment anew", lambda: process.metric("assigned_partitions"))
        assert not explained()


def test_a_kafka_client_that_died_for_good_ends_the_process_with_a_code_of_its_own(
    start: Start,
) -> None:
    with EmbeddedCluster() as cluster, surroundings(cluster) as around:
        static = json.loads(around.settings["KAFKA_PROPERTIES"]) | {"group.instance.id": "pod-0"}
        process = start({**around.settings, "KAFKA_PROPERTIES": json.dumps(static)})
        eventually("an assignment", lambda: process.metric("assigned_partitions"))

        cluster.push_errors(ApiKey.HEARTBEAT, KafkaError.FENCED_INSTANCE_ID)

        assert process.wait(seconds=EXIT_SECONDS) == 4
        assert "The Kafka client is dead" in process.stderr
        assert "Traceback" not in process.stderr + process.stdout


def test_what_is_printed_is_json_lines_when_nobody_watches(
    start: Start, around: Surroundings
) -> None:
    process = start(around.settings)
    process.wait_until_ready()

    process.send(signal.SIGTERM)
    assert process.wait(seconds=EXIT_SECONDS) == 0

    for line in process.log_lines():
        assert list(line)[:4] == ["ts", "level", "logger", "event"]
    assert process.log_lines()[-1]["event"] == "Stopped."
    assert process.stdout.endswith("\n")
    assert process.stderr == ""


def test_sigterm_during_uploads_waits_for_them_and_the_next_process_delivers_the_rest(
    start: Start, kafka_cluster: KafkaCluster
) -> None:
    with surroundings(kafka_cluster, options=SandboxOptions(processing_seconds=0.3)) as around:
        early, late, oracle = halves()
        around.produce(early, oracle)
        # Only the last commit counts here; and all early changes of an audience fit into its first flush.
        first = start({**around.settings, "KAFKA_COMMIT_SECONDS": "60", "FLUSH_SECONDS": "1.5"})
        eventually("every early change is in an upload", lambda: all_in_flight(first))
        around.produce(late, oracle)

        first.send(signal.SIGTERM)
        assert first.wait(seconds=float(around.settings["DRAIN_SECONDS"])) == 0

        assert first.log_lines()[-1]["uploads_finished"] is True
        assert around.uploads_under_way() == []
        left = around.uncommitted()
        assert 0 < left <= len(late)
        second = start(around.settings)
        around.wait_until_all_committed(seconds=ALL_DELIVERED_SECONDS)

        assert around.members_as(oracle) == oracle.members()
        assert second.metric("records_consumed_total") == left
        assert around.breaches() == set()


def test_a_second_signal_ends_it_at_once_even_with_liveintent_stuck_and_kafka_gone(
    start: Start,
) -> None:
    with EmbeddedCluster() as cluster, surroundings(cluster) as around:
        around.add_fault(Fault(operation="store", kind=FaultKind.STUCK))
        around.produce_feed(FEED)
        process = start(around.settings)
        eventually("an upload under way", around.uploads_under_way)
        cluster.set_broker_down()

        process.send(signal.SIGTERM)
        process.wait_for_line("Stopping")
        process.send(signal.SIGTERM)

        assert process.wait(seconds=4) == 7
        assert "second signal" in process.stderr
        assert "Traceback" not in process.stderr


def test_a_second_signal_does_not_wait_for_a_file_that_hangs(
    start: Start, around: Surroundings, tmp_path: Path
) -> None:
    key_file, nobody_writes = tmp_path / "api-key", tmp_path / "fifo"
    key_file.write_text(around.settings["LIVEINTENT_API_KEY"])
    os.mkfifo(nobody_writes)
    process = start(with_key_in(key_file, around.settings))
    process.wait_until_ready()
    nobody_writes.rename(key_file)
    around.produce_feed(FEED)
    eventually("an upload that has no key", lambda: process.metric("lanes_busy"))

    process.send(signal.SIGTERM)
    process.wait_for_line("Stopping")
    process.send(signal.SIGTERM)

    assert process.wait(seconds=4) == 7


def test_killed_in_the_middle_it_goes_on_from_what_was_committed(
    start: Start, around: Surroundings
) -> None:
    early, late, oracle = halves()
    around.produce(early, oracle)
    first = start(around.settings)
    around.wait_until_all_committed(seconds=ALL_DELIVERED_SECONDS)
    around.produce(late, oracle)
    eventually("an upload under way", around.uploads_under_way)

    first.send(signal.SIGKILL)
    assert first.wait(seconds=EXIT_SECONDS) == -signal.SIGKILL
    left = around.uncommitted()
    assert left > 0

    second = start(around.settings)
    around.wait_until_all_committed(seconds=ALL_DELIVERED_SECONDS)
    assert around.members_as(oracle) == oracle.members()
    assert second.metric("records_consumed_total") == left
    # The killed process's last upload may still be under way when the next one sends its first.
    assert around.breaches() <= {BreachKind.TWO_UNFINISHED_UPLOADS}


def test_a_refused_api_key_is_told_and_a_new_one_in_its_file_is_taken_up(
    start: Start, around: Surroundings, tmp_path: Path
) -> None:
    key_file = tmp_path / "api-key"
    key_file.write_text("not-the-key\n")
    oracle = around.produce_feed(FEED)
    process = start(with_key_in(key_file, around.settings))

    line = process.wait_for_line("LiveIntent refuses our API key")
    assert line["level"] == "error"
    status, body = process.get("/readyz")
    assert (status, "unauthorised" in body) == (503, True)
    assert process.get("/livez")[0] == 200

    key = around.settings["LIVEINTENT_API_KEY"]
    key_file.write_text(f"{key}\n")
    process.wait_for_line("LiveIntent accepts our API key again.")
    around.wait_until_all_committed(seconds=ALL_DELIVERED_SECONDS)
    assert around.members_as(oracle) == oracle.members()
    assert process.get("/readyz")[0] == 200
    assert len(around.dead_letters()) == FEED.undecodable
    assert key not in process.stdout + process.stderr
    assert "not-the-key" not in process.stdout + process.stderr


def with_key_in(key_file: Path, settings: Mapping[str, str]) -> dict[str, str]:
    others = {name: text for name, text in settings.items() if name != "LIVEINTENT_API_KEY"}
    return {**others, "LIVEINTENT_API_KEY_FILE": str(key_file)}


def all_in_flight(process: ServiceProcess) -> bool:
    """Whether everything that was consumed, half of the feed, is in uploads and nothing waits for one."""
    metrics = process.metrics()
    return (
        metrics["records_consumed_total"] == FEED.events // 2
        and metrics["waiting_changes"] == 0
        and metrics["lanes_busy"] == len(FEED.audiences)
    )


def halves() -> tuple[list[FeedItem], list[FeedItem], Oracle]:
    """Return the feed in two parts, and an oracle that has seen none of it."""
    items = list(segment_feed(FEED))
    return items[: len(items) // 2], items[len(items) // 2 :], Oracle(FEED.audiences)


@contextmanager
def refusing_port() -> Iterator[int]:
    """Hold a port on which nobody listens: connections are refused, and nobody else can take it."""
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        yield held.getsockname()[1]
