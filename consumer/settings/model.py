"""All settings together."""

from pydantic import ValidationInfo, field_validator

from consumer.settings.feed import Feed
from consumer.settings.kafka import KafkaSettings
from consumer.settings.liveintent import LiveIntentSettings
from consumer.settings.part import Part
from consumer.settings.process import DeliverySettings, ProcessSettings
from consumer.settings.replay import ReplaySettings
from consumer.settings.segment import EventSettings, MembershipSettings

# In the order they are explained in.
PARTS: tuple[type[Part], ...] = (
    LiveIntentSettings,
    MembershipSettings,
    KafkaSettings,
    EventSettings,
    DeliverySettings,
    ReplaySettings,
    ProcessSettings,
)


# pydantic orders fields from the last base to the first; a rule sees the fields before its own.
class Settings(
    ProcessSettings,
    ReplaySettings,
    DeliverySettings,
    EventSettings,
    KafkaSettings,
    MembershipSettings,
    LiveIntentSettings,
):
    """Everything the service needs. Immutable; prints without secrets."""

    @field_validator("event_feeds_file")
    @classmethod
    def _of_topics_we_read(cls, feeds: tuple[Feed, ...], info: ValidationInfo) -> tuple[Feed, ...]:
        read = info.data.get("kafka_topics")
        named = [topic for feed in feeds for topic in feed.topics]
        if read is not None and (strange := [topic for topic in named if topic not in read]):
            message = f"names topics that are not in KAFKA_TOPICS: {', '.join(strange)}"
            raise ValueError(message)
        return feeds

    @field_validator("memory_budget_mb")
    @classmethod
    def _holds_the_largest_event(cls, budget: int, info: ValidationInfo) -> int:
        if budget * 2**20 < 4 * info.data.get("event_max_bytes", 0):
            raise ValueError("must hold at least four events of EVENT_MAX_BYTES")
        return budget
