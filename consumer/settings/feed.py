"""Topics whose values are written in another format than EVENT_FORMAT."""

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from consumer.choices import EventFormat
from consumer.settings.parsing import KAFKA_TOPIC


class Feed(BaseModel):
    """Topics that are read alike."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    topics: tuple[str, ...] = Field(min_length=1)
    """Topics of KAFKA_TOPICS."""
    format: EventFormat
    """As EVENT_FORMAT."""
    schema_file: str | None = Field(default=None, validate_default=True)
    """As EVENT_SCHEMA_FILE; relative to the feeds file."""

    mapping: str | None = Field(default=None, min_length=1)
    """As EVENT_MAPPING, which it stands in for; a file is relative to the feeds file."""

    @field_validator("topics")
    @classmethod
    def _topics_names(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            if not KAFKA_TOPIC.fullmatch(topic):
                message = f"has a name no topic can have: {topic!r}"
                raise ValueError(message)
        return topics

    @field_validator("schema_file")
    @classmethod
    def _for_bare_avro_only(cls, schema_file: str | None, info: ValidationInfo) -> str | None:
        event_format = info.data.get("format")
        if event_format is EventFormat.AVRO_BARE and schema_file is None:
            raise ValueError(
                "is required when format is avro-bare: the schema that all its values have"
            )
        if event_format not in (None, EventFormat.AVRO_BARE) and schema_file is not None:
            raise ValueError("is for avro-bare only: other formats say which schema they have")
        return schema_file
