"""Records as they stand on the dead-letter topic, with every field overridable."""

from dataclasses import replace

from consumer.kafka.dead_letter_headers import Failure, Header, dead_letter_headers
from consumer.kafka.dead_letter_selection import DeadLetter, dead_letter_from
from consumer.kafka.redrive_headers import Place, marker_headers
from consumer.record import KafkaRecord
from tests.builders import a_record

FAILURE = Failure(
    reason="audience_refused",
    stage="upload",
    detail="archived",
    topic="events",
    partition=1,
    offset=40,
    timestamp_ms=1_768_000_000_000,
    attempt=1,
    version="1.2.3",
    audience="vip_customers",
)


def a_dead_letter_record(
    offset: int = 0,
    *,
    at_partition: int = 0,
    failed_at_ms: int | None = 1_769_000_000_000,
    own: tuple[Header, ...] = (),
    key: bytes | None = b"a key",
    value: bytes | None = b"a value",
    **failure: object,
) -> KafkaRecord:
    headers = dead_letter_headers(own, replace(FAILURE, **failure))  # type: ignore[arg-type] # each test's own
    return a_record(
        offset,
        topic="dead",
        partition=at_partition,
        key=key,
        value=value,
        headers=tuple(headers),
        timestamp_ms=failed_at_ms,
    )


def a_dead_letter(offset: int = 0, **fields: object) -> DeadLetter:
    letter = dead_letter_from(a_dead_letter_record(offset, **fields))  # type: ignore[arg-type] # as above
    assert letter is not None
    return letter


def a_marker(place: Place, *, offset: int = 1000) -> KafkaRecord:
    return a_record(
        offset,
        topic="dead",
        partition=place.partition,
        key=None,
        value=None,
        headers=tuple(marker_headers(place)),
    )
