"""Members whose changes come from more than one partition: nothing but luck keeps those in order between replicas."""

from typing import Final

from consumer.audience.membership import AudienceKey

# Enough to tell a wrong key from a topic that was given more partitions once; about 2 MB when full.
_REMEMBERED: Final = 10_000


class Wanderers:
    """Counts each member once, as long as it is among the last so many that were counted."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        # Only its order is used: the first is forgotten first.
        self._seen: dict[tuple[AudienceKey, str], None] = {}
        self.count = 0

    def see(self, audience: AudienceKey, value: str) -> None:
        """A change of this member came from another partition than the one before."""
        key = (audience, value)
        if key in self._seen:
            return
        self.count += 1
        self._seen[key] = None
        if len(self._seen) > self._remembered:
            del self._seen[next(iter(self._seen))]
