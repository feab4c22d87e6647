"""A real Apache Kafka, as tests start it; runs with TEST_KAFKA=real only (make test-kafka)."""

import socket
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tests.kafka_cluster import real_kafka as real_kafka_module
from tests.kafka_cluster.real_kafka import KAFKA_VERSION, RealKafka
from tests.kafka_cluster.topics import committed, consume_all, end_offsets, produce, unique_name
from tests.ports import LOOPBACK, free_ports

pytestmark = pytest.mark.kafka

DEADLINE_SECONDS = 30


@pytest.fixture
def topic(real_kafka: RealKafka) -> str:
    name = unique_name("topic")
    real_kafka.create_topic(name, partitions=2)
    return name


def a_member(kafka: RealKafka, group: str, topic: str, **properties: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **properties,
        }
    )
    consumer.subscribe([topic])
    return consumer


def test_the_broker_is_the_version_we_say(real_kafka: RealKafka) -> None:
    assert f"Kafka version: {KAFKA_VERSION}" in real_kafka.log_file.read_text()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_the_group_tool_tells_the_lag_of_a_group(
    real_kafka: RealKafka, topic: str, protocol: str
) -> None:
    group = unique_name("group")
    produce(real_kafka.bootstrap_servers, topic, [(None, b"", (), 0)] * 5)
    produce(real_kafka.bootstrap_servers, topic, [(None, b"", (), 1)] * 3)
    member = a_member(real_kafka, group, topic, **{"group.protocol": protocol})

    read = member.consume(8, DEADLINE_SECONDS)
    places = [TopicPartition(topic, 0, 2), TopicPartition(topic, 1, 3)]
    member.commit(offsets=places, asynchronous=False)
    while_owned = real_kafka.consumer_groups_describe(group)
    member.close()
    rows = real_kafka.consumer_groups_describe(group)

    assert len(read) == 8
    assert all(row.consumer_id for row in while_owned)
    assert {row.partition: (row.committed, row.end, row.lag) for row in rows} == {
        0: (2, 5, 3),
        1: (3, 3, 0),
    }
    assert {(row.group, row.topic, row.consumer_id) for row in rows} == {(group, topic, None)}


def test_the_group_tool_moves_the_offsets_of_an_empty_group(
    real_kafka: RealKafka, topic: str
) -> None:
    group = unique_name("group")
    produce(real_kafka.bootstrap_servers, topic, [(None, b"", (), 0)] * 4)

    reset = ("--reset-offsets", "--group", group, "--topic", topic, "--to-latest", "--execute")
    real_kafka.consumer_groups(*reset)

    assert committed(real_kafka.bootstrap_servers, group, topic, [0]) == {0: 4}


def test_what_the_group_tool_refuses_is_an_error(real_kafka: RealKafka) -> None:
    with pytest.raises(RuntimeError, match="not found"):
        real_kafka.consumer_groups_describe(unique_name("nobody"))


def test_offsets_are_found_by_time(real_kafka: RealKafka, topic: str) -> None:
    records = [(None, b"", (), 0, 1_700_000_000_000 + i * 1000) for i in range(3)]
    produce(real_kafka.bootstrap_servers, topic, records)
    client = Consumer({"bootstrap.servers": real_kafka.bootstrap_servers, "group.id": "times"})

    (found,) = client.offsets_for_times(
        [TopicPartition(topic, 0, 1_700_000_000_500)], timeout=DEADLINE_SECONDS
    )
    client.close()

    assert found.offset == 1


def test_a_topic_takes_the_settings_it_is_given(real_kafka: RealKafka) -> None:
    name = unique_name("topic")
    real_kafka.create_topic(name, partitions=1, config={"message.timestamp.type": "LogAppendTime"})

    produce(real_kafka.bootstrap_servers, name, [(None, b"", (), 0, 1_700_000_000_000)])
    (record,) = consume_all(real_kafka.bootstrap_servers, name)

    assert record.timestamp_ms is not None
    assert record.timestamp_ms > 1_700_000_000_000


def test_topics_do_not_appear_by_themselves(real_kafka: RealKafka) -> None:
    with pytest.raises(LookupError, match="Unknown topic"):
        end_offsets(real_kafka.bootstrap_servers, unique_name("absent"))


def test_a_broker_keeps_its_records_and_its_address_over_a_restart(tmp_path: Path) -> None:
    with RealKafka(tmp_path) as kafka:
        address = kafka.bootstrap_servers
        kafka.create_topic("kept", partitions=1)
        produce(address, "kept", [(None, b"before")])
        kafka.restart()
        produce(address, "kept", [(None, b"after")])

        values = [record.value for record in consume_all(address, "kept")]

    assert values == [b"before", b"after"]
    kafka.stop()  # again: nothing left to stop


def test_a_second_listener_can_ask_for_a_password(tmp_path: Path) -> None:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    mechanism = {
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{module} required user_a="b";',
    }

    def connect(password: str) -> list[int]:
        problems: list[int] = []
        client = Consumer(
            {
                "bootstrap.servers": kafka.address("SASL_PLAINTEXT"),
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanisms": "PLAIN",
                "sasl.username": "a",
                "sasl.password": password,
                "group.id": "group",
                "log_level": 0,
                "error_cb": lambda error: problems.append(error.code()),
            }
        )
        try:
            client.list_topics(timeout=2)
        except KafkaException:
            client.poll(0)
        client.close()
        return problems

    with RealKafka(tmp_path, listeners=("SASL_PLAINTEXT",), properties=mechanism) as kafka:
        assert connect("b") == []
        assert KafkaError._AUTHENTICATION in connect("wrong")


@pytest.mark.parametrize(
    ("name", "value"),
    [("num.partitions", "none"), ("authorizer.class.name", "org.example.Absent")],
    ids=["refused by the storage tool", "refused by the broker"],
)
def test_a_broker_that_cannot_start_shows_why(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(RuntimeError, match=value):
        RealKafka(tmp_path, properties={name: value})


@pytest.mark.parametrize("listener", [0, 1])
def test_a_port_somebody_takes_meanwhile_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: int
) -> None:
    chosen: list[list[int]] = []

    with socket.create_server((LOOPBACK, 0)) as somebody:

        def ports(count: int) -> list[int]:
            chosen.append(free_ports(count))
            if len(chosen) == 1:
                chosen[0][listener] = somebody.getsockname()[1]
            return chosen[-1]

        monkeypatch.setattr(real_kafka_module, "free_ports", ports)
        with RealKafka(tmp_path) as kafka:
            assert kafka.bootstrap_servers.endswith(f":{chosen[-1][0]}")

    assert len(chosen) == 2
