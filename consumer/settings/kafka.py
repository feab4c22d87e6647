"""Settings of Kafka's side: where records come from, where offsets and dead letters go."""

from pydantic import Field, ValidationInfo, field_validator

from consumer.settings.parsing import (
    FirstStartPoint,
    KafkaTopic,
    KafkaTopics,
    Line,
    Seconds,
    SecretLine,
)
from consumer.settings.part import SECRET_AT_START, Part

# Properties that have a setting of their own, or on which at-least-once delivery rests. Kafka's side knows more of
# them and says so through load_settings; these are refused even where nobody asks it.
OWNED_PROPERTIES = {
    "bootstrap.servers": "set KAFKA_BOOTSTRAP_SERVERS",
    "metadata.broker.list": "set KAFKA_BOOTSTRAP_SERVERS",
    "group.id": "set KAFKA_GROUP_ID",
    "auto.offset.reset": "set KAFKA_FIRST_START",
    "enable.auto.commit": "offsets are committed only for what is finished",
    "enable.auto.offset.store": "offsets are committed only for what is finished",
}
# The values our own client runs with: saying them again does no harm.
_SAME_AS_OURS = {
    "auto.offset.reset": "error",
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
}


class KafkaSettings(Part):
    """Kafka."""

    kafka_bootstrap_servers: Line = Field(
        description="Brokers to begin with, as host:port between commas.",
    )
    kafka_topics: KafkaTopics = Field(
        description="Topics with Segment's events, between commas.",
    )
    kafka_group_id: Line = Field(
        description="Consumer group, which holds the offsets.",
    )
    kafka_dead_letter_topic: KafkaTopic = Field(
        default="segment-liveintent.dead-letters",
        description="Topic for records that cannot be delivered, with their original bytes.",
    )
    kafka_first_start: FirstStartPoint | None = Field(
        default=None,
        description="Where to begin on a partition without committed offsets: earliest, latest, or a date and time "
        "with its zone. Unset, such a partition stops the program with an error that says so.",
    )
    kafka_properties: dict[str, str] = Field(
        default={},
        repr=False,
        description="Any other librdkafka properties, as a JSON object: security, client.rack, "
        "group.protocol and group.instance.id (see docs/group-membership.md). "
        "`KAFKA_PROPERTIES_FILE` names a file with more of them, for secret ones such as sasl.password.",
    )
    kafka_sasl_username: Line | None = Field(
        default=None,
        description="User name for the brokers, where they ask for one (sasl.username). How they ask is said in KAFKA_PROPERTIES: "
        "security.protocol and sasl.mechanism.",
    )
    kafka_sasl_password: SecretLine | None = Field(
        default=None,
        description="Password for the brokers (sasl.password).",
        json_schema_extra=SECRET_AT_START,
    )
    kafka_commit_seconds: Seconds = Field(
        default=1.0,
        description="How often finished offsets are committed.",
    )

    @field_validator("kafka_dead_letter_topic")
    @classmethod
    def _not_a_topic_we_read(cls, topic: str, info: ValidationInfo) -> str:
        if topic in info.data.get("kafka_topics", ()):
            raise ValueError(
                "must not be one of KAFKA_TOPICS: dead letters would be read again for ever"
            )
        return topic

    @field_validator("kafka_properties")
    @classmethod
    def _without_ours(cls, properties: dict[str, str]) -> dict[str, str]:
        owned = [
            f"{name} ({OWNED_PROPERTIES[name]})"
            for name, value in properties.items()
            if name in OWNED_PROPERTIES and value.strip().lower() != _SAME_AS_OURS.get(name)
        ]
        if owned:
            message = f"must not hold {', '.join(owned)}"
            raise ValueError(message)
        return properties
