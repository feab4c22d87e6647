"""The access token LiveIntent's people issued, read again when it may have changed."""

import asyncio
from collections.abc import Callable

import structlog

from consumer.errors import SegmentLiveIntentError
from consumer.liveintent.clock import Clock

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 30.0


class Token:
    """The current token, from a provider that reads its secret anew at each call.

    The provider may read a file, so it runs in a thread. Never shows the token.
    """

    def __init__(
        self,
        provider: Callable[[], str],
        *,
        clock: Clock,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._value: str | None = None
        self._read_at: float | None = None
        self._failing = False

    def __repr__(self) -> str:
        return "Token(<hidden>)"

    async def value(self) -> str | None:
        """The token, at most `refresh_seconds` old; None when there is none that a header could carry."""
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= self._refresh_seconds:
            await self.read_again()
        return self._value

    async def read_again(self) -> bool:
        """Ask the provider. True when the token is another one now.

        A provider that fails leaves the old token in use: a secret is often missing for a moment while it is
        being replaced.
        """
        try:
            value = (await asyncio.to_thread(self._provider)).strip()
        except (OSError, ValueError, SegmentLiveIntentError) as error:
            self._note_failure(type(error).__name__)
            value = self._value or ""
        else:
            self._failing = False
        changed = value != (self._value or "")
        self._value = value if value and value.isascii() and value.isprintable() else None
        self._read_at = self._clock.now()
        return changed

    async def is_replaced(self, refused: str) -> bool:
        """Ask the provider whether there is another token by now than the one that was refused."""
        await self.read_again()
        return await self.value() not in {None, refused}

    def _note_failure(self, error: str) -> None:
        if not self._failing:
            log.warning("The API key could not be read; keeping the old one.", error=error)
        self._failing = True
