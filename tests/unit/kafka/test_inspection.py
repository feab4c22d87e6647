import socket
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.kafka.connection import KafkaConnection
from consumer.kafka.inspection import Brokers, KafkaInspection, NoTopic, TopicFound, TopicRules
from consumer.kafka.trouble import KafkaTrouble, TroubleKind, trouble_of
from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.settings import FirstStart

TOPIC = "events"


@pytest.fixture
def inspection(embedded_kafka: EmbeddedKafka) -> Iterator[KafkaInspection]:
    embedded_kafka.create_topic(TOPIC, partitions=2)
    with opened(embedded_kafka) as inspection:
        yield inspection


def opened(kafka: EmbeddedKafka, **properties: str) -> KafkaInspection:
    connection = KafkaConnection(kafka.bootstrap_servers, "group", properties=properties)
    inspection = KafkaInspection.open(connection, answer_seconds=0.5)
    assert isinstance(inspection, KafkaInspection)
    return inspection


def test_a_cluster_that_answers_tells_its_brokers_and_topics(inspection: KafkaInspection) -> None:
    assert inspection.reach(TOPIC) == Brokers(1)
    assert inspection.topic(TOPIC) == TopicFound(2)
    assert inspection.topic("misspelt") == NoTopic()


def test_a_cluster_that_goes_down_is_trouble_at_every_question(
    inspection: KafkaInspection, embedded_kafka: EmbeddedKafka
) -> None:
    embedded_kafka.set_broker_down()

    for answer in (inspection.reach(TOPIC), inspection.topic(TOPIC)):
        assert isinstance(answer, KafkaTrouble)
        assert answer.kind is TroubleKind.UNREACHABLE


def test_a_group_we_may_not_use_is_trouble(
    inspection: KafkaInspection, embedded_kafka: EmbeddedKafka
) -> None:
    embedded_kafka.push_errors(ApiKey.OFFSET_FETCH, KafkaError.GROUP_AUTHORIZATION_FAILED)

    starts = inspection.starts(TOPIC, 2, group_id="group", first_start=FirstStart.EARLIEST)

    assert isinstance(starts, KafkaTrouble)
    assert starts.kind is TroubleKind.NOT_ALLOWED


def test_where_to_start_is_found_without_a_commit(inspection: KafkaInspection) -> None:
    first = inspection.starts(TOPIC, 2, group_id="group", first_start=FirstStart.LATEST)
    second = inspection.starts(TOPIC, 2, group_id="group", first_start=FirstStart.LATEST)

    assert not isinstance(first, KafkaTrouble)
    assert [each.partition.partition for each in first] == [0, 1]
    assert first == second


def test_rights_that_cannot_be_asked_for_are_not_told(
    inspection: KafkaInspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        def describe_topics(self, *_: object, **__: object) -> None:
            raise KafkaException(KafkaError(KafkaError._UNSUPPORTED_FEATURE))

    monkeypatch.setattr(inspection, "_admin", Refusing())

    assert inspection.rules([TOPIC]) == {TOPIC: TopicRules()}


def test_it_is_given_up_when_the_time_is_over() -> None:
    # A port that takes connections and says nothing, as a firewall or a broker that wants TLS may.

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        connection = KafkaConnection(f"127.0.0.1:{listener.getsockname()[1]}", "group")
        with KafkaInspection(connection, answer_seconds=1.5) as inspection:
            began = time.monotonic()
            answer = inspection.reach(TOPIC)

    assert isinstance(answer, KafkaTrouble)
    assert answer.kind is TroubleKind.UNREACHABLE
    assert 1.0 <= time.monotonic() - began < 4.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TRANSPORT, TroubleKind.UNREACHABLE),
        (KafkaError._RESOLVE, TroubleKind.NAME_UNKNOWN),
        (KafkaError._SSL, TroubleKind.NOT_ENCRYPTED),
        (KafkaError._AUTHENTICATION, TroubleKind.NOT_AUTHENTICATED),
        (KafkaError.SASL_AUTHENTICATION_FAILED, TroubleKind.NOT_AUTHENTICATED),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, TroubleKind.NOT_ALLOWED),
        (KafkaError.REQUEST_TIMED_OUT, TroubleKind.OTHER),
    ],
)
def test_an_error_is_sorted_by_what_can_be_done_about_it(code: int, kind: TroubleKind) -> None:
    assert trouble_of(KafkaError(code)).kind is kind


def test_a_broken_property_is_trouble_before_anything_is_asked() -> None:
    connection = KafkaConnection("127.0.0.1:9", "group", properties={"fetch.min.bytes": "many"})

    trouble = KafkaInspection.open(connection, answer_seconds=1.0)

    assert isinstance(trouble, KafkaTrouble)
    assert trouble.kind is TroubleKind.PROPERTIES
    assert "fetch.min.bytes" in trouble.reason
