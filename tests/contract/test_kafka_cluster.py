"""What tests rely on of either cluster: the embedded one, and with TEST_KAFKA=real a real Apache Kafka."""

import os

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.kafka_cluster import KafkaCluster, kind_under_test
from tests.kafka_cluster.topics import (
    NewRecord,
    NotDelivered,
    Written,
    committed,
    consume_all,
    end_offsets,
    produce,
    unique_name,
)


@pytest.fixture
def topic(kafka_cluster: KafkaCluster) -> str:
    name = unique_name("topic")
    kafka_cluster.create_topic(name, partitions=2)
    return name


def test_the_cluster_is_of_the_kind_asked_for(kafka_cluster: KafkaCluster) -> None:
    assert kafka_cluster.kind is kind_under_test()


def test_a_record_comes_back_as_it_was_produced(kafka_cluster: KafkaCluster, topic: str) -> None:
    sent = NewRecord(b"key", b"value", [("a", b"1"), ("empty", None), ("a", b"2")], 1, 1_700_000)

    written = produce(kafka_cluster.bootstrap_servers, topic, [sent])
    (read,) = consume_all(kafka_cluster.bootstrap_servers, topic)

    assert written == [Written(partition=1, offset=0)]
    assert (read.topic, read.partition, read.offset) == (topic, 1, 0)
    assert (read.key, read.value) == (b"key", b"value")
    assert read.headers == (("a", b"1"), ("empty", None), ("a", b"2"))
    assert read.timestamp_ms == 1_700_000


def test_a_tombstone_has_a_key_and_no_value(kafka_cluster: KafkaCluster, topic: str) -> None:
    produce(kafka_cluster.bootstrap_servers, topic, [(b"key", None)])

    (read,) = consume_all(kafka_cluster.bootstrap_servers, topic)

    assert (read.key, read.value) == (b"key", None)


def test_records_keep_their_order_within_a_partition(
    kafka_cluster: KafkaCluster, topic: str
) -> None:
    values = [str(i).encode() for i in range(5000)]

    produce(kafka_cluster.bootstrap_servers, topic, [(None, value, (), 0) for value in values])
    read = consume_all(kafka_cluster.bootstrap_servers, topic)

    assert [record.value for record in read] == values
    assert [record.offset for record in read] == list(range(5000))
    assert end_offsets(kafka_cluster.bootstrap_servers, topic) == {0: 5000, 1: 0}


def test_records_of_one_key_share_a_partition(kafka_cluster: KafkaCluster, topic: str) -> None:
    written = produce(kafka_cluster.bootstrap_servers, topic, [(b"one key", b"")] * 20)

    assert len({place.partition for place in written}) == 1


def test_an_empty_topic_reads_as_nothing(kafka_cluster: KafkaCluster, topic: str) -> None:
    assert consume_all(kafka_cluster.bootstrap_servers, topic) == []


def test_only_partitions_with_a_committed_offset_are_told(
    kafka_cluster: KafkaCluster, topic: str
) -> None:
    produce(kafka_cluster.bootstrap_servers, topic, [(None, b"", (), 1)] * 5)
    group = unique_name("group")
    consumer = Consumer({"bootstrap.servers": kafka_cluster.bootstrap_servers, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 1, 3)], asynchronous=False)
    consumer.close()

    assert committed(kafka_cluster.bootstrap_servers, group, topic, [0, 1]) == {1: 3}


def test_a_record_that_cannot_be_stored_is_not_passed_over(
    kafka_cluster: KafkaCluster, topic: str
) -> None:
    unknown_partition = 7

    with pytest.raises(NotDelivered, match="1 of 2 records"):
        produce(
            kafka_cluster.bootstrap_servers,
            topic,
            [(None, b"", (), unknown_partition), (None, b"", (), 0)],
            timeout_seconds=2,
        )


def test_reading_has_a_deadline(kafka_cluster: KafkaCluster, topic: str) -> None:
    with pytest.raises(TimeoutError, match="have not ended"):
        consume_all(kafka_cluster.bootstrap_servers, topic, timeout_seconds=0)


def test_unique_names_differ_between_calls_and_between_runs() -> None:
    first, second = unique_name("topic"), unique_name("topic")

    assert first != second
    assert str(os.getpid()) in first


@pytest.mark.parametrize("wanted", ["embeded", "REAL", "1"])
def test_a_misspelt_kind_is_refused(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KAFKA", wanted)

    with pytest.raises(ValueError, match="embedded or real"):
        kind_under_test()
