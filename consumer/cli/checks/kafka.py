"""Kafka: the brokers, the topics and our rights on them, and where the group would start."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.cli.checks.group import group_finding
from consumer.errors import OffsetsUnknown
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.first_start import PartitionStart, StartReason
from consumer.kafka.inspection import KafkaInspection, NoTopic, TopicFound, TopicRules
from consumer.kafka.trouble import KafkaTrouble, TroubleKind
from consumer.settings import KafkaSettings

_HOUR_MS = 3_600_000
# Dead letters of a Friday evening should still be there on Monday.
_LEAST_RETENTION_HOURS = 72

_ADVICE: Mapping[TroubleKind, str] = {
    TroubleKind.UNREACHABLE: "Check KAFKA_BOOTSTRAP_SERVERS, and that this machine may connect there. Brokers that "
    "want TLS close a connection without it: see security.protocol in KAFKA_PROPERTIES.",
    TroubleKind.NAME_UNKNOWN: "Check the host names in KAFKA_BOOTSTRAP_SERVERS.",
    TroubleKind.NOT_AUTHENTICATED: "Check security.protocol and sasl.* in KAFKA_PROPERTIES and KAFKA_PROPERTIES_FILE.",
    TroubleKind.NOT_ENCRYPTED: "Check security.protocol and ssl.* in KAFKA_PROPERTIES and KAFKA_PROPERTIES_FILE.",
    TroubleKind.NOT_ALLOWED: "Grant our user READ on the topics of KAFKA_TOPICS and on the group of KAFKA_GROUP_ID, "
    "and WRITE on the topic of KAFKA_DEAD_LETTER_TOPIC.",
    TroubleKind.PROPERTIES: "Correct KAFKA_PROPERTIES or KAFKA_PROPERTIES_FILE.",
    TroubleKind.OTHER: "Ask those who run the brokers, or try again later.",
}


def kafka_findings(settings: KafkaSettings, *, seconds: float) -> Iterator[Finding]:
    """Look at Kafka, waiting at most `seconds` for each answer. Blocks; writes, joins and commits nothing."""
    connection = KafkaConnection(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.kafka_group_id,
        properties=settings.kafka_properties,
    )
    opened = KafkaInspection.open(connection, answer_seconds=seconds)
    if isinstance(opened, KafkaTrouble):
        yield from _kafka_fails(opened)
        return
    with opened as inspection:
        reached = inspection.reach(settings.kafka_topics[0])
        if isinstance(reached, KafkaTrouble):
            yield from _kafka_fails(reached)
            return
        yield ok(Check.KAFKA, f"{_counted(reached.count, 'broker')} reached")
        yield group_finding(inspection.members(connection.group_id), connection)
        yield from _topic_findings(inspection, settings)


def _kafka_fails(trouble: KafkaTrouble) -> Iterator[Finding]:
    yield failed(Check.KAFKA, trouble.reason, advice=_ADVICE[trouble.kind])
    for check in (Check.GROUP, Check.TOPIC, Check.DEAD_LETTER_TOPIC, Check.START):
        yield warning(check, "not looked at: Kafka does not answer")


def _topic_findings(inspection: KafkaInspection, settings: KafkaSettings) -> Iterator[Finding]:
    rules = inspection.rules([*settings.kafka_topics, settings.kafka_dead_letter_topic])
    for topic in settings.kafka_topics:
        found = inspection.topic(topic)
        yield _topic(_READ, topic, found, allowed=rules[topic].may_read)
        if isinstance(found, TopicFound):
            yield _start(inspection, settings, topic, partitions=found.partitions)
    topic = settings.kafka_dead_letter_topic
    yield _topic(_WRITE, topic, inspection.topic(topic), allowed=rules[topic].may_write)
    largest_bytes = max(rules[topic].most_bytes for topic in settings.kafka_topics)
    yield from _dead_letter_warnings(topic, rules[topic], largest_bytes=largest_bytes)


@dataclass(frozen=True, slots=True)
class _Use:
    """What we want of a topic, and where it is set."""

    check: Check
    setting: str
    right: str
    verb: str


_READ = _Use(Check.TOPIC, "KAFKA_TOPICS", right="READ", verb="read it")
_WRITE = _Use(Check.DEAD_LETTER_TOPIC, "KAFKA_DEAD_LETTER_TOPIC", right="WRITE", verb="write to it")


def _topic(
    use: _Use, topic: str, found: TopicFound | NoTopic | KafkaTrouble, *, allowed: bool | None
) -> Finding:
    match found:
        case KafkaTrouble(kind, reason):
            return failed(use.check, reason, subject=topic, advice=_ADVICE[kind])
        case NoTopic():
            return failed(
                use.check,
                "does not exist, or we may not see it",
                subject=topic,
                advice=f"Create it, correct {use.setting}, or grant our user {use.right} on it.",
            )
        case TopicFound() if allowed is False:
            return failed(
                use.check,
                f"exists, but we may not {use.verb}",
                subject=topic,
                advice=f"Grant our user {use.right} on it.",
            )
        case TopicFound(partitions):
            told = (
                f"; the brokers do not tell whether we may {use.verb}"
                if allowed is None
                else f", and we may {use.verb}"
            )
            return ok(use.check, _counted(partitions, "partition") + told, subject=topic)


def _start(
    inspection: KafkaInspection, settings: KafkaSettings, topic: str, *, partitions: int
) -> Finding:
    try:
        starts = inspection.starts(
            topic,
            partitions,
            group_id=settings.kafka_group_id,
            first_start=settings.kafka_first_start,
        )
    except OffsetsUnknown as error:
        # The service's own words, which say what to do as well.
        return failed(Check.START, str(error), subject=topic)
    if isinstance(starts, KafkaTrouble):
        return failed(Check.START, starts.reason, subject=topic, advice=_ADVICE[starts.kind])
    return ok(Check.START, _start_in_words(starts, settings), subject=topic)


def _start_in_words(starts: Sequence[PartitionStart], settings: KafkaSettings) -> str:
    reasons = Counter(start.reason for start in starts)
    group = f"group {settings.kafka_group_id}"
    if reasons[StartReason.FIRST_START]:
        return f"{group} has no offsets yet and begins at {settings.kafka_first_start} (KAFKA_FIRST_START)"
    text = f"{group} goes on at its committed offsets"
    if new := reasons[StartReason.NEW_PARTITION]:
        text += f"; {_counted(new, 'new partition')} will be read from the beginning"
    return text


def _dead_letter_warnings(
    topic: str, rules: TopicRules, *, largest_bytes: int
) -> Iterator[Finding]:
    if rules.is_compacted:
        yield warning(
            Check.DEAD_LETTER_TOPIC,
            "is compacted: it keeps one dead letter for each key, and takes none without a key",
            subject=topic,
            advice="Set cleanup.policy=delete on it.",
        )
    if rules.retention_ms is not None and rules.retention_ms < _LEAST_RETENTION_HOURS * _HOUR_MS:
        hours = rules.retention_ms / _HOUR_MS
        yield warning(
            Check.DEAD_LETTER_TOPIC,
            f"keeps dead letters for {hours:.3g} hours only",
            subject=topic,
            advice="Raise retention.ms on it to what you need to look into them and put them back.",
        )
    if 0 < rules.most_bytes < largest_bytes:
        yield warning(
            Check.DEAD_LETTER_TOPIC,
            f"takes records of at most {rules.most_bytes} bytes, while the topics we read take {largest_bytes}",
            subject=topic,
            advice="Raise max.message.bytes on it: a dead letter that does not fit blocks its partition.",
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
