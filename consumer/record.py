"""A Kafka record as the rest of the program sees it, and the ways its life can end."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache


@dataclass(slots=True)  # not frozen: see docs/performance.md
class KafkaRecord:
    """One record, with everything a dead letter must preserve.

    `assignment` numbers the assignment of the partition under which the record was read. It tells results that
    come back after a revoke from results that still count.
    """

    topic: str
    partition: int
    offset: int
    # Out of the repr: they hold raw emails.
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes | None], ...] = field(default=(), repr=False)
    timestamp_ms: int | None = None
    leader_epoch: int | None = None
    assignment: int = 0

    @property
    def next_offset(self) -> int:
        """The offset to commit once this record is finished: the only place that adds one."""
        return self.offset + 1

    @property
    def size_bytes(self) -> int:
        """What the record's own bytes weigh: value, key and headers."""
        size_bytes = len(self.value or b"") + len(self.key or b"")
        if not self.headers:
            return size_bytes
        for name, value in self.headers:
            size_bytes += len(name) + len(value or b"")
        return size_bytes


@cache
def source_of(topic: str, partition: int) -> str:
    """A partition's name in the versions of the changes that were read from it. Every change keeps it, so there is one."""
    return f"{topic}-{partition}"


class IgnoreReason(StrEnum):
    """Why a record, or a part of one, asked for nothing.

    The order is a rule: a record of several ignored parts is counted under the first of its reasons.
    """

    UNSUPPORTED_TYPE = "unsupported_type"
    GROUP_LEVEL = "group_level"
    NOT_AN_AUDIENCE = "not_an_audience"
    AUDIENCE_NOT_CONFIGURED = "audience_not_configured"
    NO_MEMBERSHIP = "no_membership"
    BAD_MEMBERSHIP = "bad_membership"
    NOT_ADDRESSED = "not_addressed"
    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    NO_IDENTIFIER = "no_identifier"
    DUPLICATE = "duplicate"
    STALE = "stale"
    TOMBSTONE = "tombstone"
    DELETION = "deletion"
    DIRECT_CALL_OFF = "direct_call_off"
    DIRECT_CALL_UNMAPPED = "direct_call_unmapped"
    TOO_OLD = "too_old"
    NOT_REPLAYED = "not_replayed"
    NOBODY_TO_REMOVE = "nobody_to_remove"
    ROW_DELETED = "row_deleted"


class RejectReason(StrEnum):
    """Why a record went to the dead-letter topic."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    REFUSED_SCHEMA = "refused_schema"
    TOO_LARGE = "too_large"
    INVALID_EVENT = "invalid_event"
    INVALID_AUDIENCE_NAME = "invalid_audience_name"
    AUDIENCE_REFUSED = "audience_refused"
    UPLOAD_REFUSED = "upload_refused"
    DIRECT_CALL_REFUSED = "direct_call_refused"
    UNUSABLE_DELETION = "unusable_deletion"
    PRIVACY_REFUSED = "privacy_refused"


@dataclass(frozen=True, slots=True)
class Delivered:
    """LiveIntent has it."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing was asked of LiveIntent."""

    reason: IgnoreReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """Cannot be delivered, whatever LiveIntent's health: goes to the dead-letter topic.

    `detail` is for people (log, dead-letter header). It names fields, types and sizes, never their contents.
    `audience` is the one concerned, by Segment's key; empty when it is not about one.
    """

    reason: RejectReason
    detail: str = ""
    audience: str = ""


Outcome = Delivered | Ignored | Rejected


@dataclass(slots=True)
class Books:
    """Every record that was read, by how it ended.

    They balance at every moment: consumed = delivered + ignored + dead_lettered + released + pending.
    """

    consumed: int = 0
    delivered: int = 0
    ignored: Counter[IgnoreReason] = field(default_factory=Counter)
    dead_lettered: Counter[RejectReason] = field(default_factory=Counter)
    released: int = 0
    pending: int = 0
