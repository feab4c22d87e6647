"""Settings of LiveIntent's Privacy API: what is asked of it for people who leave for good."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from consumer.choices import PrivacyJurisdiction, PrivacyRequests
from consumer.settings.parsing import CommaList, EncryptedUrl, HeaderSecret
from consumer.settings.part import SECRET, Part
from consumer.settings.secret import Secret

_SCOPE = re.compile(r"(?:advertiser|publisher|media_group):[1-9][0-9]{0,9}|global")
_WIDE = ("media_group", "global")
_ID_MAX = 2**31 - 1


def _scope(text: str) -> str:
    if not _SCOPE.fullmatch(text) or int(text.partition(":")[2] or 1) > _ID_MAX:
        raise ValueError(
            "must be advertiser, publisher or media_group with LiveIntent's number for it, such as advertiser:123, or "
            "global"
        )
    return text


class PrivacySettings(Part):
    """LiveIntent's Privacy API."""

    privacy_requests: Annotated[tuple[PrivacyRequests, ...], CommaList] = Field(
        default=(),
        description="What LiveIntent's Privacy API is asked for, between commas: erase (whom Segment deletes), restrict (who "
        "takes back consent to SEGMENT_CONSENT_CATEGORIES). Unset: nothing. What was asked for cannot be taken back. Leaving "
        "an audience never counts.",
    )
    liveintent_privacy_url: EncryptedUrl | None = Field(
        default=None,
        description="Base URL of LiveIntent's Privacy API. Required with PRIVACY_REQUESTS; there is no default host.",
    )
    liveintent_privacy_token: HeaderSecret | None = Field(
        default=None,
        description="Token for the Privacy API, without the word Bearer. Your LiveIntent account team provides it. Required "
        "with PRIVACY_REQUESTS.",
        json_schema_extra=SECRET,
    )
    privacy_wide_scope: bool = Field(
        default=False,
        description="Allow a PRIVACY_SCOPE that reaches beyond one advertiser or publisher.",
    )
    privacy_scope: Annotated[str, AfterValidator(_scope)] | None = Field(
        default=None,
        description="Whose data the requests are about: advertiser:ID, publisher:ID, or with PRIVACY_WIDE_SCOPE media_group:ID "
        "or global. Unset: none is named, presumably the token's own account.",
    )
    privacy_jurisdiction: PrivacyJurisdiction | None = Field(
        default=None,
        description="The law the requests are made under: US_PRIVACY or EU_PRIVACY. Unset: none is named.",
    )

    @field_validator("liveintent_privacy_url", "liveintent_privacy_token")
    @classmethod
    def _given_when_asked_for(
        cls, given: str | Secret | None, info: ValidationInfo
    ) -> str | Secret | None:
        if given is None and info.data.get("privacy_requests"):
            raise ValueError("is required when PRIVACY_REQUESTS is set")
        return given

    @field_validator("privacy_scope")
    @classmethod
    def _narrow_unless_allowed(cls, scope: str | None, info: ValidationInfo) -> str | None:
        is_wide = scope is not None and scope.startswith(_WIDE)
        if is_wide and info.data.get("privacy_wide_scope") is False:
            raise ValueError(
                "reaches beyond one advertiser or publisher; if that is meant, set PRIVACY_WIDE_SCOPE=true"
            )
        return scope
