"""Which of the waiting audiences flushes next. Pure: what waits, and the time, are told.

The one whose changes have waited longest goes first, be they few or many: so an audience with a million changes, which is
due again as soon as its flush is over, never goes before one that began to wait while it was under way.
"""

import heapq
from dataclasses import dataclass, field
from typing import Final

from consumer.audience.membership import AudienceKey

_LEFT_PLACES_MAX: Final = 100
"""Beyond as many as stand: so what was left takes no more room than what stands."""


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """When a waiting lane flushes: after so many seconds, or at so many rows, whichever comes first."""

    seconds: float
    rows: int


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Since when an audience waits; of the same moment, who came first. A place that was left is not taken again."""

    since: float
    number: int
    audience: AudienceKey = field(compare=False)


class FlushQueue:
    """Each step costs the logarithm of how many wait, however many audiences there are."""

    def __init__(self, policy: FlushPolicy) -> None:
        self._policy = policy
        self._places: dict[AudienceKey, _Place] = {}
        # Places that were left stay in the heaps until they come to the top, or are too many.
        self._by_age: list[_Place] = []
        self._full: dict[AudienceKey, _Place] = {}
        self._full_by_age: list[_Place] = []
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._places)

    def put(self, audience: AudienceKey, *, since: float, rows: int) -> None:
        """So many rows of the audience wait, the oldest since then. Its place stays while `since` does."""
        place = self._places.get(audience)
        if place is None or place.since != since:
            self._numbers += 1
            place = self._places[audience] = _Place(since, self._numbers, audience)
            _push(self._by_age, place, self._places)
        if rows < self._policy.rows:
            self._full.pop(audience, None)
        elif self._full.get(audience) is not place:
            self._full[audience] = place
            _push(self._full_by_age, place, self._full)

    def leave(self, audience: AudienceKey) -> None:
        """Nothing of the audience waits for a flush, or its flush is under way."""
        self._places.pop(audience, None)
        self._full.pop(audience, None)

    def first_due(self, *, now: float) -> AudienceKey | None:
        """Who has waited longest of those that have waited long enough, or have rows enough; None when none has."""
        oldest, full = _top(self._by_age, self._places), _top(self._full_by_age, self._full)
        if oldest is not None and oldest.since + self._policy.seconds <= now:
            return oldest.audience  # nobody who is full can be older
        return None if full is None else full.audience

    def first(self) -> AudienceKey | None:
        """Who has waited longest, due or not; None when nobody waits."""
        oldest = _top(self._by_age, self._places)
        return None if oldest is None else oldest.audience

    def next_due(self) -> float | None:
        """When somebody is due next, 0 for those with rows enough; None when nobody waits."""
        if _top(self._full_by_age, self._full) is not None:
            return 0.0
        oldest = _top(self._by_age, self._places)
        return None if oldest is None else oldest.since + self._policy.seconds


def _push(heap: list[_Place], place: _Place, standing: dict[AudienceKey, _Place]) -> None:
    heapq.heappush(heap, place)
    if len(heap) > 2 * len(standing) + _LEFT_PLACES_MAX:
        heap[:] = standing.values()
        heapq.heapify(heap)


def _top(heap: list[_Place], standing: dict[AudienceKey, _Place]) -> _Place | None:
    """The first place of the heap that still stands; those above it, which were left, are thrown away."""
    while heap and standing.get(heap[0].audience) is not heap[0]:
        heapq.heappop(heap)
    return heap[0] if heap else None
