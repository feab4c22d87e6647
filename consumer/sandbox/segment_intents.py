"""What the generator meant by a record it made: the ground the oracle stands on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.segment_people import Contact


class Move(StrEnum):
    """What happened to a contact in an audience."""

    ENTER = "enter"
    EXIT = "exit"
    REFUSED_ENTER = "refused_enter"
    """An enter of somebody who refused our consent category: not an enter, but it outdates older ones."""


@dataclass(frozen=True, slots=True)
class ChangeIntent:
    """A contact entered or left an audience as of a time.

    `as_of_ms` is the time the event counts from (not always the one written in it: a clock ahead of Segment's is
    not believed), `received_ms` decides between equals. `message_id` repeats in duplicates.
    """

    audience: str
    contact: Contact
    move: Move
    as_of_ms: int
    received_ms: int
    message_id: str


@dataclass(frozen=True, slots=True)
class NoiseIntent:
    """A record that asks nothing of LiveIntent, for a reason that no timing changes."""

    reason: IgnoreReason


@dataclass(frozen=True, slots=True)
class UnusableIntent:
    """A record that belongs on the dead-letter topic."""

    reason: RejectReason


Intent = ChangeIntent | NoiseIntent | UnusableIntent


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One record to produce: the message key, the event (or raw bytes that are no event), and what was meant.

    `key` is the userId, else the anonymousId, as Segment's Kafka destination can be told to set it.
    """

    key: bytes
    value: dict[str, Any] | bytes
    intent: Intent
