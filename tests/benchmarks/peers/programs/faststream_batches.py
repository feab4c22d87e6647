"""FastStream with its confluent-kafka broker: a batch subscriber, acknowledged after the handler.

As its documentation has it for at-least-once: an explicit `ack_policy` instead of the default `ACK_FIRST`, which lets
librdkafka commit on a timer. `NACK_ON_ERROR` seeks back to the batch when the handler raises. A custom decoder reads
Avro; `apply_types=False` because there is nothing for pydantic to validate, which costs as much as decoding. The handler
is a plain function, which FastStream runs in a thread.
"""

import asyncio
from functools import partial

from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage

from tests.benchmarks.peers.programs.job import Change, Decoder, folded
from tests.benchmarks.peers.programs.liveintent import LiveIntent, kept_session, schema_text
from tests.benchmarks.peers.programs.surroundings import (
    BATCH_RECORDS,
    BATCH_SECONDS,
    surroundings,
)


def application() -> FastStream:
    """The broker with its one subscriber."""
    around = surroundings()
    session = kept_session()
    decoder = Decoder(partial(schema_text, session, around))
    liveintent = LiveIntent(session, around)
    broker = KafkaBroker(around.bootstrap_servers, apply_types=False)

    async def changes_in(message: KafkaMessage) -> list[Change]:
        found = (decoder.change_in(record.value()) for record in message.raw_message)
        return [change for change in found if change is not None]

    @broker.subscriber(
        around.topic,
        group_id=around.group,
        auto_offset_reset="earliest",
        session_timeout_ms=around.session_ms,
        heartbeat_interval_ms=around.session_ms // 6,
        batch=True,
        max_records=BATCH_RECORDS,
        polling_interval=BATCH_SECONDS,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        decoder=changes_in,
    )
    def upload(changes: list[Change]) -> None:
        liveintent.upload_all(folded(changes))

    return FastStream(broker)


if __name__ == "__main__":
    asyncio.run(application().run())
