"""One at a time for each audience."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from consumer.audience.membership import AudienceKey


@dataclass(slots=True)
class _Door:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    people: int = 0
    """Inside or in front of it."""


class AudienceLocks:
    """First come, first served. Remembers no audience that nobody is at."""

    def __init__(self) -> None:
        self._doors: dict[AudienceKey, _Door] = {}

    def __len__(self) -> int:
        return len(self._doors)

    @asynccontextmanager
    async def alone(self, audience: AudienceKey) -> AsyncIterator[None]:
        """Nobody else is at this audience meanwhile. Safe to cancel."""
        door = self._doors.setdefault(audience, _Door())
        door.people += 1
        try:
            async with door.lock:
                yield
        finally:
            door.people -= 1
            if not door.people:
                del self._doors[audience]
