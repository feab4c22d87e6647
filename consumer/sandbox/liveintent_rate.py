"""How fast a stand-in was called."""

from collections import deque


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
