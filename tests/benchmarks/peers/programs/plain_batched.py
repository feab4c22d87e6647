"""The same, once somebody has looked at the bill: records are collected by number and time, then folded and uploaded.

Of several changes of one member the last is kept, files go one after the other, and the commit (synchronous) comes after
the last of them. The consumer is not polled while files are uploaded.
"""

import time
from collections.abc import Iterator
from functools import partial

from confluent_kafka import Consumer, KafkaException

from tests.benchmarks.peers.programs.job import Change, Decoder, folded
from tests.benchmarks.peers.programs.liveintent import LiveIntent, kept_session, schema_text
from tests.benchmarks.peers.programs.plain import joined
from tests.benchmarks.peers.programs.surroundings import (
    BATCH_RECORDS,
    BATCH_SECONDS,
    surroundings,
)

_POLL_RECORDS = 500
_POLL_SECONDS = 0.1


def main() -> None:
    around = surroundings()
    session = kept_session()
    decoder = Decoder(partial(schema_text, session, around))
    liveintent = LiveIntent(session, around)
    consumer = joined(around)
    for changes in _batches(consumer, decoder):
        liveintent.upload_all(folded(changes))
        consumer.commit(asynchronous=False)


def _batches(consumer: Consumer, decoder: Decoder) -> Iterator[list[Change]]:
    """The changes of so many records, or of so many seconds; nothing while there are no records."""
    while True:
        changes: list[Change] = []
        records, deadline = 0, time.monotonic() + BATCH_SECONDS
        while records < BATCH_RECORDS and time.monotonic() < deadline:
            for message in consumer.consume(_POLL_RECORDS, _POLL_SECONDS):
                if message.error():
                    raise KafkaException(message.error())
                value = message.value()
                assert value is not None
                records += 1
                change = decoder.change_in(value)
                if change is not None:
                    changes.append(change)
        if records:
            yield changes


if __name__ == "__main__":
    main()
