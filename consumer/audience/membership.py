"""What a change of membership is: who, in or out of which audience, as of when."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, NewType

from consumer.choices import IdentifierType

__all__ = [
    "AUDIENCE_NAME_MAX",
    "Action",
    "AudienceKey",
    "Identifier",
    "IdentifierType",
    "MembershipChange",
    "Version",
    "is_audience_name",
]

AudienceKey = NewType("AudienceKey", str)
"""Segment's computation key, which is also the audience's name at LiveIntent (before any prefix)."""

AUDIENCE_NAME_MAX = 128
_AUDIENCE_NAME = re.compile(r"[A-Za-z0-9 _.:-]+")


@lru_cache(maxsize=4096)
def is_audience_name(name: str, longest: int = AUDIENCE_NAME_MAX) -> bool:
    """Whether LiveIntent could take this name, the prefix included, of at most `longest` characters.

    128 characters is the limit of LiveIntent's previous API; its present one publishes none.
    """
    return len(name) <= longest and _AUDIENCE_NAME.fullmatch(name) is not None


class Action(StrEnum):
    """Into the audience, or out of it."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One email or one device id, in the form that is sent.

    An email is all its hashes together (one per algorithm, or the one the event carried); a device id is one
    value. `values` is never empty. Never holds a raw email, and does not print its values.
    """

    type: IdentifierType
    values: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Identifier({self.type}, {len(self.values)} values)"


class Version(NamedTuple):
    """When a change is from. See `version` for how two are compared."""

    event_us: int
    """Segment's `timestamp`, clamped to `received_us` plus the skew; epoch microseconds."""
    received_us: int
    """Segment's `receivedAt`; epoch microseconds."""
    source: str
    """The partition the event was read from, as `topic-partition`."""
    offset: int
    position: int = 0
    """The event's place in its record: a container file holds several, and the later one is the newer."""


@dataclass(slots=True)  # not frozen: see docs/performance.md
class MembershipChange:
    """One member added to, or removed from, one audience.

    Small and serialisable, without a raw email, so that changes can travel between processes one day.
    """

    audience: AudienceKey
    action: Action
    identifier: Identifier
    version: Version
    message_id: str
