"""How often each file is looked at, so that all of them together are no more looks a second than they may be. Pure.

LiveIntent lists uploads by audience: no look serves two files. So with many files under way each is looked at less often, in
proportion to how often it would be by itself: a young file, which may finish any moment, does not wait for hundreds that
have been stuck for hours.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class LookPace:
    """Shared by all files that are followed."""

    def __init__(self, *, per_second: float) -> None:
        """`per_second` is the most looks at all files together."""
        self._per_second = per_second
        self._followed: Counter[float] = Counter()

    @property
    def wanted_per_second(self) -> float:
        """How many looks a second there would be if no file waited for others. Own waits take few different values."""
        return sum(files / seconds for seconds, files in self._followed.items())

    @property
    def stretch(self) -> float:
        """How many times longer than by itself each file waits."""
        return max(1.0, self.wanted_per_second / self._per_second)

    @contextmanager
    def following(self, own_seconds: float) -> Iterator["Followed"]:
        """Follow one more file, which would first wait so long if it were the only one."""
        followed = Followed(self, own_seconds)
        try:
            yield followed
        finally:
            self.leave(followed.own_seconds)

    def join(self, own_seconds: float) -> None:
        """One more file would wait so long by itself."""
        self._followed[own_seconds] += 1

    def leave(self, own_seconds: float) -> None:
        """One that would wait so long does not any more."""
        self._followed[own_seconds] -= 1
        if not self._followed[own_seconds]:
            del self._followed[own_seconds]


class Followed:
    """One file that is followed."""

    def __init__(self, pace: LookPace, own_seconds: float) -> None:
        self._pace = pace
        self.own_seconds = own_seconds
        pace.join(own_seconds)

    @property
    def wait_seconds(self) -> float:
        """How long to wait for the next look."""
        return self.own_seconds * self._pace.stretch

    def grow(self, factor: float, *, at_most: float) -> None:
        """Wait longer from now on: the older a file, the less likely it finishes the next moment."""
        self._pace.leave(self.own_seconds)
        self.own_seconds = min(self.own_seconds * factor, at_most)
        self._pace.join(self.own_seconds)
