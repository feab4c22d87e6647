"""All lanes: one per audience, independent of each other, sharing the latest-state guard."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from consumer.audience.lane import Lane
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import AudienceKey

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """When a waiting lane flushes: after so many seconds, or at so many rows, whichever comes first."""

    seconds: float
    rows: int


class Lanes(Generic[Part]):
    """Opens a lane when an audience is first met."""

    def __init__(self, policy: FlushPolicy, latest: LatestState) -> None:
        self.latest = latest
        self._policy = policy
        self._lanes: dict[AudienceKey, Lane[Part]] = {}

    def __iter__(self) -> Iterator[Lane[Part]]:
        return iter(self._lanes.values())

    def lane(self, audience: AudienceKey) -> Lane[Part]:
        """The lane of this audience."""
        lane = self._lanes.get(audience)
        if lane is None:
            lane = self._lanes[audience] = Lane(audience, self.latest)
        return lane

    def audiences(self) -> Collection[AudienceKey]:
        """Every audience that was met."""
        return self._lanes.keys()

    def due(self, *, now: float) -> list[Lane[Part]]:
        """The idle lanes whose changes have waited long enough, or are enough."""
        return [lane for lane in self._idle() if self._due_at(lane) <= now]

    def waiting(self) -> list[Lane[Part]]:
        """The idle lanes in which anything waits, due or not."""
        return list(self._idle())

    def next_due(self) -> float | None:
        """When the next idle lane is due; None when nothing waits."""
        return min((self._due_at(lane) for lane in self._idle()), default=None)

    def release(self, belongs: Callable[[Part], bool]) -> None:
        """Give up, in every lane, the waiting changes whose parts `belongs` picks."""
        for lane in self._lanes.values():
            lane.release(belongs)

    def _idle(self) -> Iterator[Lane[Part]]:
        return (
            lane for lane in self._lanes.values() if lane.in_flight is None and lane.waiting_rows
        )

    def _due_at(self, lane: Lane[Part]) -> float:
        if lane.waiting_since is None or lane.waiting_rows >= self._policy.rows:
            return 0.0
        return lane.waiting_since + self._policy.seconds
