"""Whose turn it is to call a host. Pure: who waits and who is busy is told.

Two lines, as at a shop with an express till. Within a line it is first come, first served; a lane waits in one line, with
one call, at a time, so between two turns of a lane every other lane that waits in its line gets one.
"""

from collections import deque
from enum import StrEnum


class Line(StrEnum):
    """Where a call waits."""

    EXPRESS = "express"
    """It brings a file on its way and takes a moment: an audience, the look before its file, a URL, a small file."""
    ORDINARY = "ordinary"
    """It can wait, or takes long: a look at uploads, a large file."""


class Ticket:
    """One call's place in its line."""

    __slots__ = ("line",)

    def __init__(self, line: Line) -> None:
        self.line = line


class Turns:
    """Gives `slots` turns at a time. Where both lines may go, they take turns, so neither starves the other.

    Ordinary calls never take the last slot (but where there is only one): however long they last, express calls wait
    for express calls only.
    """

    def __init__(self, *, slots: int) -> None:
        self._slots = slots
        self._most = {Line.EXPRESS: slots, Line.ORDINARY: max(1, slots - 1)}
        self._waiting: dict[Line, deque[Ticket]] = {line: deque() for line in Line}
        self._busy = dict.fromkeys(Line, 0)
        self._last = Line.ORDINARY

    def waiting(self, line: Line) -> int:
        """How many calls wait in this line."""
        return len(self._waiting[line])

    def join(self, line: Line) -> Ticket:
        """Wait at the end of a line."""
        ticket = Ticket(line)
        self._waiting[line].append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Wait no more, without a turn."""
        self._waiting[ticket.line].remove(ticket)

    def next(self) -> Ticket | None:
        """Whose turn it is; None while nobody may go. Nothing changes until it starts."""
        may_go = [line for line in Line if self._waiting[line] and self._has_room(line)]
        if not may_go:
            return None
        line = next((line for line in may_go if line is not self._last), may_go[0])
        return self._waiting[line][0]

    def start(self, ticket: Ticket) -> None:
        """Take the turn that is this ticket's."""
        self._waiting[ticket.line].remove(ticket)
        self._busy[ticket.line] += 1
        self._last = ticket.line

    def end(self, ticket: Ticket) -> None:
        """The call is over."""
        self._busy[ticket.line] -= 1

    def _has_room(self, line: Line) -> bool:
        return sum(self._busy.values()) < self._slots and self._busy[line] < self._most[line]
