"""How long to wait before trying again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Exponential back-off with full jitter, which spreads many waiting lanes best.

    There is no last attempt: an outage is waited out, however long it is.
    """

    first_seconds: float = 1.0
    max_seconds: float = 300.0
    retry_after_max_seconds: float = 3600.0

    def wait_seconds(
        self, attempt: int, *, jitter: float, retry_after_seconds: float | None = None
    ) -> float:
        """The wait after failed attempt number `attempt`, counted from 0.

        `jitter` is in [0, 1). What the server asked for is a lower bound, itself capped: a mistaken header must
        not put us to sleep for a day.
        """
        # 2.0**1024 would overflow; long before that the cap holds.
        ceiling = min(self.max_seconds, self.first_seconds * 2.0 ** min(attempt, 64))
        return max(jitter * ceiling, self._asked_for(retry_after_seconds))

    def _asked_for(self, retry_after_seconds: float | None) -> float:
        if retry_after_seconds is None:
            return 0.0
        return min(max(retry_after_seconds, 0.0), self.retry_after_max_seconds)


def read_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds a Retry-After header asks us to wait, None when it is absent or unreadable.

    Both forms of RFC 9110 are read: seconds and an HTTP date. `now` is the sender's clock where known.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    date = read_http_date(text)
    return None if date is None else max((date - now).total_seconds(), 0.0)


def read_http_date(value: str | None) -> datetime | None:
    """The moment an HTTP date names, with its zone; None when it is absent or unreadable."""
    if value is None:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
