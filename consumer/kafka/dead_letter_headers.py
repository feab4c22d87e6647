"""The headers of a dead letter: why it is one, and where it came from.

A record keeps its own headers. Ours stand after them, under one prefix. When a record that was put back fails again, the
newest failure has the plain names, and the earlier ones are kept under numbers: 1 is the first failure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consumer.record import KafkaRecord, Rejected

HEADER_PREFIX: Final = "segment_liveintent."
_OURS = re.compile(r"segment_liveintent\.(?:(\d+)\.)?(\w+)")

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of a record. Where the record stood then, and what this program was.

    `timestamp_ms` is the record's own; the dead letter's is when it was written.
    """

    reason: str
    stage: str
    detail: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    attempt: int
    version: str


def failure_of(
    record: KafkaRecord, rejected: Rejected, *, stage: str, attempt: int, version: str
) -> Failure:
    """Return the failure a rejected record is about to be written with."""
    return Failure(
        reason=rejected.reason,
        stage=stage,
        detail=rejected.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        attempt=attempt,
        version=version,
    )


def dead_letter_headers(headers: Iterable[Header], failure: Failure) -> list[Header]:
    """Return the record's headers with this failure's after them, and earlier failures' kept under numbers."""
    before = list(headers)
    number = 1 + max((_number_of(name) for name, _ in before), default=0)
    kept = [(_numbered(name, number), value) for name, value in before]
    return [*kept, *_headers_of(failure)]


def read_failure(headers: Iterable[Header]) -> Failure | None:
    """Return the newest failure that headers tell of, or None if they are not a dead letter's."""
    found = {
        name.removeprefix(HEADER_PREFIX): value.decode(errors="replace")
        for name, value in headers
        if name.startswith(HEADER_PREFIX) and value is not None
    }
    try:
        return Failure(
            reason=found["reason"],
            stage=found["stage"],
            detail=found["detail"],
            topic=found["topic"],
            partition=int(found["partition"]),
            offset=int(found["offset"]),
            timestamp_ms=int(found["timestamp_ms"]) if found.get("timestamp_ms") else None,
            attempt=int(found["attempt"]),
            version=found["version"],
        )
    except (KeyError, ValueError):
        return None


def without_failures(headers: Iterable[Header]) -> list[Header]:
    """Return the record's own headers, as its producer wrote them."""
    return [(name, value) for name, value in headers if not name.startswith(HEADER_PREFIX)]


def _headers_of(failure: Failure) -> list[Header]:
    timestamp = "" if failure.timestamp_ms is None else str(failure.timestamp_ms)
    values = {
        "reason": failure.reason,
        "stage": failure.stage,
        "detail": failure.detail,
        "topic": failure.topic,
        "partition": str(failure.partition),
        "offset": str(failure.offset),
        "timestamp_ms": timestamp,
        "attempt": str(failure.attempt),
        "version": failure.version,
    }
    return [(f"{HEADER_PREFIX}{name}", value.encode()) for name, value in values.items()]


def _number_of(name: str) -> int:
    match = _OURS.fullmatch(name)
    return int(match[1]) if match is not None and match[1] is not None else 0


def _numbered(name: str, number: int) -> str:
    match = _OURS.fullmatch(name)
    if match is None or match[1] is not None:
        return name
    return f"{HEADER_PREFIX}{number}.{match[2]}"
