"""What a service process talks to: Kafka of either kind, and LiveIntent and a schema registry as stand-ins."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from consumer.kafka.dead_letter_headers import Failure, read_failure
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES
from consumer.sandbox.liveintent_server import (
    BreachKind,
    Fault,
    LiveIntentSandbox,
    SandboxOptions,
    UploadView,
)
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.sandbox.segment_encoders import as_avro_confluent, segment_event_schema
from consumer.sandbox.segment_feed import FeedOptions, segment_feed
from consumer.sandbox.segment_intents import FeedItem
from tests.kafka_cluster import ClusterKind, KafkaCluster
from tests.kafka_cluster.topics import (
    committed,
    consume_all,
    end_offsets,
    produce,
    unique_name,
)
from tests.ports import LOOPBACK
from tests.scenarios.process import eventually

CONSENT_CATEGORY = "Advertising"
# A killed member holds on to its partitions until its session ends; the embedded cluster's sessions are as short.
REAL_CONSUMER_PROPERTIES = {"session.timeout.ms": "3000", "heartbeat.interval.ms": "500"}
ANSWER_SECONDS = 10
QUICK = SandboxOptions(processing_seconds=0.1)
T = TypeVar("T")


class Surroundings:
    """Two topics on a cluster, a LiveIntent and a schema registry; the stand-ins answer on a thread of their own.

    Every call blocks for a moment at most. `settings` is what a service has to be told to work here; it holds a
    (made up) token.
    """

    def __init__(self, cluster: KafkaCluster, *, partitions: int, options: SandboxOptions) -> None:
        self.cluster = cluster
        self.topic = unique_name("events")
        self.dead_letter_topic = unique_name("dead-letters")
        self.group = unique_name("service")
        self._partitions = partitions
        self._options = options
        self._liveintent = LiveIntentSandbox(options)
        self._registry = SchemaRegistrySandbox()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-ins")

    def start(self) -> None:
        self.cluster.create_topic(self.topic, partitions=self._partitions)
        self.cluster.create_topic(self.dead_letter_topic, partitions=1)
        self._thread.start()
        liveintent_url = self._on_loop(self._liveintent.start())
        registry_url = self._on_loop(self._registry.start())
        self._schema_id = self._registry.register(f"{self.topic}-value", segment_event_schema())
        embedded = self.cluster.kind is ClusterKind.EMBEDDED
        properties = CONSUMER_PROPERTIES if embedded else REAL_CONSUMER_PROPERTIES
        self.settings: Mapping[str, str] = {
            "LIVEINTENT_URL": liveintent_url,
            "LIVEINTENT_API_KEY": self._options.token,
            "LIVEINTENT_ACCOUNT_ID": str(self._options.account_id),
            "LIVEINTENT_DATA_PROVIDER_ID": str(self._options.data_provider_id),
            "LIVEINTENT_AUDIENCES": ",".join(FeedOptions().audiences),
            "LIVEINTENT_REQUESTS_PER_SECOND": "500",
            "LIVEINTENT_CONCURRENCY": "8",
            "SEGMENT_CONSENT_CATEGORIES": CONSENT_CATEGORY,
            "UPLOAD_POLL_SECONDS": "0.05",
            "UPLOAD_POLL_MAX_SECONDS": "0.2",
            "FLUSH_SECONDS": "0.5",
            "KAFKA_BOOTSTRAP_SERVERS": self.cluster.bootstrap_servers,
            "KAFKA_TOPICS": self.topic,
            "KAFKA_GROUP_ID": self.group,
            "KAFKA_DEAD_LETTER_TOPIC": self.dead_letter_topic,
            "KAFKA_FIRST_START": "earliest",
            "KAFKA_PROPERTIES": json.dumps(dict(properties)),
            "KAFKA_COMMIT_SECONDS": "0.2",
            "SCHEMA_REGISTRY_URL": registry_url,
            "DRAIN_SECONDS": "15",
            "HTTP_HOST": LOOPBACK,
            "HTTP_PORT": "0",
        }

    def stop(self) -> None:
        self._on_loop(self._liveintent.stop())
        self._on_loop(self._registry.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # LiveIntent

    def members_as(self, oracle: Oracle) -> dict[str, dict[str, set[str]]]:
        """Return who is in each audience the oracle knows, in the oracle's own form."""
        names = list(oracle.members())
        return self._asked(lambda: {name: self._liveintent.members(name) for name in names})

    def members(self, audience: str) -> dict[str, set[str]]:
        return self._asked(lambda: self._liveintent.members(audience))

    def uploads(self) -> list[UploadView]:
        return self._asked(self._liveintent.uploads)

    def uploads_under_way(self) -> list[UploadView]:
        return [each for each in self.uploads() if each.finished_at is None]

    def breaches(self) -> set[BreachKind]:
        return self._asked(lambda: {breach.kind for breach in self._liveintent.breaches})

    def lose_liveintent(self) -> None:
        """Close its port: connections are refused from now on."""
        self._on_loop(self._liveintent.stop())

    def lose_registry(self) -> None:
        """The same for the schema registry."""
        self._on_loop(self._registry.stop())

    def add_fault(self, fault: Fault) -> None:
        self._asked(lambda: self._liveintent.faults.add(fault))

    def clear_faults(self) -> None:
        self._asked(self._liveintent.faults.clear)

    # Kafka

    def uncommitted(self) -> int:
        """Return how many records lie between what the group has committed and the ends of the partitions."""
        ends = end_offsets(self.cluster.bootstrap_servers, self.topic)
        return sum(ends.values()) - sum(self.committed().values())

    def committed(self) -> dict[int, int]:
        return committed(
            self.cluster.bootstrap_servers, self.group, self.topic, range(self._partitions)
        )

    def wait_until_all_committed(self, *, seconds: float) -> None:
        eventually("all is committed", lambda: self.uncommitted() == 0, seconds=seconds)

    def dead_letters(self) -> list[Failure]:
        """Return why each record on the dead-letter topic is there, and where it came from."""
        found = consume_all(self.cluster.bootstrap_servers, self.dead_letter_topic)
        failures = [read_failure(letter.headers) for letter in found]
        return [failure for failure in failures if failure is not None]

    def produce(self, items: Sequence[FeedItem], oracle: Oracle) -> None:
        """Produce the next items of a feed, in Avro, and tell the oracle of them."""
        records = [(item.key, as_avro_confluent(item.value, self._schema_id)) for item in items]
        produce(self.cluster.bootstrap_servers, self.topic, records)
        for item in items:
            oracle.see(item)

    def produce_feed(self, options: FeedOptions) -> Oracle:
        """Produce a whole feed, and return what must come of it."""
        oracle = Oracle(options.audiences)
        self.produce(list(segment_feed(options)), oracle)
        return oracle

    def _asked(self, question: Callable[[], T]) -> T:
        async def ask() -> T:
            return question()

        return self._on_loop(ask())

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)


@contextmanager
def surroundings(
    cluster: KafkaCluster, *, partitions: int = 3, options: SandboxOptions | None = None
) -> Iterator[Surroundings]:
    around = Surroundings(cluster, partitions=partitions, options=options or QUICK)
    around.start()
    try:
        yield around
    finally:
        around.stop()
