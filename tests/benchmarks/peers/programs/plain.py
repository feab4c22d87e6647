"""What an engineer writes on the first day: one record, one upload, one commit.

confluent-kafka's own example of at-least-once consuming (poll, work, commit with auto-commit off), fastavro, requests.
Commits are asynchronous, the faster of the two ways. Any error that outlasts the retries ends the process; whoever
restarts it (Kubernetes; here the runner) has it begin again at the last commit.
"""

from functools import partial

from confluent_kafka import Consumer, KafkaException

from tests.benchmarks.peers.programs.job import Decoder, folded
from tests.benchmarks.peers.programs.liveintent import LiveIntent, kept_session, schema_text
from tests.benchmarks.peers.programs.surroundings import Surroundings, surroundings

POLL_SECONDS = 1.0


def main() -> None:
    around = surroundings()
    session = kept_session()
    decoder = Decoder(partial(schema_text, session, around))
    liveintent = LiveIntent(session, around)
    consumer = joined(around)
    while True:
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        value = message.value()
        assert value is not None
        change = decoder.change_in(value)
        if change is not None:
            liveintent.upload_all(folded([change]))
        consumer.commit(message=message, asynchronous=True)


def joined(around: Surroundings) -> Consumer:
    """A member of the group that commits only what it is told to."""
    consumer = Consumer(
        {
            "bootstrap.servers": around.bootstrap_servers,
            "group.id": around.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": around.session_ms,
            "heartbeat.interval.ms": around.session_ms // 6,
        }
    )
    consumer.subscribe([around.topic])
    return consumer


if __name__ == "__main__":
    main()
