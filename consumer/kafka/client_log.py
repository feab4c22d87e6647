"""What librdkafka says of itself, at a pace people can read."""

from collections.abc import Callable
from dataclasses import dataclass
from logging import CRITICAL, INFO, WARNING

import structlog
from confluent_kafka import KafkaError

from consumer.telemetry.metrics import Metrics
from consumer.telemetry.redaction import redacted

log = structlog.get_logger(__name__)

# With brokers unreachable librdkafka repeats itself about every 50 ms for each of them.
_EVERY_SECONDS = 60.0


@dataclass(slots=True)
class _Spoken:
    at: float
    held_back: int = 0


class OncePerMinute:
    """Says for each key whether it is time to speak. Two threads that meet over one key may both be told yes."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._spoken: dict[str, _Spoken] = {}

    def ask(self, key: str) -> int | None:
        """Return how many were held back since the last time, or None to hold this one back too."""
        now = self._now()
        spoken = self._spoken.get(key)
        if spoken is not None and now - spoken.at < _EVERY_SECONDS:
            spoken.held_back += 1
            return None
        self._spoken[key] = _Spoken(now)
        return 0 if spoken is None else spoken.held_back


class ClientLog:
    """The `logger` of a librdkafka client: its lines as ours, each kind once a minute.

    An outage shows in metrics and readiness, and librdkafka recovers from it alone, so its errors are warnings here.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._pace = OncePerMinute(now)

    def log(self, level: int, text: str, *parts: object) -> None:
        """Take a line as the binding gives it: a logging level, a format, then facility, client and message."""
        facility = str(parts[0]) if parts else ""
        held_back = self._pace.ask(facility) if level >= INFO else 0
        if held_back is None:
            return
        line = redacted(text % parts if parts else text)
        fields = {"facility": facility, "text": line, "held_back": held_back}
        if level >= CRITICAL:
            log.error("The Kafka client cannot go on.", **fields)
        elif level >= WARNING:
            log.warning("The Kafka client reports a problem.", **fields)
        elif level >= INFO:
            log.info("The Kafka client reports.", **fields)
        else:
            log.debug("The Kafka client reports.", **fields)


class ClientErrors:
    """Counts errors the client reports and recovers from, and logs each code once a minute."""

    def __init__(self, *, metrics: Metrics, now: Callable[[], float]) -> None:
        self._metrics = metrics
        self._pace = OncePerMinute(now)
        self._now = now
        self._last: str | None = None
        self._last_at = 0.0

    def note(self, error: KafkaError, *, topic: str | None = None) -> None:
        """Count one error; nothing needs to be done about it here."""
        self._metrics.kafka_errors.labels(error.name()).inc()
        self._last, self._last_at = f"{error.name()}, {redacted(error.str())}", self._now()
        held_back = self._pace.ask(error.name())
        if held_back is not None:
            log.warning(
                "Kafka reported an error; the client goes on by itself.",
                code=error.name(), text=redacted(error.str()), topic=topic, held_back=held_back,
            )  # fmt: skip

    def last(self, *, within_seconds: float) -> str | None:
        """The latest error, for people, unless it is older than this. It may be over by now."""
        return self._last if self._now() - self._last_at <= within_seconds else None


def is_fatal(error: KafkaError) -> bool:
    """Whether the client is dead for good. The message that says so is itself not marked fatal, only named so."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001 - the binding's public name for it
