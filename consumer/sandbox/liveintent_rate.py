"""How often and how fast a stand-in was called, and what came of it."""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

Breach = TypeVar("Breach", bound=StrEnum)


class Rate:
    """Remembers the calls of the last second, and the most there ever were within one. Pure: time is passed in."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self.most_per_second = 0
        self.calls = 0

    def note(self, now: float) -> None:
        """One more call."""
        self.calls += 1
        self._recent.append(now)
        while self._recent[0] <= now - 1:
            self._recent.popleft()
        self.most_per_second = max(self.most_per_second, len(self._recent))


def traffic(
    rate: Rate, statuses: Mapping[int, int], breaches: Mapping[Breach, int]
) -> dict[str, object]:
    """What was called, for other processes."""
    return {
        "requests": rate.calls,
        "most_per_second": rate.most_per_second,
        "statuses": {str(status): count for status, count in statuses.items()},
        "breaches": dict(breaches),
    }
