"""Kafka: the brokers, the topics and our rights on them, and where the group would start."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.errors import OffsetsUnknown
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.first_start import PartitionStart, StartReason
from consumer.kafka.inspection import (
    Brokers,
    KafkaInspection,
    KafkaTrouble,
    NoTopic,
    TopicFound,
    TopicRules,
    TroubleKind,
)
from consumer.settings import KafkaSettings

_HOUR_MS = 3_600_000
# Dead letters of a Friday evening should still be there on Monday.
_LEAST_RETENTION_HOURS = 72
# A dead letter is its record and some headers; 64 KiB is far more than they take.
_HEADERS_BYTES = 65_536

_ADVICE: Mapping[TroubleKind, str] = {
    TroubleKind.UNREACHABLE: "Check KAFKA_BOOTSTRAP_SERVERS, and that this machine may connect there. Brokers that "
    "want TLS close a connection without it: see security.protocol in KAFKA_PROPERTIES.",
    TroubleKind.NAME_UNKNOWN: "Check the host names in KAFKA_BOOTSTRAP_SERVERS.",
    TroubleKind.NOT_AUTHENTICATED: "Check security.protocol and sasl.* in KAFKA_PROPERTIES and KAFKA_PROPERTIES_FILE.",
    TroubleKind.NOT_ENCRYPTED: "Check security.protocol and ssl.* in KAFKA_PROPERTIES and KAFKA_PROPERTIES_FILE.",
    TroubleKind.NOT_ALLOWED: "Grant our user READ on the topics of KAFKA_TOPICS and on the group KAFKA_GROUP_ID, and "
    "WRITE on KAFKA_DEAD_LETTER_TOPIC.",
    TroubleKind.PROPERTIES: "Correct KAFKA_PROPERTIES or KAFKA_PROPERTIES_FILE; librdkafka's CONFIGURATION.md lists "
    "what there is.",
    TroubleKind.OTHER: "Ask those who run the brokers, or try again later.",
}


async def kafka_findings(settings: KafkaSettings, *, seconds: float) -> AsyncIterator[Finding]:
    """Look at Kafka, each answer waited for at most so long. Writes, joins and commits nothing."""
    connection = KafkaConnection(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group_id,
        properties=settings.kafka_properties,
    )
    opened = await asyncio.to_thread(KafkaInspection.open, connection, answer_seconds=seconds)
    if isinstance(opened, KafkaTrouble):
        yield _trouble(Check.KAFKA, opened)
        return
    try:
        async for finding in _looked_at(opened, settings):
            yield finding
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)


async def _looked_at(
    inspection: KafkaInspection, settings: KafkaSettings
) -> AsyncIterator[Finding]:
    reached = await asyncio.to_thread(inspection.reach, settings.kafka_topics[0])
    if isinstance(reached, KafkaTrouble):
        yield _trouble(Check.KAFKA, reached)
        for check in (Check.TOPIC, Check.DEAD_LETTER_TOPIC, Check.START):
            yield warning(check, "not looked at: Kafka does not answer")
        return
    yield ok(Check.KAFKA, f"{_counted(reached, 'broker')} at {settings.kafka_bootstrap_servers}")
