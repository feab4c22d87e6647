"""Settings of Segment's side: how events are read, and which of them change an audience."""

from typing import Annotated

from pydantic import AfterValidator, DirectoryPath, Field, ValidationInfo, field_validator

from consumer.choices import EmailHash, EventFormat
from consumer.settings.parsing import (
    AUDIENCE_NAME,
    AUDIENCE_NAME_MAX,
    EVERY_AUDIENCE,
    AudienceNames,
    CommaList,
    Count,
    HeaderSecret,
    Line,
    Names,
    SecretLine,
    Url,
)
from consumer.settings.part import SECRET, Part
from consumer.settings.secret import Secret


class EventSettings(Part):
    """Reading events."""

    event_format: EventFormat = Field(
        default=EventFormat.AVRO_CONFLUENT,
        description="How a record's value holds the event.",
    )
    event_max_bytes: Count = Field(
        default=1_000_000,
        description="Largest record value that is decoded; a larger one goes to the dead-letter topic.",
    )
    schema_registry_url: Url | None = Field(
        default=None,
        description="Schema registry with the Confluent API. Required when EVENT_FORMAT is avro-confluent.",
    )
    schema_registry_username: Line | None = Field(
        default=None,
        description="User name for the schema registry, with SCHEMA_REGISTRY_PASSWORD.",
    )
    schema_registry_password: SecretLine | None = Field(
        default=None,
        description="Password for the schema registry.",
        json_schema_extra=SECRET,
    )
    schema_registry_token: HeaderSecret | None = Field(
        default=None,
        description="Bearer token for the schema registry, instead of a user name and password.",
        json_schema_extra=SECRET,
    )
    schemas_directory: DirectoryPath | None = Field(
        default=None,
        description="Directory of Avro schemas (.avsc) to read avro-single-object events with. Unset: the schemas "
        "shipped with the program.",
    )

    @field_validator("schema_registry_url")
    @classmethod
    def _present_when_needed(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None and info.data.get("event_format") is EventFormat.AVRO_CONFLUENT:
            raise ValueError(
                "is required when EVENT_FORMAT is avro-confluent, the default: URL of the schema registry"
            )
        return url

    @field_validator("schema_registry_password")
    @classmethod
    def _with_a_user_name(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        user_name = info.data.get("schema_registry_username")
        if (password is None) != (user_name is None) and "schema_registry_username" in info.data:
            raise ValueError("and SCHEMA_REGISTRY_USERNAME must be set together")
        return password

    @field_validator("schema_registry_token")
    @classmethod
    def _instead_of_a_password(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        if token is not None and info.data.get("schema_registry_username") is not None:
            raise ValueError(
                "must not be set together with SCHEMA_REGISTRY_USERNAME: use one of them"
            )
        return token


def _at_least_one(hashes: tuple[EmailHash, ...]) -> tuple[EmailHash, ...]:
    if not hashes:
        raise ValueError("must name at least one of md5, sha1, sha256")
    return hashes


class MembershipSettings(Part):
    """Audiences and their members."""

    liveintent_audience_name_prefix: str = Field(
        default="",
        description="Put before each Segment audience's name to make its name at LiveIntent.",
    )
    liveintent_audiences: AudienceNames = Field(
        description="The Audiences of Segment's LiveIntent Audiences destination: snake_cased names between commas, "
        "`*` for every Engage audience, empty for none. `*` and names can stand together: events without Engage's "
        "personas count only for audiences that are named.",
    )
    segment_integration_names: Names = Field(
        default=("LiveIntent Audiences", "Kafka"),
        description="Our names in an event's `integrations`, as your Segment workspace writes them (case matters).",
    )
    segment_consent_categories: Names = Field(
        default=(),
        description="Consent categories that must all be true before a member is added. Unset: not enforced. "
        "Removing never asks for consent.",
    )
    membership_string_booleans: bool = Field(
        default=False,
        description='Take the texts "true" and "false" for booleans as well.',
    )
    membership_valueless_journey_steps: bool = Field(
        default=False,
        description="Let a journey step without a membership value add its member. Such steps never remove.",
    )
    email_hashes: Annotated[tuple[EmailHash, ...], CommaList, AfterValidator(_at_least_one)] = (
        Field(
            default=tuple(EmailHash),
            description="Hashes sent for a plain email address, between commas. To add and to remove use the same: "
            "after a change, members added before keep their old hashes.",
        )
    )

    @property
    def serves_every_audience(self) -> bool:
        """Whether every Engage audience is served, listed or not."""
        return EVERY_AUDIENCE in self.liveintent_audiences

    @property
    def listed_audiences(self) -> frozenset[str]:
        """The audiences served by name."""
        return frozenset(self.liveintent_audiences) - {EVERY_AUDIENCE}

    @field_validator("liveintent_audience_name_prefix")
    @classmethod
    def _usable_in_a_name(cls, prefix: str) -> str:
        if prefix and not AUDIENCE_NAME.fullmatch(prefix):
            raise ValueError("must be letters A to Z, digits, space and _ . : - only")
        return prefix

    @field_validator("liveintent_audiences")
    @classmethod
    def _short_enough_with_the_prefix(
        cls, names: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        prefix = info.data.get("liveintent_audience_name_prefix", "")
        long = [name for name in names if len(prefix + name) > AUDIENCE_NAME_MAX]
        if long:
            message = (
                f"has names that with LIVEINTENT_AUDIENCE_NAME_PREFIX are over {AUDIENCE_NAME_MAX} characters: "
                f"{', '.join(map(repr, long))}"
            )
            raise ValueError(message)
        return names
