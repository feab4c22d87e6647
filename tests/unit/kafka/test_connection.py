import pytest
from confluent_kafka import Consumer, Producer

from consumer.kafka.connection import (
    KafkaConnection,
    admin_properties,
    consumer_properties,
    producer_properties,
    property_problems,
)

BROKERS_DECIDE = {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"}


class Heard:
    """The `logger` of a librdkafka client built with debug=conf, which then tells its settings."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, _level: int, text: str, *parts: object) -> None:
        self.lines.append(text % parts)

    def settings(self) -> dict[str, str]:
        said = (line.rpartition("]:   ")[2] for line in self.lines if "]:   " in line)
        return {name: value for name, _, value in (each.partition(" = ") for each in said)}


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
        ("max.poll.interval.ms", "29999"),
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


@pytest.mark.parametrize(
    ("name", "brokers_setting"),
    [
        ("session.timeout.ms", "group.consumer.session.timeout.ms"),
        ("heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"),
        ("partition.assignment.strategy", "group.consumer.assignors"),
        ("group.protocol.type", "the brokers decide it"),
    ],
)
def test_what_the_brokers_decide_under_kip_848_is_refused_and_not_dropped_without_a_word(
    name: str, brokers_setting: str
) -> None:
    own = {"partition.assignment.strategy": "cooperative-sticky"}.get(name, "6000")

    (problem,) = property_problems({"group.protocol": "Consumer", name: own})

    assert problem.startswith(f"KAFKA_PROPERTIES must not set {name}: with group.protocol=consumer")
    assert brokers_setting in problem
    if name != "group.protocol.type":
        assert property_problems({"group.protocol": "classic", name: own}) == ()


def test_a_revoke_has_time_before_the_group_misses_our_polls() -> None:
    assert property_problems({"max.poll.interval.ms": "30000"}) == ()
    # Not a number: librdkafka says so itself.
    assert property_problems({"max.poll.interval.ms": "soon"}) == ()


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


EFFECTIVE = {
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "cooperative-sticky",
    "check.crcs": "true",
    "allow.auto.create.topics": "false",
    "session.timeout.ms": "15000",
    "heartbeat.interval.ms": "3000",
    "queued.max.messages.kbytes": "16384",
    "queued.min.messages": "5000",
    "fetch.message.max.bytes": "131072",
    "fetch.max.bytes": "1048576",
    "fetch.queue.backoff.ms": "50",
    "fetch.wait.max.ms": "250",
    "socket.keepalive.enable": "true",
}
"""What librdkafka says itself that it runs with; its own defaults are not listed, max.poll.interval.ms among them."""


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_librdkafka_runs_with_what_delivery_rests_on(protocol: str) -> None:
    wanted = {
        name: value
        for name, value in EFFECTIVE.items()
        if protocol == "classic" or name not in BROKERS_DECIDE
    }
    heard = Heard()
    properties = consumer_properties(a_connection(group_protocol=protocol, debug="conf"))

    Consumer(properties, logger=heard).close()

    said = heard.settings()
    assert {name: said.get(name) for name in wanted} == wanted
    assert said["max.poll.interval.ms"] == "300000"
    if protocol == "consumer":
        assert not BROKERS_DECIDE & said.keys()


def test_the_dead_letter_producer_runs_with_what_a_dead_letter_needs() -> None:
    heard = Heard()

    producer = Producer({**producer_properties(a_connection(debug="conf"))}, logger=heard)
    producer.poll(0)

    said = heard.settings()
    assert said["enable.idempotence"] == "true"
    assert said["message.timeout.ms"] == "30000"
    assert said["request.required.acks"] == "-1"
