"""Which changes a replay beside the live group sends: all of its span, then the newer ones of those it has sent.

While the replay sends an old change of a member, the live group may send a newer one, and the older would stand. So the
replay reads on, and sends again what has changed since among the members of the round before, until a round has
nothing to send. See docs/decisions/0028-replay.md.
"""

from typing import Final

from consumer.audience.membership import MembershipChange

MEMBERS_KEPT: Final = 500_000


class _Members:
    """The identifier values of one round; every one there is, once they are too many to remember."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: set[int] = set()
        self._everyone = False

    def __bool__(self) -> bool:
        return self._everyone or bool(self._values)

    def add(self, change: MembershipChange) -> None:
        if not self._everyone:
            self._values.update(_keys(change))
            if len(self._values) > self._capacity:
                self._everyone = True
                self._values.clear()

    def add_everyone(self) -> None:
        self._everyone = True

    def hold(self, change: MembershipChange) -> bool:
        return self._everyone or not self._values.isdisjoint(_keys(change))


class ReplayRounds:
    """Begins in the first round. Not to know is a yes: a change too many costs a row, one too few a wrong member."""

    def __init__(self, *, capacity: int = MEMBERS_KEPT, resumed: bool = False) -> None:
        """`capacity` counts identifier values. `resumed`: an earlier process has sent members we do not know."""
        self._capacity = capacity
        self._before: _Members | None = None
        self._sent = _Members(capacity)
        if resumed:
            self._sent.add_everyone()

    def admits(self, change: MembershipChange) -> bool:
        """Whether the change is to be sent; if so, its member is one of this round's."""
        if self._before is not None and not self._before.hold(change):
            return False
        self._sent.add(change)
        return True

    @property
    def has_sent(self) -> bool:
        """Whether anything was to be sent in this round, as far as known."""
        return bool(self._sent)

    def next_round(self) -> None:
        """From now on, only members of the round that ends here."""
        self._before, self._sent = self._sent, _Members(self._capacity)


def _keys(change: MembershipChange) -> set[int]:
    # A number for each takes a third of the room; two that meet only cost a row.
    return {hash((change.audience, value)) for value in change.identifier.values}
