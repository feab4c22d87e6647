"""A Kafka consumer that only the thread which built it may use."""

import threading
from typing import Any

from confluent_kafka import Consumer


class WrongThread(AssertionError):
    """Somebody called the consumer from a thread that does not own it."""


class OwnedConsumer(Consumer):
    """Refuses every use from another thread, and remembers it: the caller may swallow the error.

    Since confluent-kafka 2.16 such a call may never come back, because the thread that polls lets nobody in.
    """

    misuses: list[str] = []  # noqa: RUF012 - shared on purpose: whoever looks does not know the consumer

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - whatever a Consumer takes
        self._owner = threading.get_ident()
        super().__init__(*arguments, **named)

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever a Consumer has
        if not name.startswith("_") and name != "misuses" and threading.get_ident() != self._owner:
            misuse = f"{name} was used by thread {threading.current_thread().name}"
            OwnedConsumer.misuses.append(misuse)
            raise WrongThread(misuse)
        return super().__getattribute__(name)
