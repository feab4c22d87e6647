"""The latest-state guard: the last change applied per member, so that an older event cannot undo a newer one.

It is a bounded memory of this process. What a restart or an un-keyed topic can then do is in docs/architecture.md.
"""

import marshal
import sys
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
    Version,
)
from consumer.audience.version import blocks, supersedes
from consumer.audience.wanderers import Wanderers
from consumer.audience.withdrawal import Withdrawal

# Message ids kept per member. One would do but for replays of an event that a newer one of the same instant followed.
MESSAGE_IDS_KEPT = 4
_EVERYWHERE = AudienceKey("*")
# They are never superseded, so they must not drive out everything else in the end.
_WITHDRAWN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Applied:
    """The newest change of a member that LiveIntent has, and the messages that brought the last few."""

    change: MembershipChange
    message_ids: tuple[str, ...]


class LatestState:
    """Remembers what was applied, per (audience, identifier value), on success only; forgets the least recent first.

    What it remembers it keeps as bytes: as objects it would take twice the memory.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity` counts identifier values: an email in three hashes takes three."""
        self._capacity = capacity
        self._applied: OrderedDict[tuple[AudienceKey, str], bytes] = OrderedDict()
        self._withheld: OrderedDict[tuple[AudienceKey, str], bytes] = OrderedDict()
        self._withdrawn: OrderedDict[str, Version] = OrderedDict()
        self._written = 0
        self._void_up_to: dict[str, int] = {}
        self.evictions = 0
        self.wanderers = Wanderers()

    def __len__(self) -> int:
        return len(self._applied) + len(self._withheld) + len(self._withdrawn)

    def applied(self, audience: AudienceKey, value: str) -> Applied | None:
        """What LiveIntent has last been told of this identifier value in this audience, if we remember."""
        packed = self._applied.get((audience, value))
        if packed is None:
            return None
        known, number = _unpacked(audience, packed)
        return None if self._is_void(known, number) else known

    def every_applied(self, audience: AudienceKey, values: Iterable[str]) -> list[Applied]:
        """What LiveIntent has last been told of any of these values, each change once: those of one email mostly share it."""
        found: dict[int, tuple[Applied, int]] = {}
        for value in values:
            packed = self._applied.get((audience, value))
            if packed is not None and id(packed) not in found:
                found[id(packed)] = _unpacked(audience, packed)
        return [known for known, number in found.values() if not self._is_void(known, number)]

    def withheld(self, audience: AudienceKey, value: str) -> MembershipChange | None:
        """The newest ADD that consent refused for it, if we remember: it blocks older ADDs, and nothing else."""
        packed = self._withheld.get((audience, value))
        return None if packed is None else _unpacked(audience, packed)[0].change

    def keeps_out(self, add: MembershipChange) -> bool:
        """Whether this ADD must not be sent, as far as we remember: consent refused it, or its person has left every audience since."""
        # Most of the time nothing of the kind is remembered.
        return bool(self._withheld and self._is_withheld(add)) or bool(
            self._withdrawn and self.is_withdrawn(add)
        )

    def remember(
        self, change: MembershipChange, values: tuple[str, ...], message_ids: tuple[str, ...]
    ) -> None:
        """LiveIntent has the change, for these identifier values."""
        self._written += 1
        packed = _packed(change, message_ids[-MESSAGE_IDS_KEPT:], number=self._written)
        audience = _shared(change.audience)
        for value in values:
            key = (audience, value)
            self._applied[key] = packed
            self._applied.move_to_end(key)
        self._evict()

    def forget(self, sources: Iterable[str]) -> None:
        """Somebody else may send what is in these partitions from now on, older changes again too.

        So what LiveIntent was last told of their members is not known any more. What consent refused stands. Takes no
        time, however much is remembered; the room is free when others need it.
        """
        self._void_up_to.update(dict.fromkeys(sources, self._written))

    def note(self, late: MembershipChange) -> None:
        """A message came too late for what is remembered; a repeat of it must not count as news."""
        for value in late.identifier.values:
            known = self.applied(late.audience, value)
            if known is not None:
                message_ids = with_late_message(known.message_ids, late.message_id)
                packed = _packed(known.change, message_ids, number=self._written)
                self._applied[late.audience, value] = packed

    def withhold(self, change: MembershipChange, values: tuple[str, ...]) -> None:
        """Consent refused this ADD, of these identifier values."""
        packed = _packed(change, (), number=0)
        audience = _shared(change.audience)
        for value in values:
            key = (audience, value)
            standing = self.withheld(*key)
            if standing is None or supersedes(change, standing):
                self._withheld[key] = packed
                self._withheld.move_to_end(key)
        self._evict()

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """The person left every audience as of then, also those that nobody has met yet."""
        for removal in withdrawal.removals([_EVERYWHERE]):
            for value in removal.identifier.values:
                standing = self._withdrawn.get(value)
                if standing is None or supersedes(removal, _removal(removal, standing)):
                    self._withdrawn[value] = withdrawal.version
                    self._withdrawn.move_to_end(value)
        while len(self._withdrawn) > self._capacity * _WITHDRAWN_SHARE:
            self._withdrawn.popitem(last=False)
            self.evictions += 1
        self._evict()

    def is_withdrawn(self, add: MembershipChange) -> bool:
        """Whether the person of this ADD has left every audience since, as far as we remember."""
        return any(
            (version := self._withdrawn.get(value)) is not None
            and not supersedes(add, _removal(add, version))
            for value in add.identifier.values
        )

    def _is_void(self, known: Applied, number: int) -> bool:
        return number <= self._void_up_to.get(known.change.version.source, 0)

    def _is_withheld(self, add: MembershipChange) -> bool:
        return any(
            (refused := self.withheld(add.audience, value)) is not None and blocks(refused, add)
            for value in add.identifier.values
        )

    def _evict(self) -> None:
        while len(self) > self._capacity:
            (self._applied or self._withheld or self._withdrawn).popitem(last=False)
            self.evictions += 1


def with_late_message(message_ids: tuple[str, ...], late: str) -> tuple[str, ...]:
    """The ids to keep when one more came too late. The last, which stands, is the last to be forgotten."""
    *others, own = message_ids
    return (*others, late, own)[-MESSAGE_IDS_KEPT:]


def _removal(change: MembershipChange, version: Version) -> MembershipChange:
    """The same member's REMOVE, as of then."""
    return replace(change, action=Action.REMOVE, version=version)


def _shared(audience: AudienceKey) -> AudienceKey:
    # Every event brings its own copy of the name.
    return AudienceKey(sys.intern(audience))


def _packed(change: MembershipChange, message_ids: tuple[str, ...], *, number: int) -> bytes:
    who = change.identifier
    return marshal.dumps(
        (
            str(change.action),
            str(who.type),
            who.values,
            tuple(change.version),
            change.message_id,
            message_ids,
            number,
        )
    )


def _unpacked(audience: AudienceKey, packed: bytes) -> tuple[Applied, int]:
    # Bytes of our own making, that never leave this process.
    action, kind, values, version, message_id, message_ids, number = marshal.loads(packed)  # noqa: S302
    who = Identifier(IdentifierType(kind), values)
    change = MembershipChange(audience, Action(action), who, Version(*version), message_id)
    return Applied(change, message_ids), number
