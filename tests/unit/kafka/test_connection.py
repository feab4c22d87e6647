import pytest

from consumer.kafka.connection import (
    KafkaConnection,
    admin_properties,
    consumer_properties,
    producer_properties,
    property_problems,
)


def a_connection(**properties: str) -> KafkaConnection:
    own = {name.replace("_", "."): value for name, value in properties.items()}
    return KafkaConnection("kafka:9092", "group", client_id="pod-1", properties=own)


def test_the_consumer_commits_nothing_by_itself_and_guesses_no_offset() -> None:
    properties = consumer_properties(a_connection())

    assert properties["enable.auto.commit"] == "false"
    assert properties["enable.auto.offset.store"] == "false"
    assert properties["auto.offset.reset"] == "error"
    assert properties["isolation.level"] == "read_committed"
    assert properties["partition.assignment.strategy"] == "cooperative-sticky"


def test_every_client_knows_where_the_brokers_are_and_who_it_is() -> None:
    connection = a_connection(security_protocol="ssl")

    for properties in (
        consumer_properties(connection),
        producer_properties(connection),
        admin_properties(connection),
    ):
        assert properties["bootstrap.servers"] == "kafka:9092"
        assert properties["client.id"] == "pod-1"
        assert properties["security.protocol"] == "ssl"


def test_the_users_tuning_wins() -> None:
    connection = a_connection(
        session_timeout_ms="20000",
        linger_ms="100",
        isolation_level="read_uncommitted",
        client_id="x",
    )

    assert consumer_properties(connection)["session.timeout.ms"] == "20000"
    assert consumer_properties(connection)["isolation.level"] == "read_uncommitted"
    assert producer_properties(connection)["linger.ms"] == "100"
    assert admin_properties(connection)["client.id"] == "x"


def test_a_client_gets_no_property_of_another_kind() -> None:
    connection = a_connection(session_timeout_ms="20000", linger_ms="100", group_instance_id="0")

    assert "linger.ms" not in consumer_properties(connection)
    assert not {"session.timeout.ms", "group.id", "group.instance.id"} & set(
        producer_properties(connection)
    )
    assert set(admin_properties(connection)) == {
        "bootstrap.servers",
        "client.id",
        "socket.keepalive.enable",
    }


def test_the_group_id_is_the_settings_even_if_a_property_says_otherwise() -> None:
    assert consumer_properties(a_connection(group_id="other"))["group.id"] == "group"


def test_with_the_new_group_protocol_what_the_broker_decides_is_left_out() -> None:
    properties = consumer_properties(
        a_connection(group_protocol="consumer", session_timeout_ms="20000")
    )

    assert properties["group.protocol"] == "consumer"
    assert not {
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "partition.assignment.strategy",
    } & set(properties)
    assert properties["max.poll.interval.ms"] == "300000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "true"),
        ("auto.offset.reset", "latest"),
        ("partition.assignment.strategy", "range"),
        ("partition.assignment.strategy", "cooperative-sticky,range"),
        ("enable.idempotence", "false"),
        ("acks", "1"),
        ("bootstrap.servers", "elsewhere:9092"),
        ("metadata.broker.list", "elsewhere:9092"),
        ("group.id", "other"),
        ("transactional.id", "x"),
        ("stats_cb", "x"),
        ("logger", "x"),
    ],
)
def test_a_property_delivery_rests_on_is_refused_with_its_name_and_a_reason(
    name: str, value: str
) -> None:
    (problem,) = property_problems({name: value, "security.protocol": "ssl"})

    assert problem.startswith(f"KAFKA_PROPERTIES must not set {name}")
    assert problem.endswith(".")
    assert ": " in problem


def test_what_we_would_set_ourselves_and_all_tuning_is_accepted() -> None:
    assert (
        property_problems(
            {
                "enable.auto.commit": "False",
                "partition.assignment.strategy": "cooperative-sticky",
                "auto.offset.reset": "error",
                "acks": "-1",
                "isolation.level": "read_uncommitted",
                "session.timeout.ms": "6000",
                "sasl.password": "secret",
            }
        )
        == ()
    )


def test_every_problem_is_named_at_once_and_none_shows_a_secret() -> None:
    problems = property_problems(
        {"transactional.id": "sesame", "enable.auto.commit": "true", "sasl.password": "sesame"}
    )

    assert len(problems) == 2
    assert "sesame" not in "".join(problems)


def test_a_connection_does_not_print_the_users_properties() -> None:
    assert "sesame" not in repr(a_connection(sasl_password="sesame"))
