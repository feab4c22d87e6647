"""What tests and the demo rely on of the embedded cluster: that it serves, and fails when it is told to."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ctypes.util import find_library
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.sandbox import librdkafka_mock
from consumer.sandbox.embedded_kafka import (
    CONSUMER_PROPERTIES,
    PRODUCER_PROPERTIES,
    ApiKey,
    EmbeddedKafka,
    EmbeddedKafkaError,
    FaultsUnavailable,
)
from tests.kafka_cluster.topics import (
    NotDelivered,
    committed,
    consume_all,
    end_offsets,
    produce,
)

DEADLINE_SECONDS = 15
TOPIC = "events"
GROUP = "group"


@pytest.fixture
def members(embedded_kafka: EmbeddedKafka) -> Iterator[Callable[[], Consumer]]:
    """Give new members of one group, subscribed to one topic of 4 partitions."""
    embedded_kafka.create_topic(TOPIC, partitions=4)
    with ExitStack() as closing:

        def member() -> Consumer:
            consumer = closing.enter_context(a_consumer(embedded_kafka))
            consumer.subscribe([TOPIC])
            return consumer

        yield member


@contextmanager
def a_consumer(
    kafka: EmbeddedKafka, properties: Mapping[str, str | int] | None = None
) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            **CONSUMER_PROPERTIES,
            "session.timeout.ms": 1500,
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
            **(properties or {}),
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def poll_until(condition: Callable[[], bool], *consumers: Consumer) -> None:
    """Serve these consumers until the condition holds, or fail."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS} seconds"
        for consumer in consumers:
            consumer.poll(0.01)


def owned(consumer: Consumer) -> int:
    return len(consumer.assignment())


def test_a_topic_has_the_partitions_it_was_created_with(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("three", partitions=3)

    assert end_offsets(embedded_kafka.bootstrap_servers, "three") == {0: 0, 1: 0, 2: 0}


def test_a_topic_cannot_be_created_twice(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic(TOPIC, partitions=1)

    with pytest.raises(EmbeddedKafkaError, match=r"topic_create.*events.*already exists"):
        embedded_kafka.create_topic(TOPIC, partitions=1)


def test_a_cluster_needs_a_broker() -> None:
    with pytest.raises(ValueError, match="at least one broker"):
        EmbeddedKafka(brokers=0)


def test_a_cluster_has_an_address_for_each_broker() -> None:
    with EmbeddedKafka(brokers=3) as kafka:
        assert len(kafka.bootstrap_servers.split(",")) == 3


def test_a_member_reads_what_was_produced_and_its_commit_is_kept(
    embedded_kafka: EmbeddedKafka, members: Callable[[], Consumer]
) -> None:
    produce(embedded_kafka.bootstrap_servers, TOPIC, [(None, b"1", (), 2), (None, b"2", (), 2)])
    member = members()

    first, second = member.consume(2, DEADLINE_SECONDS)
    member.commit(message=first, asynchronous=False)

    assert (first.value(), second.value()) == (b"1", b"2")
    assert committed(embedded_kafka.bootstrap_servers, GROUP, TOPIC, range(4)) == {2: 1}


def test_the_first_member_does_not_wait_for_others(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic(TOPIC, partitions=4)

    def seconds_to_join(group: str) -> float:
        with a_consumer(embedded_kafka, {"group.id": group}) as member:
            started = time.monotonic()
            member.subscribe([TOPIC])
            poll_until(lambda: owned(member) == 4, member)
            return time.monotonic() - started

    # It would be 3 seconds and more, for each; of several, one is quick on a machine with much else to do.
    assert min(seconds_to_join(f"group-{each}") for each in range(3)) < 2.5


def test_two_members_share_the_partitions_and_one_inherits_them(
    members: Callable[[], Consumer],
) -> None:
    first, second = members(), members()

    poll_until(lambda: owned(first) == owned(second) == 2, first, second)
    second.close()
    poll_until(lambda: owned(first) == 4, first)


def test_pushed_errors_meet_one_request_each(
    embedded_kafka: EmbeddedKafka, members: Callable[[], Consumer]
) -> None:
    member = members()
    poll_until(lambda: owned(member) == 4, member)
    offsets = [TopicPartition(TOPIC, 0, 7)]
    embedded_kafka.push_errors(
        ApiKey.OFFSET_COMMIT, KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS
    )

    answers = []
    for _ in range(2):
        with pytest.raises(KafkaException) as refused:
            member.commit(offsets=offsets, asynchronous=False)
        answers.append(refused.value.args[0].code())

    assert answers == [KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS]
    assert committed(embedded_kafka.bootstrap_servers, GROUP, TOPIC, [0]) == {}


def test_cleared_errors_do_no_harm(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.push_errors(ApiKey.PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 5)
    embedded_kafka.clear_errors(ApiKey.PRODUCE)

    assert len(produce(embedded_kafka.bootstrap_servers, TOPIC, [(None, b"")])) == 1


def test_a_refused_produce_request_fails_its_records(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.push_errors(ApiKey.PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)

    with pytest.raises(NotDelivered, match="1 of 1 records not stored in events"):
        produce(embedded_kafka.bootstrap_servers, TOPIC, [(None, b"")])


def test_a_dropped_connection_is_made_again(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.push_errors(ApiKey.PRODUCE, KafkaError._TRANSPORT)

    assert len(produce(embedded_kafka.bootstrap_servers, TOPIC, [(None, b"")])) == 1


def test_a_broker_that_is_down_answers_nobody_until_it_is_up(
    embedded_kafka: EmbeddedKafka, members: Callable[[], Consumer]
) -> None:
    member = members()
    poll_until(lambda: owned(member) == 4, member)
    embedded_kafka.set_broker_down(1)

    with pytest.raises(KafkaException):
        member.list_topics(TOPIC, timeout=0.2)
    embedded_kafka.set_broker_up(1)
    produce(embedded_kafka.bootstrap_servers, TOPIC, [(None, b"after")])
    (record,) = member.consume(1, DEADLINE_SECONDS)

    assert record.value() == b"after"


def test_a_broker_that_does_not_exist_cannot_fail(embedded_kafka: EmbeddedKafka) -> None:
    with pytest.raises(EmbeddedKafkaError, match=r"set_down\(9\) was refused.*not available"):
        embedded_kafka.set_broker_down(9)


def test_a_delayed_broker_answers_late(embedded_kafka: EmbeddedKafka) -> None:
    with a_consumer(embedded_kafka) as client:
        client.list_topics(timeout=DEADLINE_SECONDS)
        embedded_kafka.set_rtt(1, 300)
        started = time.monotonic()
        client.list_topics(timeout=DEADLINE_SECONDS)

    assert time.monotonic() - started > 0.25


def test_the_fast_properties_are_known_to_librdkafka(embedded_kafka: EmbeddedKafka) -> None:
    address = {"bootstrap.servers": embedded_kafka.bootstrap_servers}

    Consumer({**CONSUMER_PROPERTIES, **address, "group.id": GROUP}).close()
    assert "group.id" not in PRODUCER_PROPERTIES


def test_closing_twice_is_closing_once_and_nothing_works_afterwards() -> None:
    kafka = EmbeddedKafka()
    kafka.close()
    kafka.close()

    with pytest.raises(EmbeddedKafkaError, match="closed"):
        kafka.push_errors(ApiKey.PRODUCE, KafkaError.UNKNOWN)


def test_a_closed_cluster_leaves_no_thread_and_no_socket_behind() -> None:
    EmbeddedKafka(brokers=2).close()
    process = psutil.Process()
    threads, files = process.num_threads(), process.num_fds()
    for _ in range(5):
        EmbeddedKafka(brokers=2).close()

    # Fewer is possible: clients of earlier tests may still have been going.
    assert process.num_threads() <= threads
    assert process.num_fds() <= files


def test_closing_under_another_threads_hands_is_safe() -> None:
    kafka = EmbeddedKafka()
    started, refused = threading.Event(), threading.Event()

    def keep_asking() -> None:
        try:
            while True:
                kafka.set_rtt(1, 0)
                started.set()
                time.sleep(0)  # let the closing thread have the lock
        except EmbeddedKafkaError:
            refused.set()

    asking = threading.Thread(target=keep_asking)
    asking.start()
    assert started.wait(DEADLINE_SECONDS)
    kafka.close()
    asking.join(DEADLINE_SECONDS)

    assert refused.is_set()


def test_without_the_mock_functions_records_flow_and_faults_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(librdkafka_mock, "load", lambda: None)

    with EmbeddedKafka(brokers=2) as kafka:
        kafka.create_topic(TOPIC, partitions=2)
        produce(kafka.bootstrap_servers, TOPIC, [(None, b"1")])
        (record,) = consume_all(kafka.bootstrap_servers, TOPIC)
        with pytest.raises(FaultsUnavailable, match="wheel of confluent-kafka"):
            kafka.set_broker_down(1)

    assert record.value == b"1"
    assert not kafka.has_faults
    with pytest.raises(EmbeddedKafkaError, match="closed"):
        kafka.create_topic("another", partitions=2)


def test_files_that_are_missing_or_lack_a_function_are_passed_over(tmp_path: Path) -> None:
    not_a_library = tmp_path / "librdkafka.so"
    not_a_library.write_text("not a library")
    another_library = Path(find_library("m") or "libm.so.6")

    assert librdkafka_mock.load([not_a_library, tmp_path / "absent.so", another_library]) is None


def test_every_place_librdkafka_may_be_in_will_do_by_itself() -> None:
    places = list(librdkafka_mock._candidates())

    assert places
    assert all(librdkafka_mock.load([place]) is not None for place in places)


@pytest.mark.parametrize("missing", ["rd_kafka_new", "rd_kafka_mock_cluster_new"])
def test_a_cluster_that_cannot_start_says_so(missing: str) -> None:
    library = librdkafka_mock.load()
    assert library is not None

    class Refusing:
        """The library, with one function that answers nothing."""

        def __getattr__(self, name: str) -> object:
            return (lambda *_: None) if name == missing else getattr(library, name)

    with pytest.raises(EmbeddedKafkaError, match="could not start"):
        librdkafka_mock.MockCluster(Refusing(), brokers=1)  # type: ignore[arg-type]
