"""A span that keeps what it is told, without OpenTelemetry."""

from collections.abc import Iterator
from contextlib import contextmanager

from consumer.telemetry.tracing import NOTHING, Attributes, Span


class NotedSpan:
    """Calls by name, what was noted, and why it failed. Its children are itself."""

    def __init__(self) -> None:
        self.calls: dict[str, Attributes] = {}
        self.noted: dict[str, str | int | float | bool] = {}
        self.error_type: str | None = None

    @contextmanager
    def child(self, name: str, attributes: Attributes) -> Iterator[Span]:
        self.noted |= attributes
        yield self

    @contextmanager
    def call(self, name: str, attributes: Attributes) -> Iterator[Span]:
        self.calls[name] = attributes
        yield self

    def event(self, name: str, attributes: Attributes = NOTHING) -> None:
        self.noted[name] = True

    def note(self, attributes: Attributes) -> None:
        self.noted |= attributes

    def failed(self, error_type: str) -> None:
        self.error_type = error_type
