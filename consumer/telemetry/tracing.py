"""Tracing as the rest of the program sees it: a few words, and nothing behind them unless `TRACING` is on.

A record that is traced has one span, from its reading to what was decided about it. What a lane sends at once has
another, in a trace of its own, which links to the records in it: they are many, and it has no one parent. What is done
for it (files, HTTP calls) are spans below it; who does it asks `span_here` and need not know whether anyone looks.

Names, numbers and words of our enums may be handed in here, nothing else: no free text, no URL, nothing of a person.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Final, Protocol, Self

from consumer.record import KafkaRecord

Attributes = Mapping[str, str | int | float | bool]
Place = tuple[tuple[str, int], int]
"""Which record: topic and partition, and the offset after it."""

AUDIENCE: Final = "segment_liveintent.audience"
AUDIENCE_ID: Final = "liveintent.audience.id"
OUTCOME: Final = "segment_liveintent.outcome"

NOTHING: Final[Attributes] = {}


class Span(Protocol):
    """Something under way. Belongs to the event loop."""

    def child(self, name: str, attributes: Attributes) -> AbstractContextManager["Span"]:
        """A part of it, that `span_here` finds while the block lasts. An exception marks it as failed, by its type."""
        ...

    def call(self, name: str, attributes: Attributes) -> AbstractContextManager["Span"]:
        """The same for a call to another system."""
        ...

    def event(self, name: str, attributes: Attributes = NOTHING) -> None:
        """Something happened now."""
        ...

    def note(self, attributes: Attributes) -> None:
        """More is known about it."""
        ...

    def failed(self, error_type: str) -> None:
        """It came to nothing, for a reason out of a closed list."""
        ...


class Tracing(Protocol):
    """Where spans begin."""

    @property
    def on(self) -> bool:
        """Whether to tell of records at all: asked for each."""
        ...

    def record(
        self, record: KafkaRecord, *, seconds_ago: float, outcome: str, error_type: str | None
    ) -> None:
        """What to do about a record was decided now; it was read so long ago."""
        ...

    def flush(
        self, audience: str, places: Callable[[], Collection[Place]]
    ) -> AbstractContextManager[Span]:
        """A lane sends these records' changes. A span if one of them is traced."""
        ...


class _NoSpan:
    """A span nobody looks at, and its own children."""

    def child(self, _name: str, _attributes: Attributes) -> Self:
        return self

    def call(self, _name: str, _attributes: Attributes) -> Self:
        return self

    def event(self, _name: str, _attributes: Attributes = NOTHING) -> None:
        pass

    def note(self, _attributes: Attributes) -> None:
        pass

    def failed(self, _error_type: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class _NoTracing:
    """Tracing is off."""

    on: Final = False

    def record(
        self, _record: KafkaRecord, *, seconds_ago: float, outcome: str, error_type: str | None
    ) -> None:
        pass

    def flush(
        self, _audience: str, _places: Callable[[], Collection[Place]]
    ) -> AbstractContextManager[Span]:
        return NO_SPAN


NO_SPAN: Final = _NoSpan()
NO_TRACING: Final[Tracing] = _NoTracing()

SPAN_HERE: Final[ContextVar[Span]] = ContextVar("span", default=NO_SPAN)
"""For implementations alone; others ask `span_here`."""


def span_here() -> Span:
    """The span of what is being done, by this task or by who started it; one nobody looks at when there is none."""
    return SPAN_HERE.get()
