"""What is promised about one member of one audience, whatever breaks. The model of the lane machines.

Newest event wins, in any order of arrival, as long as the process remembers the newest. An older event that is offered to
a process which does not (it was restarted, or forgot for lack of room, after the newer event was finished) may undo it, until
the newest is offered again or a newer one comes: the one way to break the promise that docs/architecture.md admits.
"""

from dataclasses import dataclass

from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, AudienceKey, Identifier, MembershipChange

Member = tuple[AudienceKey, Identifier]


def member_of(change: MembershipChange) -> Member:
    return change.audience, change.identifier


def is_newer(one: MembershipChange, other: MembershipChange) -> bool:
    """By time, by reception, by place in one partition; across partitions a tie is a REMOVE."""
    mine, theirs = one.version, other.version
    if mine[:2] != theirs[:2]:
        return mine[:2] > theirs[:2]
    if mine.source == theirs.source:
        return mine.offset > theirs.offset
    return (one.action, other.action) == (Action.REMOVE, Action.ADD)


@dataclass
class Standing:
    """What a member's end may be, given all that was offered to any process so far."""

    newest: MembershipChange
    ends: frozenset[bool]
    """In or out. Both when an ADD still waited as a newer one was refused for consent: it was perhaps sent already."""
    excused: bool = False


class Promise:
    """Hears what a process is offered, what it forgets, and when it dies."""

    def __init__(self) -> None:
        self.standings: dict[Member, Standing] = {}
        self.known: dict[Member, MembershipChange] = {}
        """The newest of each member that this process was offered and remembers."""
        self.refused: dict[Member, MembershipChange] = {}
        """The newest ADD of each member that consent refused, as far as this process remembers."""
        self._first: dict[Member, dict[str, MembershipChange]] = {}

    def first_copy(self, change: MembershipChange) -> MembershipChange:
        """A message counts with the version it first came with, as long as that is remembered.

        A repeat of it, received later, is no news.
        """
        return self._first.setdefault(member_of(change), {}).setdefault(change.message_id, change)

    def offer(self, change: MembershipChange) -> None:
        change = self.first_copy(change)
        member = member_of(change)
        standing = self.standings.get(member)
        if self.blocks(member, change):
            if standing is not None and standing.newest.message_id == change.message_id:
                # Perhaps sent by a process that did not know. Offered again, it makes good for what was forgotten.
                self.standings[member] = Standing(change, frozenset({False, True}))
            return
        if standing is None or is_newer(change, standing.newest) or self._stands(change, standing):
            ends = frozenset({change.action is Action.ADD})
            self.standings[member] = Standing(change, ends)
        elif self.known.get(member) != standing.newest:
            standing.excused = True
        if member not in self.known or is_newer(change, self.known[member]):
            self.known[member] = change

    def _stands(self, change: MembershipChange, standing: Standing) -> bool:
        """Whether it is the newest, offered again to a process that knows nothing newer.

        A message has the version of the copy that a process was offered first, which may be another one this time.
        """
        known = self.known.get(member_of(change))
        return change.message_id == standing.newest.message_id and not (
            known is not None and is_newer(known, change)
        )

    def withhold(self, change: MembershipChange) -> None:
        """Consent refused this ADD."""
        member = member_of(change)
        if member not in self.refused or is_newer(change, self.refused[member]):
            self.refused[member] = change

    def blocks(self, member: Member, change: MembershipChange) -> bool:
        """Whether this ADD is kept out: a refused one is not older, by its own time alone."""
        refused = self.refused.get(member)
        is_add = change.action is Action.ADD
        return (
            is_add and refused is not None and change.version.event_us <= refused.version.event_us
        )

    def dropped(self, change: MembershipChange) -> None:
        """This ADD waited, and will not be sent: a newer one was refused."""
        member, change = member_of(change), self.first_copy(change)
        if self.standings[member].newest.message_id == change.message_id:
            self.standings[member].ends = frozenset({False, True})
        self.forget(member)

    def dead_lettered(self, change: MembershipChange) -> None:
        """Nothing is promised until it, or a newer one, is offered again."""
        member, change = member_of(change), self.first_copy(change)
        if self.standings[member].newest.message_id == change.message_id:
            self.standings[member].excused = True
            self.forget(member)

    def forget(self, member: Member) -> None:
        self.known.pop(member, None)
        self._first.pop(member, None)

    def forget_what_came_from(self, source: str) -> None:
        for member, change in list(self.known.items()):
            if change.version.source == source:
                self.forget(member)

    def see(self, latest: LatestState, *, busy: set[Member]) -> None:
        """Look at what the guard forgot for lack of room: one hash of an email is enough to be known.

        What is `busy`, waiting or on its way, is known without it.
        """
        if not latest.evictions:
            return
        for audience, who in set(self.known) - busy:
            if all(latest.applied(audience, value) is None for value in who.values):
                self.forget((audience, who))
        for (audience, who), refused in list(self.refused.items()):
            left = [latest.withheld(audience, value) for value in who.values]
            if refused not in left:
                del self.refused[audience, who]
                for older in left:  # came, and was kept, after the newest was forgotten
                    if older is not None:
                        self.withhold(older)

    def die(self) -> None:
        """The process is gone, and with it all it remembered. The next one begins."""
        self.known.clear()
        self._first.clear()
        self.refused.clear()
