"""A schema registry that is asked until it answers."""

import asyncio
import random as random_numbers
import time
from collections.abc import Awaitable, Callable

import structlog

from consumer.segment.registry_answers import Found, NotFound, Unavailable
from consumer.segment.registry_client import RegistryClient

log = structlog.get_logger(__name__)

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
_LONGEST_RETRY_AFTER_SECONDS = 600.0
_SECONDS_BETWEEN_REMINDERS = 60.0


class PatientRegistry:
    """Asks again through every outage, and a short while after "not found".

    An outage (no connection, a time-out, 401, 403, 429, 5xx, an answer that is not a registry's) is never the
    record's fault, so it is waited out for ever. A schema just registered may not have reached every node of
    the registry, so "not found" must last for `not_found_window_seconds` before it is believed.
    """

    def __init__(
        self,
        client: RegistryClient,
        *,
        not_found_window_seconds: float = 30.0,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self._client = client
        self._not_found_window_seconds = not_found_window_seconds
        self._now = now
        self._sleep = sleep
        self._random = random
        self._waits: dict[str, str] = {}
        self._trouble: Unavailable | None = None
        self._reported_at = 0.0

    @property
    def waiting(self) -> str | None:
        """What is being waited for and why, for people; None when nothing is."""
        if not self._waits:
            return None
        what, reason = next(iter(self._waits.items()))
        others = len(self._waits) - 1
        return f"{what}: {reason}" + (f" (and {others} more)" if others else "")

    async def ask(self, path: str, what: str) -> Found | NotFound:
        """The registry's answer to GET `path`. `what` names the question for people. Safe to cancel."""
        missing_since: float | None = None
        try:
            attempt = 0
            while True:
                answer = await self._client.get(path)
                self._tell_changes(answer)
                if isinstance(answer, Found):
                    return answer
                wait_seconds = self._back_off_seconds(attempt)
                if isinstance(answer, NotFound):
                    missing_since = self._now() if missing_since is None else missing_since
                    left_seconds = missing_since + self._not_found_window_seconds - self._now()
                    if left_seconds <= 0:
                        return answer
                    wait_seconds = min(wait_seconds, left_seconds)
                    self._waits[what] = "the registry does not have it yet"
                else:
                    missing_since = None
                    wait_seconds = max(wait_seconds, self._asked_for_seconds(answer))
                    self._waits[what] = answer.reason
                await self._sleep(wait_seconds)
                attempt += 1
        finally:
            self._waits.pop(what, None)

    def _back_off_seconds(self, attempt: int) -> float:
        """From 1 to 2 seconds after the first attempt, doubled each time, up to 15 to 30."""
        ceiling = min(LONGEST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 10))
        return ceiling * (1 + self._random()) / 2

    def _asked_for_seconds(self, answer: Unavailable) -> float:
        """What Retry-After asked for, up to ten minutes, spread so that not all replicas come back at once."""
        if not answer.retry_after_seconds:
            return 0.0
        return min(answer.retry_after_seconds, _LONGEST_RETRY_AFTER_SECONDS) + self._random()

    def _tell_changes(self, answer: Found | NotFound | Unavailable) -> None:
        """Log when trouble begins, once a minute while it lasts, and when it is over."""
        trouble = self._trouble
        if not isinstance(answer, Unavailable):
            self._trouble = None
            if trouble is not None:
                log.info("The schema registry answers again.")
            return
        is_news = trouble is None or trouble.needs_someone != answer.needs_someone
        if is_news or self._now() >= self._reported_at + _SECONDS_BETWEEN_REMINDERS:
            self._trouble = answer
            self._reported_at = self._now()
            if answer.needs_someone:
                log.error(
                    "The schema registry refuses our requests; waiting.", reason=answer.reason
                )
            else:
                log.warning("The schema registry cannot be reached; waiting.", reason=answer.reason)
