"""librdkafka's messages as records."""

import sys
from typing import cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from consumer.record import KafkaRecord

_Headers = list[tuple[str, bytes | None]]


def record_from(message: Message, *, assignment: int) -> KafkaRecord:
    """Return the record of a message that carries no error. Its bytes are copied out of librdkafka already."""
    kind, timestamp_ms = message.timestamp()
    return KafkaRecord(
        topic=sys.intern(
            cast("str", message.topic())
        ),  # the binding makes a new one for each record
        partition=cast("int", message.partition()),
        offset=cast("int", message.offset()),
        key=message.key(),
        value=message.value(),
        headers=_headers(message),
        timestamp_ms=None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        leader_epoch=message.leader_epoch(),
        assignment=assignment,
    )


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    try:
        headers = cast("_Headers | None", message.headers())
    except UnicodeDecodeError:
        # The binding cannot read a header name that is not UTF-8. One odd producer must not stop a partition.
        return ()
    return () if headers is None else tuple(headers)
