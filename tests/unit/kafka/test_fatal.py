import pytest
from confluent_kafka import KafkaError

from consumer.errors import KafkaFatal
from consumer.kafka.fatal import kafka_fatal

# As librdkafka 2.16 words it, seen with a real broker.
FENCED = (
    "Fatal error: Broker: Static consumer fenced by other consumer with same group.instance.id: Fatal consumer error: "
    "Broker: Static consumer fenced by other consumer with same group.instance.id"
)
UNRELEASED = (
    "Fatal error: Broker: The instance ID is still used by another member in the consumer group: "
    "ConsumerGroupHeartbeat fatal error: Broker: The instance ID is still used by another member in the consumer group"
)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (KafkaError(KafkaError._FATAL, FENCED), "holds our partitions now"),
        (KafkaError(KafkaError.FENCED_INSTANCE_ID, None, True), "holds our partitions now"),
        (KafkaError(KafkaError._FATAL, UNRELEASED), "once its session is over"),
        (KafkaError(KafkaError._UNSUPPORTED_FEATURE, "no", True), "Apache Kafka 4.0"),
    ],
)
def test_a_fatal_error_that_somebody_can_mend_says_how(error: KafkaError, advice: str) -> None:
    fatal = kafka_fatal(error)

    assert isinstance(fatal, KafkaFatal)
    assert error.name() in str(fatal)
    assert advice in str(fatal)


def test_a_fatal_error_we_have_no_advice_for_is_told_as_it_is() -> None:
    error = KafkaError(KafkaError._FATAL, "something nobody has seen", True)

    assert str(kafka_fatal(error)) == "The Kafka client is dead: _FATAL, something nobody has seen."


def test_a_fatal_error_quotes_no_secret() -> None:
    error = KafkaError(KafkaError._FATAL, "refused for ana@example.com", True)

    assert "ana@" not in str(kafka_fatal(error))
