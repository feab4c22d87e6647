"""Settings of audiences and their members: which audiences, at LiveIntent under which name or id, and who is in them."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from consumer.choices import EmailHash, IdentifierType, OnDeletion
from consumer.settings.audience_ids import AudienceIds
from consumer.settings.parsing import (
    AUDIENCE_NAME,
    AUDIENCE_NAME_MAX,
    EVERY_AUDIENCE,
    AudienceNames,
    CommaList,
    Count,
    Names,
)
from consumer.settings.part import Part


def _at_least_one(hashes: tuple[EmailHash, ...]) -> tuple[EmailHash, ...]:
    if not hashes:
        raise ValueError("must name at least one of md5, sha1, sha256")
    return hashes


def _at_least_one_type(types: tuple[IdentifierType, ...]) -> tuple[IdentifierType, ...]:
    if not types:
        raise ValueError("must name at least one of EMAIL_HASH, AAID, IDFA")
    return types


class MembershipSettings(Part):
    """Audiences and their members."""

    liveintent_audience_name_prefix: str = Field(
        default="",
        description="Put before each Segment audience's name to make its name at LiveIntent, so that staging and "
        "production, or two workspaces, can share an account. Part of the name at LiveIntent only.",
    )
    liveintent_audience_name_max: Count = Field(
        default=AUDIENCE_NAME_MAX,
        description="Most characters in a name at LiveIntent, prefix included. LiveIntent's former API had this limit; "
        "its present one publishes none.",
    )
    liveintent_audiences: AudienceNames = Field(
        description="The Audiences of Segment's LiveIntent Audiences destination: snake_cased names between commas, "
        "`*` for every Engage audience, empty for none. `*` and names can stand together: events without Engage's "
        "personas count only for audiences that are named.",
    )
    liveintent_audience_ids: AudienceIds = Field(
        default={},
        description="LiveIntent's ids of audiences that must not be looked up by name, as name=id between commas or as a "
        "JSON object; names as in Segment, without prefix. Each must exist at LIVEINTENT_URL, in our account, and is "
        "never created; renaming it in LiveIntent's UI changes nothing.",
    )
    segment_integration_names: Names = Field(
        default=("LiveIntent Audiences", "Kafka"),
        description="Our names in an event's `integrations`, as your Segment workspace writes them (case matters).",
    )
    segment_consent_categories: Names = Field(
        default=(),
        description="Consent categories that must all be true before a member is added. Unset: not enforced. "
        "Removing never asks for consent. When set, Segment's consent event removes who takes one of them back from every "
        "audience we know of.",
    )
    segment_deletions: OnDeletion = Field(
        default=OnDeletion.STRICT,
        description="What to do when Segment asks to erase a user: strict (the person leaves every audience we know of; a "
        "deletion that carries nothing to find the person by goes to the dead-letter topic), remove (the same, but such "
        "a deletion is ignored, and counted) or ignore.",
    )
    membership_string_booleans: bool = Field(
        default=False,
        description='Take the texts "true" and "false" for booleans as well.',
    )
    membership_valueless_journey_steps: bool = Field(
        default=False,
        description="Let a journey step without a membership value add its member. Such steps never remove.",
    )
    membership_remove_old_email: bool = Field(
        default=True,
        description="When an identify call brings a new email in `traits` and still shows the one before in "
        "`context.traits`, remove that one from the audience with the same event. Turn it off if your feed puts "
        "another valid address of the person there.",
    )
    liveintent_identifier_types: Annotated[
        tuple[IdentifierType, ...], CommaList, AfterValidator(_at_least_one_type)
    ] = Field(
        default=tuple(IdentifierType),
        description="Kinds of identifiers to send, between commas. Leave out what LiveIntent refuses for your account "
        "(`check --live` tells): such identifiers are then ignored instead of dead-lettered.",
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
        longest = info.data.get("liveintent_audience_name_max", AUDIENCE_NAME_MAX)
        long = [name for name in names if name != EVERY_AUDIENCE and len(prefix + name) > longest]
        if long:
            with_prefix = " with LIVEINTENT_AUDIENCE_NAME_PREFIX" if prefix else ""
            message = f"has names that{with_prefix} are over {longest} characters: {', '.join(map(repr, long))}"
            raise ValueError(message)
        return names

    @field_validator("liveintent_audience_ids")
    @classmethod
    def _of_audiences_we_serve(cls, ids: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        served = info.data.get("liveintent_audiences")
        if served is None or EVERY_AUDIENCE in served:
            return ids
        if strange := [name for name in ids if name not in served]:
            message = f"names audiences that are not in LIVEINTENT_AUDIENCES: {', '.join(map(repr, strange))}"
            raise ValueError(message)
        return ids
