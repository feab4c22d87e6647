"""The latest-state guard: the last change applied per member, so that an older event cannot undo a newer one.

It is a bounded memory of this process. What a restart or an un-keyed topic can then do is in docs/architecture.md.
"""

from collections import OrderedDict
from dataclasses import dataclass

from consumer.audience.membership import AudienceKey, MembershipChange
from consumer.audience.version import supersedes

# Message ids kept per member. One would do but for replays of an event that a newer one of the same instant followed.
MESSAGE_IDS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Applied:
    """The newest change of a member that LiveIntent has, and the messages that brought the last few."""

    change: MembershipChange
    message_ids: tuple[str, ...]


class LatestState:
    """Remembers what was applied, per (audience, identifier value), on success only; forgets the least recent first."""

    def __init__(self, capacity: int) -> None:
        """`capacity` counts identifier values: an email in three hashes takes three."""
        self._capacity = capacity
        self._applied: OrderedDict[tuple[AudienceKey, str], Applied] = OrderedDict()
        self._withheld: OrderedDict[tuple[AudienceKey, str], MembershipChange] = OrderedDict()
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._applied) + len(self._withheld)

    def applied(self, audience: AudienceKey, value: str) -> Applied | None:
        """What LiveIntent has last been told of this identifier value in this audience, if we remember."""
        return self._applied.get((audience, value))

    def withheld(self, audience: AudienceKey, value: str) -> MembershipChange | None:
        """The newest ADD that consent refused for it, if we remember: it blocks older ADDs, and nothing else."""
        return self._withheld.get((audience, value))

    def remember(
        self, change: MembershipChange, values: tuple[str, ...], message_ids: tuple[str, ...]
    ) -> None:
        """LiveIntent has the change, for these identifier values."""
        applied = Applied(change, message_ids[-MESSAGE_IDS_KEPT:])
        for value in values:
            key = (change.audience, value)
            self._applied[key] = applied
            self._applied.move_to_end(key)
        self._evict()

    def withhold(self, change: MembershipChange, values: tuple[str, ...]) -> None:
        """Consent refused this ADD, of these identifier values."""
        for value in values:
            key = (change.audience, value)
            standing = self._withheld.get(key)
            if standing is None or supersedes(change, standing):
                self._withheld[key] = change
                self._withheld.move_to_end(key)
        self._evict()

    def _evict(self) -> None:
        while len(self) > self._capacity:
            (self._applied or self._withheld).popitem(last=False)
            self.evictions += 1
