"""The headers of a dead letter: why it is one, and where it came from.

A record keeps its own headers. Ours stand after them, under one prefix. When a record that was put back fails again, the
newest failure has the plain names, and the earlier ones are kept under numbers: 1 is the first failure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from consumer.record import KafkaRecord, Rejected, RejectReason
from consumer.telemetry.redaction import redacted

HEADER_PREFIX: Final = "segment_liveintent."
_OURS = re.compile(r"segment_liveintent\.(?:(\d+)\.)?(\w+)")

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of a record. Where the record stood then, and what this program was.

    `timestamp_ms` is the record's own; the dead letter's is when it was written. `attempt` counts the failures of the
    record, this one included. `audience` is empty when the failure is not about one, or older than the header.
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
    audience: str = ""


def failure_of(record: KafkaRecord, rejected: Rejected, *, stage: str, version: str) -> Failure:
    """Return the failure a rejected record is about to be written with: one attempt more than its headers tell of."""
    before = read_failure(record.headers)
    return Failure(
        reason=rejected.reason,
        stage=stage,
        detail=rejected.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        attempt=1 if before is None else before.attempt + 1,
        version=version,
        audience=_shown_audience(rejected),
    )


def dead_letter_headers(headers: Iterable[Header], failure: Failure) -> list[Header]:
    """Return the record's headers with this failure's after them, and earlier failures' kept under numbers."""
    before = list(headers)
    number = 1 + max((_number_of(name) for name, _ in before), default=0)
    kept = [(_numbered(name, number), value) for name, value in before]
    return [*kept, *_headers_of(failure)]


def read_failure(headers: Iterable[Header]) -> Failure | None:
    """Return the newest failure that headers tell of, or None if they are not a dead letter's."""
    return _failure(
        {
            name.removeprefix(HEADER_PREFIX): value.decode(errors="replace")
            for name, value in headers
            if name.startswith(HEADER_PREFIX) and value is not None
        }
    )


def read_failures(headers: Iterable[Header]) -> list[Failure]:
    """Return every failure that headers tell of, the first one first; none if they are not a dead letter's."""
    by_number: dict[int | None, dict[str, str]] = {}
    for name, value in headers:
        match = _OURS.fullmatch(name)
        if match is not None and value is not None:
            number = None if match[1] is None else int(match[1])
            by_number.setdefault(number, {})[match[2]] = value.decode(errors="replace")
    newest = by_number.pop(None, {})
    numbered = [found for _, found in sorted(by_number.items(), key=lambda item: item[0] or 0)]
    failures = [_failure(found) for found in (*numbered, newest)]
    return [failure for failure in failures if failure is not None]


def as_first_read(record: KafkaRecord) -> KafkaRecord:
    """Return the record under the place and time it was first read with, if it was put back since; else as it is.

    It is the same event as then: where it stands among others of the same moment, and its id if it brings none, must not
    change because it failed. Kafka's place of it now is the one to commit and to report.
    """
    if not record.headers or not any(name.startswith(HEADER_PREFIX) for name, _ in record.headers):
        return record
    failures = read_failures(record.headers)
    if not failures:
        return record
    first = failures[0]
    return replace(
        record,
        topic=first.topic,
        partition=first.partition,
        offset=first.offset,
        timestamp_ms=first.timestamp_ms,
    )


def without_failures(headers: Iterable[Header]) -> list[Header]:
    """Return the record's own headers, as its producer wrote them."""
    return [(name, value) for name, value in headers if not name.startswith(HEADER_PREFIX)]


def _failure(found: Mapping[str, str]) -> Failure | None:
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
            audience=found.get("audience", ""),
        )
    except (KeyError, ValueError):
        return None


def _shown_audience(rejected: Rejected) -> str:
    """A name LiveIntent could not take can be any text, a person's address too; all others are audiences' names."""
    if rejected.reason is RejectReason.INVALID_AUDIENCE_NAME:
        return redacted(rejected.audience)
    return rejected.audience


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
        "audience": failure.audience,
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
