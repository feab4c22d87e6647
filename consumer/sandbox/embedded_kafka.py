"""A Kafka cluster inside this process, for the demo and the tests: librdkafka's own mock cluster.

It is a stand-in. Clients reach it over TCP like any broker, but it keeps records in memory and only the newest 5 MiB
of a partition, speaks plaintext only, cannot find offsets by time, knows no quotas, compaction or static members, and
returns aborted transactions to everybody. What needs those is tested against a real Apache Kafka.
"""

from collections.abc import Mapping
from ctypes import c_int
from enum import IntEnum
from types import MappingProxyType, TracebackType
from typing import Final, Self

from confluent_kafka import Producer

from consumer.sandbox import librdkafka_mock
from consumer.sandbox.librdkafka_mock import CLOSED, EmbeddedKafkaError, MockCluster

__all__ = [
    "ALL_BROKERS",
    "CONSUMER_PROPERTIES",
    "PRODUCER_PROPERTIES",
    "ApiKey",
    "EmbeddedKafka",
    "EmbeddedKafkaError",
    "FaultsUnavailable",
]

ALL_BROKERS: Final = -1
_REPLICAS: Final = 1
_METADATA_SECONDS: Final = 10

# The mock answers an empty fetch only when its wait is over, even if records came meanwhile, and lets members of a
# group rejoin until a second before the session ends: both waits are kept short. Longer back-offs than these would
# outlast a test's broker failure.
CONSUMER_PROPERTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fetch.wait.max.ms": "10",
        "fetch.queue.backoff.ms": "10",
        "session.timeout.ms": "2000",
        "heartbeat.interval.ms": "100",
        "reconnect.backoff.ms": "10",
        "reconnect.backoff.max.ms": "100",
        "retry.backoff.ms": "10",
        "retry.backoff.max.ms": "100",
        "topic.metadata.refresh.interval.ms": "1000",
    }
)
PRODUCER_PROPERTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "linger.ms": "5",
        "reconnect.backoff.ms": "10",
        "reconnect.backoff.max.ms": "100",
        "retry.backoff.ms": "10",
        "retry.backoff.max.ms": "100",
    }
)


class ApiKey(IntEnum):
    """The requests the cluster can be told to refuse, by their number in Kafka's protocol."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    OFFSET_FOR_LEADER_EPOCH = 23
    ADD_PARTITIONS_TO_TXN = 24
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28
    CONSUMER_GROUP_HEARTBEAT = 68


class FaultsUnavailable(EmbeddedKafkaError):
    """This build of confluent-kafka hides librdkafka's mock functions, so nothing can be changed from outside."""

    def __init__(self) -> None:
        super().__init__(
            "librdkafka's mock functions (rd_kafka_mock_cluster_new and others) were found neither through "
            "confluent_kafka.cimpl nor in confluent_kafka.libs or confluent_kafka/.dylibs. Records flow, but errors "
            "cannot be injected. Install the binary wheel of confluent-kafka 2.12 or newer for Linux or macOS."
        )


class EmbeddedKafka:
    """A stand-in for a Kafka cluster: librdkafka's mock cluster, on random ports of 127.0.0.1.

    It runs in threads of librdkafka, from construction to `close`; its topics and groups go with it. Brokers are
    numbered from 1. Every method may be called from any thread, answers within milliseconds, and raises
    `EmbeddedKafkaError` where librdkafka refuses, or when the cluster is closed.

    Where librdkafka's mock functions cannot be reached, records still flow, but a topic gets the mock's own number of
    partitions (4) and the methods that make trouble raise `FaultsUnavailable`: see `has_faults`.
    """

    def __init__(self, *, brokers: int = 1) -> None:
        if brokers < 1:
            message = f"a cluster needs at least one broker, not {brokers}"
            raise ValueError(message)
        library = librdkafka_mock.load()
        self.has_faults = library is not None
        self._cluster: MockCluster | _FaultlessCluster = (
            _FaultlessCluster(brokers=brokers)
            if library is None
            else MockCluster(library, brokers=brokers)
        )
        self.bootstrap_servers = self._cluster.bootstrap_servers

    def create_topic(self, topic: str, *, partitions: int) -> None:
        """Create a topic that does not exist yet. Topics nobody created appear on first use, with 4 partitions."""
        if isinstance(self._cluster, _FaultlessCluster):
            self._cluster.create_topic(topic)
        else:
            name = topic.encode()
            self._cluster.ask("rd_kafka_mock_topic_create", name, partitions, _REPLICAS)

    def push_errors(self, api: ApiKey, *codes: int) -> None:
        """Answer the next requests of this kind, one each, with these error codes, at whichever broker they arrive.

        Codes are Kafka's, as in `confluent_kafka.KafkaError`; `KafkaError._TRANSPORT` drops the connection instead,
        and 0 lets one request pass.
        """
        array = (c_int * len(codes))(*codes)
        self._mock.tell("rd_kafka_mock_push_request_errors_array", api, len(codes), array)

    def set_topic_error(self, topic: str, code: int) -> None:
        """Answer every question about this topic's place with this error code, until it is set to 0."""
        self._mock.tell("rd_kafka_mock_topic_set_error", topic.encode(), code)

    def clear_errors(self, api: ApiKey) -> None:
        """Forget the errors pushed for this kind of request and not yet used."""
        self._mock.tell("rd_kafka_mock_clear_request_errors", api)

    def set_broker_down(self, broker_id: int = ALL_BROKERS) -> None:
        """Drop a broker's connections and refuse new ones; every broker when none is named. Leaders do not move."""
        self._mock.ask("rd_kafka_mock_broker_set_down", broker_id)

    def set_broker_up(self, broker_id: int = ALL_BROKERS) -> None:
        """Let a broker accept connections again; every broker when none is named."""
        self._mock.ask("rd_kafka_mock_broker_set_up", broker_id)

    def set_rtt(self, broker_id: int, milliseconds: int) -> None:
        """Delay every answer of a broker by this much."""
        self._mock.ask("rd_kafka_mock_broker_set_rtt", broker_id, milliseconds)

    def close(self) -> None:
        """Stop the brokers. Closing again does nothing. Close clients first, or they go on trying to reconnect."""
        self._cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _mock(self) -> MockCluster:
        if isinstance(self._cluster, _FaultlessCluster):
            raise FaultsUnavailable
        return self._cluster


class _FaultlessCluster:
    """The mock cluster that an ordinary client brings up for itself: it serves, and cannot be told to fail."""

    def __init__(self, *, brokers: int) -> None:
        self._client: Producer | None = Producer({"test.mock.num.brokers": brokers, "log_level": 2})
        found = self._client.list_topics(timeout=_METADATA_SECONDS).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in found)

    def create_topic(self, topic: str) -> None:
        if self._client is None:
            raise EmbeddedKafkaError(CLOSED)
        self._client.list_topics(topic, timeout=_METADATA_SECONDS)

    def close(self) -> None:
        self._client = None
