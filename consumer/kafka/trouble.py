"""What an error of librdkafka means to the one who set us up."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from confluent_kafka import KafkaError

from consumer.telemetry.redaction import redacted


class TroubleKind(StrEnum):
    """What stands in the way, as far as it decides what to do."""

    UNREACHABLE = "unreachable"
    NAME_UNKNOWN = "name_unknown"
    NOT_AUTHENTICATED = "not_authenticated"
    NOT_ENCRYPTED = "not_encrypted"
    NOT_ALLOWED = "not_allowed"
    PROPERTIES = "properties"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KafkaTrouble:
    """Kafka did not answer the question. `reason` is librdkafka's own word for it, without secrets."""

    kind: TroubleKind
    reason: str


def trouble_of(error: KafkaError) -> KafkaTrouble:
    """What the error means to the one who set us up."""
    return KafkaTrouble(_KINDS.get(error.code(), TroubleKind.OTHER), redacted(error.str()))


# The binding's public names for librdkafka's own errors begin with an underscore.
_KINDS: Final[Mapping[int, TroubleKind]] = MappingProxyType(
    {
        KafkaError._ALL_BROKERS_DOWN: TroubleKind.UNREACHABLE,  # noqa: SLF001
        KafkaError._TIMED_OUT: TroubleKind.UNREACHABLE,  # noqa: SLF001
        KafkaError._TRANSPORT: TroubleKind.UNREACHABLE,  # noqa: SLF001
        KafkaError._RESOLVE: TroubleKind.NAME_UNKNOWN,  # noqa: SLF001
        KafkaError._AUTHENTICATION: TroubleKind.NOT_AUTHENTICATED,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED: TroubleKind.NOT_AUTHENTICATED,
        KafkaError._SSL: TroubleKind.NOT_ENCRYPTED,  # noqa: SLF001
        KafkaError.TOPIC_AUTHORIZATION_FAILED: TroubleKind.NOT_ALLOWED,
        KafkaError.GROUP_AUTHORIZATION_FAILED: TroubleKind.NOT_ALLOWED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED: TroubleKind.NOT_ALLOWED,
    }
)
