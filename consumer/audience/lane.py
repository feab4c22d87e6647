"""The queue of one audience: changes fold to the newest per member, and one flush is under way at a time."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Generic, TypeVar

from consumer.audience.batch import AudienceBatch, Pending
from consumer.audience.latest_state import (
    MESSAGE_IDS_KEPT,
    Applied,
    LatestState,
    with_late_message,
)
from consumer.audience.membership import Action, AudienceKey, IdentifierType, MembershipChange
from consumer.audience.version import blocks, supersedes
from consumer.record import IgnoreReason

Part = TypeVar("Part")
Settled = tuple[Part, IgnoreReason]
"""A part that needs nothing more, and why."""


class Lane(Generic[Part]):
    """Changes of one audience on their way. A *part* is the caller's own name for where a change came from.

    Every part that is offered comes back exactly once: settled at once, or in the batch that carried it, unless it
    was released.
    """

    def __init__(self, audience: AudienceKey, latest: LatestState) -> None:
        self.audience = audience
        self._latest = latest
        self._waiting: dict[str, Pending[Part]] = {}
        self._in_flight: AudienceBatch[Part] | None = None
        self.waiting_since: float | None = None

    @property
    def waiting_rows(self) -> int:
        """Identifier values waiting for the next flush."""
        return len(self._waiting)

    @property
    def in_flight(self) -> AudienceBatch[Part] | None:
        """The flush under way."""
        return self._in_flight

    def offer(self, change: MembershipChange, part: Part, *, now: float) -> list[Settled[Part]]:
        """Take a change in, unless a newer one of the member is known. Gives the parts this settles.

        A REMOVE by one hash of an email that is known by others too removes it by all of them.
        """
        values = change.identifier.values
        every_known = self._known(values)
        if (
            every_known
            and change.action is Action.REMOVE
            and change.identifier.type is IdentifierType.EMAIL_HASH
        ):
            values = _every_hash(values, every_known)
            every_known = self._known(values)
        seen: tuple[str, ...] = ()
        for known in every_known:
            if known.change.version.source != change.version.source:
                self._latest.wanderers.see(self.audience, known.change.identifier.values[0])
            if change.message_id in known.message_ids:
                return [(part, IgnoreReason.DUPLICATE)]
            if not supersedes(change, known.change):
                self._note(change, known)
                return [(part, IgnoreReason.STALE)]
            seen = known.message_ids + seen  # what waits is newer than what was applied
        if change.action is Action.ADD and self._latest.keeps_out(change):
            return [(part, IgnoreReason.STALE)]
        message_ids = (*dict.fromkeys(seen), change.message_id)[-MESSAGE_IDS_KEPT:]
        # Only `values` are sent, but a change by one hash must not make us forget whose it is.
        known_as = _known_as(change, _every_hash(values, every_known))
        return self._replace(values, Pending(known_as, part, message_ids=message_ids), now=now)

    def withhold(self, change: MembershipChange) -> list[Settled[Part]]:
        """Take note of an ADD that consent refused: a waiting older ADD of the member is not sent any more."""
        values = change.identifier.values
        values = _every_hash(values, self._known(values))
        self._latest.withhold(change, values)
        blocked = [
            value
            for value in values
            if (pending := self._waiting.get(value)) is not None
            and pending.change.action is Action.ADD
            and blocks(change, pending.change)
        ]
        return self._drop(blocked)

    def take(self, *, now: float) -> AudienceBatch[Part]:
        """Start a flush of everything that waits. The lane must be idle and something must wait."""
        if self._in_flight is not None or not self._waiting:
            message = "a lane flushes one non-empty batch at a time"
            raise RuntimeError(message)
        since = self.waiting_since if self.waiting_since is not None else now
        self._in_flight = AudienceBatch(
            self.audience, self._waiting, waiting_since=since, taken_at=now
        )
        self._waiting, self.waiting_since = {}, None
        return self._in_flight

    def remember(self, batch: AudienceBatch[Part]) -> None:
        """LiveIntent has the batch: its changes stand against older ones from now on."""
        for pending, values in batch.live():
            self._latest.remember(pending.change, values, pending.message_ids)

    def end_flush(self) -> None:
        """The flush is over, well or badly; the next may start."""
        self._in_flight = None

    def release(self, belongs: Callable[[Part], bool]) -> None:
        """Give up the waiting changes whose parts `belongs` picks: somebody else will send them."""
        self._drop([value for value, pending in self._waiting.items() if belongs(pending.part)])

    def _known(self, values: tuple[str, ...]) -> list[Pending[Part] | Applied]:
        """Every change we know of any of these values, the newest first. Once each: the values of an email mostly share it."""
        found: dict[int, Pending[Part]] = {}
        for value in values:
            if (waiting := self._waiting.get(value)) is not None:
                found[id(waiting)] = waiting
        if self._in_flight is not None:
            for value in values:
                if (flying := self._in_flight.pending(value)) is not None:
                    found[id(flying)] = flying
        return [*found.values(), *self._latest.every_applied(self.audience, values)]

    def _note(self, late: MembershipChange, known: Pending[Part] | Applied) -> None:
        """Keep the id of a message that came too late, if a repeat of it, received later, could pass for newer."""
        version = late.version
        is_tied = version.event_us == known.change.version.event_us
        if not is_tied and version.event_us <= version.received_us:
            return
        if isinstance(known, Pending):
            known.message_ids = with_late_message(known.message_ids, late.message_id)
        else:
            self._latest.note(late)

    def _replace(
        self, values: tuple[str, ...], pending: Pending[Part], *, now: float
    ) -> list[Settled[Part]]:
        since = now if self.waiting_since is None else self.waiting_since
        settled = self._drop([value for value in values if value in self._waiting])
        self._waiting.update(dict.fromkeys(values, pending))
        pending.rows = len(values)
        self.waiting_since = since
        return settled

    def _drop(self, values: list[str]) -> list[Settled[Part]]:
        """Take values out of the queue; a change whose last value goes is settled as stale."""
        settled = []
        for value in values:
            pending = self._waiting.pop(value)
            pending.rows -= 1
            if pending.rows == 0:
                settled.append((pending.part, IgnoreReason.STALE))
        if not self._waiting:
            self.waiting_since = None
        return settled


def _every_hash(
    values: tuple[str, ...], known: Iterable[Pending[Part] | Applied]
) -> tuple[str, ...]:
    # A dict keeps the order and drops repeats.
    every = dict.fromkeys(values)
    for each in known:
        every.update(dict.fromkeys(each.change.identifier.values))
    return tuple(every)


def _known_as(change: MembershipChange, values: tuple[str, ...]) -> MembershipChange:
    if len(values) == len(change.identifier.values):
        return change
    return replace(change, identifier=replace(change.identifier, values=values))
