"""All settings together."""

from pydantic import ValidationInfo, field_validator

from consumer.choices import OnDeletion, PrivacyRequests
from consumer.settings.direct_calls import DirectCallSettings
from consumer.settings.feed import Feed
from consumer.settings.kafka import KafkaSettings
from consumer.settings.liveintent import LiveIntentSettings
from consumer.settings.liveintent_hosts import refuse_mixture
from consumer.settings.membership import MembershipSettings
from consumer.settings.part import Part
from consumer.settings.privacy import PrivacySettings
from consumer.settings.process import DeliverySettings, ProcessSettings
from consumer.settings.replay import ReplaySettings
from consumer.settings.segment import EventSettings

# In the order they are explained in.
PARTS: tuple[type[Part], ...] = (
    LiveIntentSettings,
    MembershipSettings,
    PrivacySettings,
    DirectCallSettings,
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
    DirectCallSettings,
    PrivacySettings,
    MembershipSettings,
    LiveIntentSettings,
):
    """Everything the service needs. Immutable; prints without secrets."""

    @field_validator("privacy_requests")
    @classmethod
    def _for_what_is_followed(
        cls, requests: tuple[PrivacyRequests, ...], info: ValidationInfo
    ) -> tuple[PrivacyRequests, ...]:
        if (
            PrivacyRequests.ERASE in requests
            and info.data.get("segment_deletions") is OnDeletion.IGNORE
        ):
            raise ValueError("must not have erase when SEGMENT_DELETIONS is ignore")
        if (
            PrivacyRequests.RESTRICT in requests
            and info.data.get("segment_consent_categories") == ()
        ):
            raise ValueError(
                "must not have restrict when SEGMENT_CONSENT_CATEGORIES is unset: nobody's consent is looked at"
            )
        return requests

    @field_validator(
        "liveintent_privacy_url", "liveintent_collector_url", "liveintent_conversions_url"
    )
    @classmethod
    def _of_the_same_stage(cls, url: str | None, info: ValidationInfo) -> str | None:
        return refuse_mixture(url, info.data.get("liveintent_url"))

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
