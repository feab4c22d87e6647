"""Bytewax: a dataflow that collects the changes of each audience by number and time into a sink of ours.

Run by `python -m bytewax.run` with recovery on, as its documentation has it for at-least-once: offsets are in Bytewax's own
snapshots on disk, one every second (no consumer group), and a restart goes on from the latest. One worker.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from bytewax import operators
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from tests.benchmarks.peers.programs.job import Change, Decoder, folded
from tests.benchmarks.peers.programs.liveintent import LiveIntent, kept_session, schema_text
from tests.benchmarks.peers.programs.surroundings import (
    BATCH_RECORDS,
    BATCH_SECONDS,
    Surroundings,
    surroundings,
)

Collected = tuple[str, Sequence[Change]]


class _Uploads(StatelessSinkPartition[Collected]):
    def __init__(self, liveintent: LiveIntent) -> None:
        self._liveintent = liveintent

    def write_batch(self, items: list[Collected]) -> None:
        """Upload what was collected."""
        for _, changes in items:
            self._liveintent.upload_all(folded(changes))


class LiveIntentSink(DynamicSink[Collected]):
    """One uploader for each worker."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Uploads:
        """The uploader of a worker."""
        return _Uploads(LiveIntent(kept_session(), self._around))


def dataflow() -> Dataflow:
    """Records, changes, batches by audience, uploads."""
    around = surroundings()
    decoder = Decoder(partial(schema_text, kept_session(), around))

    def change_in(message: KafkaSourceMessage[bytes | None, bytes | None]) -> Change | None:
        assert message.value is not None
        return decoder.change_in(message.value)

    flow = Dataflow("liveintent")
    records = kafka.input(
        "records",
        flow,
        brokers=[around.bootstrap_servers],
        topics=[around.topic],
        batch_size=BATCH_RECORDS,
    )
    changes = operators.filter_map("changes", records.oks, change_in)
    by_audience = operators.key_on("by-audience", changes, lambda change: change.audience)
    batches = operators.collect(
        "batches", by_audience, timedelta(seconds=BATCH_SECONDS), BATCH_RECORDS
    )
    operators.output("uploads", batches, LiveIntentSink(around))
    return flow
