"""Why records are not finished: the causes there are, what each asks of people, and where the runbook tells more."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What the answer to "why is it behind?" comes down to."""

    NOTHING = "nothing"
    """It is not behind."""
    WORKING = "working"
    REPLAYING = "replaying"
    STARTING = "starting"
    STOPPING = "stopping"
    SPARE = "spare"
    """Other processes of the group have all the partitions."""
    NOT_READY = "not_ready"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of a cause
    CIRCUIT_OPEN = "circuit_open"
    ASKED_TO_WAIT = "asked_to_wait"
    AUDIENCE_REFUSED = "audience_refused"
    UPLOADS_UNCONFIRMED = "uploads_unconfirmed"
    PRIVACY_HELD = "privacy_held"
    MEMORY_FULL = "memory_full"
    SCHEMA_AWAITED = "schema_awaited"
    STALLED = "stalled"
    DEAD_LETTERS_UNWRITTEN = "dead_letters_unwritten"
    COMMITS_HELD = "commits_held"
    KAFKA_UNREACHABLE = "kafka_unreachable"
    TOPIC_MISSING = "topic_missing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person reads first: the cause in a few words, and what to do about it."""

    headline: str
    to_do: str
    runbook: str = ""
    """A heading of docs/operations.md; empty when there is nothing to look up."""


ADVICE: Mapping[Cause, Advice] = {
    Cause.NOTHING: Advice("All is well", "Nothing."),
    Cause.WORKING: Advice(
        "It is working",
        "Nothing, while lag falls.",
        "SegmentLiveIntentLagGrowing",
    ),
    Cause.REPLAYING: Advice(
        "A replay is under way",
        "Nothing. Alerts on lag are silent until it is over.",
        "Replay",
    ),
    Cause.STARTING: Advice(
        "It is starting",
        "Wait for Kafka to assign partitions. It takes seconds; a static member that has just gone, its session's time-out.",
        "SegmentLiveIntentNotReady",
    ),
    Cause.STOPPING: Advice(
        "It is stopping",
        "Nothing. What is under way has DRAIN_SECONDS to finish; the rest is read again by the next process.",
        "SegmentLiveIntentNotReady",
    ),
    Cause.SPARE: Advice(
        "It has no partitions",
        "Nothing, if there are more replicas than partitions. It takes over when another goes.",
        "SegmentLiveIntentPartitionsUnassigned",
    ),
    Cause.NOT_READY: Advice("It is not ready", "What is said below.", "SegmentLiveIntentNotReady"),
    Cause.TOKEN_REFUSED: Advice(
        "LiveIntent refuses our API key",
        "Put a valid key into the Secret. A mounted file is read again within seconds, without a restart. "
        "Until then nothing is sent, and nothing is lost.",
        "SegmentLiveIntentTokenRefused",
    ),
    Cause.CIRCUIT_OPEN: Advice(
        "LiveIntent is down for us",
        "Wait: it is tried again by itself, and nothing is lost. A time-out or no route is our network; "
        "for 5xx tell LiveIntent's support after an hour.",
        "SegmentLiveIntentCircuitOpen",
    ),
    Cause.ASKED_TO_WAIT: Advice(
        "LiveIntent asks us to wait",
        "Wait: sending goes on by itself. If it comes often, lower LIVEINTENT_REQUESTS_PER_SECOND.",
        "SegmentLiveIntentFailureRatioHigh",
    ),
    Cause.AUDIENCE_REFUSED: Advice(
        "LiveIntent refuses an audience",
        "Activate it in LiveIntent's UI, or take it out of LIVEINTENT_AUDIENCES; then redrive its dead letters. "
        "Other audiences go on.",
        "SegmentLiveIntentAudienceRefused",
    ),
    Cause.UPLOADS_UNCONFIRMED: Advice(
        "Kafka does not confirm that partitions are still ours",
        "Look at the group's coordinator and at our rights on the group.",
        "SegmentLiveIntentUploadsUnconfirmed",
    ),
    Cause.PRIVACY_HELD: Advice(
        "LiveIntent takes no privacy requests",
        "If the token is refused, put a new LIVEINTENT_PRIVACY_TOKEN into the Secret; else tell LiveIntent.",
        "SegmentLiveIntentPrivacyRequestsHeld",
    ),
    Cause.MEMORY_FULL: Advice(
        "Memory is full of unfinished records",
        "Nothing, while lag falls: reading goes at LiveIntent's pace. If it does not, the audience at the top of "
        "the list holds things up.",
        "SegmentLiveIntentMemoryBudgetFull",
    ),
    Cause.SCHEMA_AWAITED: Advice(
        "A record waits for its schema",
        "See to the schema registry, or to our credentials there (SCHEMA_REGISTRY_*). Other partitions go on.",
        "SegmentLiveIntentSchemaAwaited",
    ),
    Cause.STALLED: Advice(
        "A partition stands still",
        "See to what it waits for. Keep /status and the log before you delete the pod.",
        "SegmentLiveIntentPartitionStalled",
    ),
    Cause.DEAD_LETTERS_UNWRITTEN: Advice(
        "Dead letters cannot be written",
        "Create the dead-letter topic, grant WRITE, or raise its max.message.bytes above the source's.",
        "SegmentLiveIntentDeadLetterWritesFailing",
    ),
    Cause.COMMITS_HELD: Advice(
        "Offsets cannot be committed",
        "Look at the group's coordinator and at our rights on the group. What was delivered since would be sent again "
        "after a restart.",
        "SegmentLiveIntentCommitsFailing",
    ),
    Cause.KAFKA_UNREACHABLE: Advice(
        "Kafka cannot be reached",
        "Check network, TLS certificates, credentials and brokers, in this order. It connects again by itself.",
        "SegmentLiveIntentKafkaUnreachable",
    ),
    Cause.TOPIC_MISSING: Advice(
        "A topic is missing",
        "Create it, or grant DESCRIBE and READ. It is picked up without a restart.",
        "SegmentLiveIntentTopicMissing",
    ),
    Cause.OTHER: Advice("Something is held back", "See to what is said below.", "First look"),
}
