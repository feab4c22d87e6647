"""The two headers by which a dead letter that was put back is told: on the record put back, and on its marker.

A marker stands on the dead-letter topic, in the partition of the dead letter it speaks of. It has no key and no value, so
it is no dead letter, and a topic that deletes what is old deletes the dead letter first.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from consumer.kafka.dead_letter_headers import HEADER_PREFIX, Header

_REDRIVEN: Final = f"{HEADER_PREFIX}redriven"
_REDRIVEN_FROM: Final = f"{HEADER_PREFIX}redriven_from"
# No sign, no space, no other script's digits: one place has one spelling. Kafka's numbers have 31 and 63 bits.
_PLACE = re.compile(r"([0-9]{1,10}):([0-9]{1,19})", re.ASCII)


class Place(NamedTuple):
    """Where a dead letter stands on the dead-letter topic. Written `partition:offset`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Return the place a text names, or None."""
        match = _PLACE.fullmatch(text)
        return None if match is None else cls(int(match[1]), int(match[2]))


def marker_headers(place: Place) -> list[Header]:
    """Return the headers of the marker that says this dead letter was put back."""
    return [(_REDRIVEN, str(place).encode())]


def read_marker(headers: Iterable[Header]) -> Place | None:
    """Return which dead letter was put back, if these are a marker's headers."""
    for name, value in headers:
        if name == _REDRIVEN and value is not None:
            return Place.parse(value.decode(errors="replace"))
    return None


def redriven_headers(headers: Iterable[Header], *, topic: str, place: Place) -> list[Header]:
    """Return the headers a record is put back with: the dead letter's, and which dead letter that was.

    The failures stay. Should the record fail again, they and this header are kept under a number.
    """
    kept = [(name, value) for name, value in headers if name != _REDRIVEN_FROM]
    return [*kept, (_REDRIVEN_FROM, f"{topic}:{place}".encode())]


def redriven_from(headers: Iterable[Header]) -> str | None:
    """Return `topic:partition:offset` of the dead letter a record was put back from last; None if it was not."""
    found = [value for name, value in headers if name == _REDRIVEN_FROM and value is not None]
    return found[-1].decode(errors="replace") if found else None
