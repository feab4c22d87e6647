"""All lanes: one per audience, independent of each other, sharing the latest-state guard.

A lane is there while something of its audience waits or is under way. What must be known of the audience after that is in the
guard, so it makes no difference that the lane goes: `tests/properties/test_lanes_properties.py`.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Generic, TypeVar

from consumer.audience.batch import AudienceBatch
from consumer.audience.flush_queue import FlushPolicy, FlushQueue
from consumer.audience.lane import Lane, Settled
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import AudienceKey, MembershipChange

__all__ = ["FlushPolicy", "Lanes"]

Part = TypeVar("Part")


class Lanes(Generic[Part]):
    """Opens a lane for what is offered, and closes it when nothing is left of it."""

    def __init__(self, policy: FlushPolicy, latest: LatestState) -> None:
        self.latest = latest
        self._lanes: dict[AudienceKey, Lane[Part]] = {}
        self._flying: dict[AudienceKey, Lane[Part]] = {}
        self._waiting = FlushQueue(policy)
        self._met: dict[AudienceKey, None] = {}

    def __iter__(self) -> Iterator[Lane[Part]]:
        """The lanes in which anything waits or is under way."""
        return iter(self._lanes.values())

    @property
    def flying(self) -> Collection[Lane[Part]]:
        """The lanes with a flush under way, the longest under way first."""
        return self._flying.values()

    @property
    def waiting(self) -> int:
        """How many lanes wait for their flush to start."""
        return len(self._waiting)

    def audiences(self) -> Collection[AudienceKey]:
        """Every audience that was met."""
        return self._met.keys()

    def open(self, audience: AudienceKey) -> Lane[Part] | None:
        """The lane of this audience, if anything of it waits or is under way."""
        return self._lanes.get(audience)

    def offer(self, change: MembershipChange, part: Part, *, now: float) -> list[Settled[Part]]:
        """Take a change into its audience's lane: see `Lane.offer`."""
        lane = self._lane(change.audience)
        settled = lane.offer(change, part, now=now)
        self._note(lane)
        return settled

    def withhold(self, change: MembershipChange) -> list[Settled[Part]]:
        """Take note of an ADD that consent refused: see `Lane.withhold`."""
        lane = self._lane(change.audience)
        settled = lane.withhold(change)
        self._note(lane)
        return settled

    def first_due(self, *, now: float) -> Lane[Part] | None:
        """Of the idle lanes whose changes have waited long enough, or are enough, the one that has waited longest."""
        return self._lane_or_none(self._waiting.first_due(now=now))

    def first_waiting(self) -> Lane[Part] | None:
        """Of the idle lanes in which anything waits, due or not, the one that has waited longest."""
        return self._lane_or_none(self._waiting.first())

    def next_due(self) -> float | None:
        """When the next idle lane is due, 0 for one with rows enough; None when nothing waits."""
        return self._waiting.next_due()

    def take(self, lane: Lane[Part], *, now: float) -> AudienceBatch[Part]:
        """Start a flush of everything that waits in the lane: see `Lane.take`."""
        batch = lane.take(now=now)
        self._flying[lane.audience] = lane
        self._waiting.leave(lane.audience)
        return batch

    def end_flush(self, lane: Lane[Part]) -> None:
        """The lane's flush is over, well or badly; the next may start."""
        lane.end_flush()
        del self._flying[lane.audience]
        self._note(lane)

    def release(self, belongs: Callable[[Part], bool]) -> None:
        """Give up, in every lane, the waiting changes whose parts `belongs` picks."""
        for lane in list(self._lanes.values()):
            lane.release(belongs)
            self._note(lane)

    def _lane(self, audience: AudienceKey) -> Lane[Part]:
        lane = self._lanes.get(audience)
        if lane is None:
            lane = self._lanes[audience] = Lane(audience, self.latest)
            self._met.setdefault(audience)
        return lane

    def _lane_or_none(self, audience: AudienceKey | None) -> Lane[Part] | None:
        return None if audience is None else self._lanes[audience]

    def _note(self, lane: Lane[Part]) -> None:
        """Keep up with what has changed in the lane."""
        if lane.in_flight is not None:
            return
        if lane.waiting_since is None:
            self._waiting.leave(lane.audience)
            del self._lanes[lane.audience]
        else:
            self._waiting.put(lane.audience, since=lane.waiting_since, rows=lane.waiting_rows)
