"""A topic as Segment fills it, and what each of its records means: for machines that play Kafka themselves."""

import itertools
import json
from dataclasses import dataclass, replace

from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
)
from consumer.kafka.offset_ledger import PartitionId
from consumer.record import KafkaRecord
from tests.builders import a_change, a_record
from tests.segment_events import an_identify, hashes_of, personas

CONSENT = "Advertising"
PHONE = "3f2b8c1e-5a77-4c0d-9b1e-0a1b2c3d4e5f"
EVENTS_FROM_MS = 1_700_000_000_000
RECEIVED_FROM_MS = 1_800_000_000_000
UNDECODABLE = b"not an event"
NOISE = [UNDECODABLE, b"", json.dumps({"type": "page", "messageId": "p"}).encode()]


@dataclass(frozen=True)
class Logged:
    """A record in the log, and the changes it means, withheld if its person does not consent."""

    offset: int
    value: bytes
    changes: tuple[MembershipChange, ...] = ()
    is_withheld: bool = False

    def record(self, partition: PartitionId, assignment: int) -> KafkaRecord:
        return a_record(
            self.offset, partition=partition.partition, value=self.value, assignment=assignment
        )


@dataclass(frozen=True)
class Said:
    """What Segment says of one person. Times are seconds from an arbitrary moment."""

    email: str
    action: Action
    at: int
    audience: str
    has_phone: bool = False
    is_withheld: bool = False
    received: int | None = None
    """None: later than anything before."""


class SegmentLog:
    """Its partitions are lists; offsets have gaps."""

    def __init__(self, partitions: tuple[PartitionId, ...]) -> None:
        self.partitions: dict[PartitionId, list[Logged]] = {each: [] for each in partitions}
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """One that was not used before, in this log or anywhere in its machine."""
        return next(self._numbers)

    def end_of(self, partition: PartitionId) -> int:
        """The next offset; 0 for an empty partition."""
        log = self.partitions[partition]
        return log[-1].offset + 1 if log else 0

    def place_of(self, partition: PartitionId, offset: int) -> int:
        """The place in the list of the first record from this offset on."""
        return sum(logged.offset < offset for logged in self.partitions[partition])

    def at(self, partition: PartitionId, offset: int) -> Logged:
        """The record with this offset."""
        return self.partitions[partition][self.place_of(partition, offset)]

    def append(self, partition: PartitionId, value: bytes) -> int:
        """A record that means nothing; its offset."""
        offset = self.end_of(partition)
        self.partitions[partition].append(Logged(offset, value))
        return offset

    def append_event(self, partition: PartitionId, said: Said, *, gap: int = 0) -> None:
        """An identify, `gap` offsets after the record before it."""
        offset = self.end_of(partition) + gap
        message_id = f"message-{self.number()}"
        received = self.number() if said.received is None else said.received
        at_ms, received_ms = EVENTS_FROM_MS + said.at * 1_000, RECEIVED_FROM_MS + received * 1_000
        consent = {"categoryPreferences": {CONSENT: False}} if said.is_withheld else {}
        device = {"type": "android", "advertisingId": PHONE} if said.has_phone else {}
        value = an_identify(
            key=said.audience,
            value=said.action is Action.ADD,
            email=said.email,
            context={"personas": personas(said.audience), "consent": consent, "device": device},
            messageId=message_id,
            timestamp=at_ms,
            receivedAt=received_ms,
        )
        members = [Identifier(IdentifierType.EMAIL_HASH, hashes_of(said.email))]
        if said.has_phone:
            members.append(Identifier(IdentifierType.AAID, (PHONE,)))
        changes = tuple(
            a_change(
                said.action,
                at=at_ms * 1_000,
                received=received_ms * 1_000,
                source=f"{partition.topic}-{partition.partition}",
                offset=offset,
                message_id=message_id,
                identifier=member,
                audience=AudienceKey(said.audience),
            )
            for member in members
        )
        logged = Logged(offset, json.dumps(value).encode(), changes, said.is_withheld)
        self.partitions[partition].append(logged)

    def append_again(self, partition: PartitionId, original: Logged) -> None:
        """The same record once more, as a producer that retries writes it."""
        offset = self.end_of(partition)
        changes = tuple(
            replace(each, version=each.version._replace(offset=offset)) for each in original.changes
        )
        self.partitions[partition].append(replace(original, offset=offset, changes=changes))
