"""Which LiveIntent audience each name led to, and how long that needs no other look."""

import math
from dataclasses import dataclass, replace

from consumer.audience.membership import AudienceKey
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow


@dataclass(frozen=True, slots=True)
class Known:
    """A mapping. From `name_due_at` on a check looks the name up, as another audience may have it; before, only the id."""

    id: AudienceId
    checked_at: float
    name_due_at: float


class AudienceMemory:
    """Mappings of this process alone; nothing is kept from one run to the next."""

    def __init__(self, policy: DirectoryPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._known: dict[AudienceKey, Known] = {}

    @property
    def ids(self) -> dict[AudienceKey, AudienceId]:
        """What is remembered now. A copy."""
        return {key: known.id for key, known in self._known.items()}

    def get(self, key: AudienceKey) -> Known | None:
        """What is remembered, however old."""
        return self._known.get(key)

    def fresh(self, key: AudienceKey) -> AudienceId | None:
        """The audience, if it needs no check at this moment."""
        known = self._known.get(key)
        if known is None or self._clock.now() - known.checked_at >= self._policy.recheck_seconds:
            return None
        return known.id

    def remember(self, key: AudienceKey, row: AudienceRow, *, has_rivals: bool) -> AudienceId:
        """LiveIntent has just shown it.

        A rival may turn up while the audience is young, disappear while there is one, and be revived at any time.
        """
        now = self._clock.now()
        age_seconds = (self._clock.utc_now() - row.created_at).total_seconds()
        unsure = age_seconds < self._policy.young_seconds or has_rivals
        self._known[key] = Known(row.id, now, now if unsure else now + self._policy.young_seconds)
        return row.id

    def checked(self, key: AudienceKey, known: Known) -> AudienceId:
        """LiveIntent has just shown its id to be in use."""
        self._known[key] = replace(known, checked_at=self._clock.now())
        return known.id

    def doubt(self, key: AudienceKey, audience: AudienceId) -> None:
        """Keep it, but have its name looked up before it is used (again)."""
        self._known[key] = Known(audience, -math.inf, -math.inf)

    def drop(self, key: AudienceKey) -> bool:
        """Forget it; whether there was anything to forget."""
        return self._known.pop(key, None) is not None
