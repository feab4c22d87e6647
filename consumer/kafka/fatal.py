"""The end of a Kafka client, in words that say what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from confluent_kafka import KafkaError

from consumer.errors import KafkaFatal
from consumer.telemetry.redaction import redacted

_ADVICE: Final[Mapping[int, str]] = MappingProxyType(
    {
        KafkaError.FENCED_INSTANCE_ID: (
            "Another process has joined with our group.instance.id and holds our partitions now. Give each replica an "
            "id of its own, such as the name of a StatefulSet's pod."
        ),
        KafkaError.UNRELEASED_INSTANCE_ID: (
            "The group still has a member with our group.instance.id. If that is a process that was killed, its place "
            "is free once its session is over (group.consumer.session.timeout.ms on the brokers), and a start after "
            "that succeeds. If it runs, give each replica an id of its own."
        ),
        KafkaError._UNSUPPORTED_FEATURE: (  # noqa: SLF001 - the binding's public name for it
            "The brokers do not know something that KAFKA_PROPERTIES asks for: group.protocol=consumer needs Apache "
            "Kafka 4.0."
        ),
    }
)


def kafka_fatal(error: KafkaError) -> KafkaFatal:
    """Return the error to end with, for one librdkafka calls fatal."""
    said = redacted(error.str())
    advice = "".join(f" {text}" for code, text in _ADVICE.items() if _is_about(error, code))
    return KafkaFatal(f"The Kafka client is dead: {error.name()}, {said}.{advice}")


def _is_about(error: KafkaError, code: int) -> bool:
    # The message that ends a consumer has the code _FATAL; what killed it stands only in its text.
    return error.code() == code or KafkaError(code).str() in error.str()
