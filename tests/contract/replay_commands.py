"""The replay commands as somebody at a shell meets them, and a group whose offsets they move."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from typer.testing import CliRunner

from consumer.cli.app import app
from consumer.errors import SegmentLiveIntentError
from tests.contract.dead_letter_commands import Outcome
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord, committed, produce, unique_name

PARTITIONS = 2
JOIN_SECONDS = 30
# Lately: a real broker deletes what is older than a week.
FIRST_MS = (int(time.time()) - 3600) * 1000


def replay(environ: Mapping[str, str], *arguments: str, stdin: str = "") -> Outcome:
    """Run `segment-liveintent replay ...` with these settings and none of the developer's own."""
    others = {name: None for name in os.environ if name.startswith(("KAFKA_", "LIVEINTENT_"))}
    result = CliRunner().invoke(app, ["replay", *arguments], input=stdin, env={**others, **environ})
    error = result.exception
    if isinstance(error, SegmentLiveIntentError):
        return Outcome(error.exit_code, result.stdout, f"{result.stderr}{error}\n")
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Outcome(result.exit_code, result.stdout, result.stderr)


@dataclass
class GroupOfTests:
    """A topic and a group of its own on a cluster. Every call blocks."""

    cluster: KafkaCluster
    topic: str
    group: str
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        brokers_decide = "group.protocol" in self.properties
        session = {} if brokers_decide else {"session.timeout.ms": "6000"}
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.cluster.bootstrap_servers,
            "KAFKA_TOPICS": self.topic,
            "KAFKA_GROUP_ID": self.group,
            "KAFKA_PROPERTIES": json.dumps(
                {**session, "fetch.wait.max.ms": "20", **self.properties}
            ),
        }

    def run(self, *arguments: str, stdin: str = "") -> Outcome:
        return replay(self.environ, *arguments, stdin=stdin)

    def plan(self, *arguments: str) -> dict[str, Any]:
        """A plan that can be carried out."""
        planned = self.run("plan", "--json", *arguments)
        assert planned.code == 0, planned.said
        return planned.objects[0]

    def apply(self, sha256: str, *arguments: str, name: str = "one") -> Outcome:
        return self.run("apply", "--expect-plan", sha256, "--id", name, *arguments)

    def write(self, count: int, *, partition: int = 0, first_ms: int = FIRST_MS) -> None:
        """Write records a second apart."""
        produce(
            self.cluster.bootstrap_servers,
            self.topic,
            [NewRecord(None, b"x", (), partition, first_ms + 1000 * i) for i in range(count)],
        )

    def member(self, **properties: str) -> Consumer:
        """Somebody who has joined the group, and reads."""
        session = {} if "group.protocol" in properties else {"session.timeout.ms": "6000"}
        consumer = Consumer(
            {
                "bootstrap.servers": self.cluster.bootstrap_servers,
                "group.id": self.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                **session,
                **properties,
            }
        )
        consumer.subscribe([self.topic])
        assert consumer.consume(1, JOIN_SECONDS)
        return consumer

    def commit(self, offsets: Mapping[int, int], **properties: str) -> None:
        """Have a member commit these offsets and leave."""
        member = self.member(**properties)
        places = [TopicPartition(self.topic, number, each) for number, each in offsets.items()]
        member.commit(offsets=places, asynchronous=False)
        member.close()

    def committed(self) -> dict[int, int]:
        return committed(self.cluster.bootstrap_servers, self.group, self.topic, range(PARTITIONS))


def a_group(cluster: KafkaCluster, *, partitions: int = PARTITIONS) -> GroupOfTests:
    topic = unique_name("events")
    cluster.create_topic(topic, partitions=partitions)
    return GroupOfTests(cluster, topic, unique_name("group"))


def moment(seconds: int) -> str:
    """The time of the record that was written so many seconds after the first."""
    return datetime.fromtimestamp(FIRST_MS / 1000 + seconds, UTC).isoformat()


def targets(plan: Mapping[str, Any]) -> dict[int, int]:
    return {each["partition"]: each["target"] for each in plan["partitions"]}


def results(outcome: Outcome) -> Sequence[str]:
    return [each["result"] for each in outcome.objects[-1]["partitions"]]
