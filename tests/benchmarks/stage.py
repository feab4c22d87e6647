"""Where a run takes place: the broker, its topics, and what a service is told."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumer.choices import DirectCallSink
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES
from consumer.sandbox.segment_feed import AUDIENCES
from tests.benchmarks.broker import Broker
from tests.benchmarks.feeds import Feed
from tests.benchmarks.filling import fill
from tests.benchmarks.stand_ins import StandIns
from tests.kafka_cluster import ClusterKind
from tests.kafka_cluster.topics import unique_name
from tests.ports import LOOPBACK

PARTITIONS = 12
# The embedded cluster takes about a session for a rebalance, and a busy machine must not lose members.
_SESSION = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
_NO_LIMIT = "100000"

# Files go out, and are asked after, as fast as will be; all else is as a user finds it.
SETTINGS: Mapping[str, str] = {
    "FLUSH_SECONDS": "1",
    "UPLOAD_POLL_SECONDS": "0.1",
    "UPLOAD_POLL_MAX_SECONDS": "0.2",
    "LIVEINTENT_REQUESTS_PER_SECOND": "1000",
    "LIVEINTENT_CONCURRENCY": "8",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that is filled already, and what is on it."""

    name: str
    feed: Feed
    partitions: int = PARTITIONS


@dataclass(frozen=True, slots=True)
class Stage:
    """What all runs share. `directory` takes what processes print."""

    broker: Broker
    directory: Path
    more_settings: Mapping[str, str]

    def new_topic(self, stem: str, *, partitions: int = PARTITIONS) -> str:
        """Create an empty topic that no other run knows."""
        name = unique_name(stem)
        self.broker.create_topic(name, partitions=partitions)
        return name

    def topic_of(self, stem: str, feed: Feed, *, partitions: int = PARTITIONS) -> Topic:
        """Create a topic and fill it."""
        name = self.new_topic(stem, partitions=partitions)
        fill(self.broker.bootstrap_servers, name, feed.records)
        return Topic(name, feed, partitions)

    def settings(
        self,
        stand_ins: StandIns,
        topic: str,
        *,
        sink: DirectCallSink | None = None,
        audiences: Iterable[str] = AUDIENCES,
    ) -> dict[str, str]:
        """What a service of a new group is told. Holds a (made up) token."""
        properties: dict[str, str] = {}
        if self.broker.kind is ClusterKind.EMBEDDED:
            properties = {**CONSUMER_PROPERTIES, **_SESSION}
        return {
            **stand_ins.settings,
            "LIVEINTENT_AUDIENCES": ",".join(audiences),
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "KAFKA_TOPICS": topic,
            "KAFKA_GROUP_ID": unique_name("bench"),
            "KAFKA_DEAD_LETTER_TOPIC": self.new_topic("dead-letters", partitions=1),
            "KAFKA_FIRST_START": "earliest",
            "KAFKA_PROPERTIES": json.dumps(properties),
            "HTTP_HOST": LOOPBACK,
            "HTTP_PORT": "0",
            "LOG_FORMAT": "json",
            **SETTINGS,
            **(_direct_calls(sink) if sink is not None else {}),
            **self.more_settings,
        }


def _direct_calls(sink: DirectCallSink) -> dict[str, str]:
    return {
        "LIVEINTENT_AUDIENCES": "",
        "LIVEINTENT_APP_ID": "a-test",
        "LIVEINTENT_PIXEL_ID": "4711",
        "DIRECT_CALLS": "page,track",
        "DIRECT_CALL_SINK": str(sink),
        "DIRECT_CALL_REQUESTS_PER_SECOND": _NO_LIMIT,
        "DIRECT_CALL_CONCURRENCY": "64",
        "DIRECT_CALL_MAX_AGE_SECONDS": "86400",
    }
