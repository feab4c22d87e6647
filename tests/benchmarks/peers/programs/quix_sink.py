"""Quix Streams: a streaming dataframe into a `BatchingSink` of ours, at-least-once, as its documentation has it.

A sink's batches are per partition, and are written at each checkpoint: after so many records or seconds. What LiveIntent
goes on refusing becomes `SinkBackpressureError`: the batch is dropped, the consumer is paused and then reads from the last
checkpoint again.
"""

from functools import partial

import requests
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBackpressureError, SinkBatch

from tests.benchmarks.peers.programs.job import Decoder, folded
from tests.benchmarks.peers.programs.liveintent import LiveIntent, kept_session, schema_text
from tests.benchmarks.peers.programs.surroundings import (
    BATCH_RECORDS,
    BATCH_SECONDS,
    surroundings,
)

_PAUSE_SECONDS = 1.0


class LiveIntentSink(BatchingSink):
    """Folds what a partition brought since the last checkpoint, and uploads it."""

    def __init__(self, liveintent: LiveIntent) -> None:
        super().__init__()
        self._liveintent = liveintent

    def write(self, batch: SinkBatch) -> None:
        """Upload the batch."""
        try:
            self._liveintent.upload_all(folded(item.value for item in batch))
        except requests.RequestException as error:
            raise SinkBackpressureError(retry_after=_PAUSE_SECONDS) from error


def main() -> None:
    around = surroundings()
    session = kept_session()
    decoder = Decoder(partial(schema_text, session, around))
    application = Application(
        broker_address=around.bootstrap_servers,
        consumer_group=around.group,
        auto_offset_reset="earliest",
        commit_interval=BATCH_SECONDS,
        commit_every=BATCH_RECORDS,
        processing_guarantee="at-least-once",
        consumer_extra_config={
            "session.timeout.ms": around.session_ms,
            "heartbeat.interval.ms": around.session_ms // 6,
        },
    )
    events = application.topic(around.topic, key_deserializer="bytes", value_deserializer="bytes")
    changes = application.dataframe(events).apply(decoder.change_in)
    changes.filter(lambda change: change is not None).sink(
        LiveIntentSink(LiveIntent(session, around))
    )
    application.run()


if __name__ == "__main__":
    main()
