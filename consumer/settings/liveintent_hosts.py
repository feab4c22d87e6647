"""LiveIntent's published hosts: which are for staging, which for production. Nothing may be mixed of both.

A staging test that is pointed at one production host by mistake would erase real people, or count real visits.
"""

from enum import StrEnum
from urllib.parse import urlsplit


class Stage(StrEnum):
    """What a host of LiveIntent's is for."""

    STAGING = "staging"
    PRODUCTION = "production"


# Source: the servers that LiveIntent's OpenAPI documents list, and its browser library's default.
_STAGES = {
    "audiences.liveintent.com": Stage.PRODUCTION,
    "audiences-staging.bln.liveintent.com": Stage.STAGING,
    "conversions.liveintent.com": Stage.PRODUCTION,
    "privacy.liadm.com": Stage.PRODUCTION,
    "privacy-test.liadm.com": Stage.STAGING,
    "rp.liadm.com": Stage.PRODUCTION,
}


def stage_of(url: str) -> Stage | None:
    """What the host is for; None for one that LiveIntent does not publish: a proxy, or a stand-in."""
    return _STAGES.get((urlsplit(url).hostname or "").lower())


def refuse_mixture(url: str | None, audiences_url: str | None) -> str | None:
    """The first URL as it is. Raises ValueError when one of the two is for staging and the other for production."""
    if url is None or audiences_url is None:
        return url
    stage, expected = stage_of(url), stage_of(audiences_url)
    if stage is not None and expected is not None and stage is not expected:
        message = f"is LiveIntent's {stage}, and LIVEINTENT_URL its {expected}: use one of them for everything"
        raise ValueError(message)
    return url
