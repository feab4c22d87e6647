"""The marker a replay leaves in the metadata of the group's offsets, and the service carries on from commit to commit.

Kafka stores it together with the offset or not at all, so it tells after any crash whether the offset was set. It says
which replay it was and where the group had been, and needs no place of its own. See docs/decisions/0028-replay.md.
"""

import re
from dataclasses import dataclass
from typing import Final

# Also part of a Job's name and of a group's.
_REPLAY_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_SIGN: Final = "segment-liveintent"
_MARKER: Final = re.compile(
    rf"{_SIGN} replay=({_REPLAY_ID.pattern}) plan=([0-9a-f]{{64}}) until=([0-9]{{1,19}}|-)(?: .*)?"
)


def is_replay_id(text: str) -> bool:
    """Whether a replay may be called so: 1 to 40 lower-case letters, digits and inner hyphens."""
    return _REPLAY_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ReplayMarker:
    """Which replay set this offset, by which plan, and where the group was before; None if it had no offset there."""

    replay_id: str
    plan_sha256: str
    until: int | None

    def __str__(self) -> str:
        until = "-" if self.until is None else self.until
        return f"{_SIGN} replay={self.replay_id} plan={self.plan_sha256} until={until}"

    @classmethod
    def parse(cls, metadata: str | None) -> "ReplayMarker | None":
        """Return the marker that an offset's metadata begin with, if they do; words after it are somebody else's."""
        match = _MARKER.fullmatch(metadata or "")
        if match is None:
            return None
        return cls(match[1], match[2], None if match[3] == "-" else int(match[3]))
