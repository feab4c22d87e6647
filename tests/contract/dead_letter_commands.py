"""The dead-letter commands as somebody at a shell meets them, and a dead-letter topic for them to look at."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from typer.testing import CliRunner

from consumer.cli.app import app
from consumer.errors import SegmentLiveIntentError
from consumer.kafka.dead_letter_headers import Header, dead_letter_headers
from consumer.kafka.redrive_headers import read_marker
from consumer.record import KafkaRecord
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES
from tests.kafka_cluster import ClusterKind, KafkaCluster
from tests.kafka_cluster.topics import NewRecord, Written, consume_all, produce, unique_name
from tests.segment_events import KEY as AUDIENCE
from tests.segment_events import Fields
from tests.unit.kafka.letters import FAILURE

PARTITIONS = 2
KEY, VALUE = b"user-ana.ruiz@example.com", b'{"email": "ana.ruiz@example.com"}'
# The mock cluster writes the end of a transaction without a checksum.
EMBEDDED_PROPERTIES = {**CONSUMER_PROPERTIES, "check.crcs": "false"}
ON_A_TERMINAL = {"FORCE_COLOR": "1", "COLUMNS": "220"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind. `said` is standard error, and the sentence of an error that ended it."""

    code: int
    out: str
    said: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def command(environ: Mapping[str, str], *arguments: str, stdin: str = "") -> Outcome:
    """Run `segment-liveintent dead-letters ...` with these settings and none of the developer's own."""
    others = {name: None for name in os.environ if name.startswith(("KAFKA_", "LIVEINTENT_"))}
    result = CliRunner().invoke(
        app, ["dead-letters", *arguments], input=stdin, env={**others, **environ}
    )
    error = result.exception
    if isinstance(error, SegmentLiveIntentError):
        return Outcome(error.exit_code, result.stdout, f"{result.stderr}{error}\n")
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Outcome(result.exit_code, result.stdout, result.stderr)


@dataclass(frozen=True, slots=True)
class Topics:
    """A topic with events and one with dead letters, and the settings that name them. Every call blocks."""

    cluster: KafkaCluster
    events: str
    dead: str
    environ: dict[str, str]

    def fail(self, *letters: NewRecord) -> list[Written]:
        """Write dead letters as they are given."""
        return produce(self.cluster.bootstrap_servers, self.dead, letters)

    def letter(
        self,
        *,
        key: bytes | None = KEY,
        value: bytes | None = VALUE,
        own: Sequence[Header] = (("trace", b"abc"),),
        partition: int = 0,
        failed_at_ms: int | None = None,
        origin_partition: int = 1,
        **failure: object,
    ) -> NewRecord:
        """A dead letter for `fail`; `failure` overrides the fields of one."""
        fields: dict[str, Any] = {"topic": self.events, "partition": origin_partition, **failure}
        headers = dead_letter_headers(own, replace(FAILURE, **fields))
        return NewRecord(key, value, headers, partition, failed_at_ms)

    def encoded(self, event: Fields) -> bytes:
        """An event as JSON."""
        return json.dumps(event).encode()

    @property
    def membership(self) -> dict[str, str]:
        """The settings an event is explained by."""
        return {"LIVEINTENT_AUDIENCES": AUDIENCE, "EVENT_FORMAT": "json"}

    def put_back(self) -> list[KafkaRecord]:
        """What stands on the topic of events."""
        return consume_all(self.cluster.bootstrap_servers, self.events)

    def marked(self) -> list[str]:
        """The dead letters there are markers for."""
        found = consume_all(self.cluster.bootstrap_servers, self.dead)
        places = (read_marker(record.headers) for record in found)
        return sorted(str(place) for place in places if place is not None)

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Outcome:
        return command({**self.environ, **environ}, *arguments, stdin=stdin)


def topics_on(cluster: KafkaCluster) -> Topics:
    """Two new topics."""
    events, dead = unique_name("events"), unique_name("dead-letters")
    cluster.create_topic(events, partitions=PARTITIONS)
    cluster.create_topic(dead, partitions=PARTITIONS)
    properties = EMBEDDED_PROPERTIES if cluster.kind is ClusterKind.EMBEDDED else {}
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "KAFKA_TOPICS": events,
        "KAFKA_GROUP_ID": unique_name("group"),
        "KAFKA_DEAD_LETTER_TOPIC": dead,
        "KAFKA_PROPERTIES": json.dumps(dict(properties)),
    }
    return Topics(cluster, events, dead, environ)
