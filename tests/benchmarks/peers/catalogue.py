"""Who is compared: how each is started, and how it is set."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.benchmarks.peers.environments import interpreter, version_of
from tests.benchmarks.peers.programs.surroundings import BATCH_RECORDS, BATCH_SECONDS
from tests.benchmarks.stage import SETTINGS
from tests.kafka_cluster.maven import fetched_jars

OURS = "ours"
OURS_CALLS = "ours_direct_calls"
SESSION_MS = 6_000
"""How long a killed member holds its partitions. Kafka's default of 45 s would only be waited for."""

_PROGRAMS = "tests.benchmarks.peers.programs"
_BATCH = f"{BATCH_RECORDS:,} records or {BATCH_SECONDS} s"
_CAMEL_VERSION = "4.14.0"
_CAMEL_PARTS = ("main", "kafka", "http", "yaml-dsl")
_CAMEL = (
    *(f"org.apache.camel:camel-{part}:{_CAMEL_VERSION}" for part in _CAMEL_PARTS),
    "org.slf4j:slf4j-simple:2.0.17",
)  # fmt: skip
_ROUTE = Path(__file__).parent / "programs" / "camel_route.yaml"


class Work(StrEnum):
    """What there is to do."""

    MEMBERS = "members"
    """Decode Avro, find the changes of membership, upload them."""
    CALLS = "calls"
    """Send orders to the Conversions API, from Segment's events."""
    MAPPED_CALLS = "mapped_calls"
    """Send orders to the Conversions API that are mapped for it already."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place. `liveintent` holds the stand-ins' addresses and (made up) tokens."""

    bootstrap_servers: str
    topic: str
    liveintent: Mapping[str, str]


Command = Callable[[Path], Sequence[Sequence[str]]]
"""The commands to run in a directory of the run's own: what prepares it, then, last, the peer itself."""
Environment = Callable[[Place], Mapping[str, str]]


def _theirs(place: Place) -> Mapping[str, str]:
    return {
        **place.liveintent,
        "KAFKA_BOOTSTRAP_SERVERS": place.bootstrap_servers,
        "KAFKA_GROUP_ID": f"{place.topic}-group",
        "KAFKA_TOPIC": place.topic,
        "KAFKA_SESSION_MS": str(SESSION_MS),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One alternative. `share` is how much of the feed it gets: less for who is slow, so that a run ends."""

    name: str
    version: Callable[[], str]
    commands: Command
    environment: Environment = _theirs
    work: Work = Work.MEMBERS
    batch: str
    commit: str
    guarantee: str
    share: float = 1.0

    @property
    def is_ours(self) -> bool:
        """Whether it is our own service."""
        return self.name in {OURS, OURS_CALLS}


def _program(requirements: str, module: str) -> Command:
    def commands(_directory: Path) -> Sequence[Sequence[str]]:
        return [[str(interpreter(requirements)), "-m", f"{_PROGRAMS}.{module}"]]

    return commands


def _our_command(_directory: Path) -> Sequence[Sequence[str]]:
    return [[sys.executable, "-m", "consumer", "run"]]


def _bytewax(directory: Path) -> Sequence[Sequence[str]]:
    python = str(interpreter("bytewax"))
    snapshots = str(directory / "snapshots")
    flow = f"{_PROGRAMS}.bytewax_flow:dataflow"
    run = [python, "-m", "bytewax.run", flow, "-r", snapshots, "-s", "1", "-b", "0"]
    return [["mkdir", snapshots], [python, "-m", "bytewax.recovery", snapshots, "1"], run]


def _camel(_directory: Path) -> Sequence[Sequence[str]]:
    jars = fetched_jars(f"camel-{_CAMEL_VERSION}", *_CAMEL)
    properties = (
        f"-Dcamel.main.routesIncludePattern=file:{_ROUTE}",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    )
    return [["java", "-Xmx256m", *properties, "-cp", f"{jars}/*", "org.apache.camel.main.Main"]]


def _ours(place: Place) -> Mapping[str, str]:
    session = {
        "session.timeout.ms": str(SESSION_MS),
        "heartbeat.interval.ms": str(SESSION_MS // 6),
    }
    return {
        **place.liveintent,
        **SETTINGS,
        "KAFKA_BOOTSTRAP_SERVERS": place.bootstrap_servers,
        "KAFKA_GROUP_ID": f"{place.topic}-group",
        "KAFKA_TOPICS": place.topic,
        "KAFKA_DEAD_LETTER_TOPIC": f"{place.topic}-dead-letters",
        "KAFKA_FIRST_START": "earliest",
        "KAFKA_PROPERTIES": json.dumps(session),
        "LIVEINTENT_AUDIENCES": "*",
        "FLUSH_SECONDS": str(BATCH_SECONDS),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }


def _our_calls(place: Place) -> Mapping[str, str]:
    return {
        **_ours(place),
        "EVENT_FORMAT": "json",
        "LIVEINTENT_AUDIENCES": "",
        "LIVEINTENT_APP_ID": "a-test",
        "LIVEINTENT_PIXEL_ID": "4711",
        "DIRECT_CALLS": "page,track",
        "DIRECT_CALL_SINK": "conversions",
        # The peers know no limit.
        "DIRECT_CALL_REQUESTS_PER_SECOND": "100000",
        "DIRECT_CALL_MAX_AGE_SECONDS": "86400",
    }


def _version(requirements: str, *packages: str) -> Callable[[], str]:
    return lambda: ", ".join(f"{name} {version_of(requirements, name)}" for name in packages)


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            name=OURS,
            version=lambda: "this checkout",
            commands=_our_command,
            environment=_ours,
            batch=f"{BATCH_SECONDS} s (FLUSH_SECONDS), folded per audience",
            commit="the lowest unfinished offset, every second",
            guarantee="at least once, to Finished at LiveIntent",
        ),
        Peer(
            name="plain",
            version=_version("plain", "confluent-kafka", "fastavro", "requests"),
            commands=_program("plain", "plain"),
            batch="none: one upload a record",
            commit="after each record, asynchronous",
            guarantee="at least once, to the PUT",
            share=0.04,
        ),
        Peer(
            name="plain_batched",
            version=_version("plain", "confluent-kafka", "fastavro", "requests"),
            commands=_program("plain", "plain_batched"),
            batch=f"{_BATCH}, folded",
            commit="after each batch, synchronous",
            guarantee="at least once, to the PUT",
        ),
        Peer(
            name="faststream",
            version=_version("faststream", "faststream", "confluent-kafka"),
            commands=_program("faststream", "faststream_batches"),
            batch=f"batch subscriber, {_BATCH}, folded",
            commit="after the handler (NACK_ON_ERROR)",
            guarantee="at least once, to the PUT",
        ),
        Peer(
            name="quixstreams",
            version=_version("quixstreams", "quixstreams", "confluent-kafka"),
            commands=_program("quixstreams", "quix_sink"),
            batch=f"BatchingSink, {_BATCH}, per partition, folded",
            commit="at the checkpoint, after the sink",
            guarantee="at least once, to the PUT",
        ),
        Peer(
            name="bytewax",
            version=_version("bytewax", "bytewax", "confluent-kafka"),
            commands=_bytewax,
            batch=f"collect, {_BATCH}, per audience, folded",
            commit="own snapshots every second, no group",
            guarantee="at least once, to the PUT",
        ),
        Peer(
            name=OURS_CALLS,
            version=lambda: "this checkout",
            commands=_our_command,
            environment=_our_calls,
            work=Work.CALLS,
            batch="up to 100 a POST",
            commit="the lowest unfinished offset, every second",
            guarantee="at least once, ids known again",
            share=0.4,
        ),
        Peer(
            name="camel",
            version=lambda: f"camel {_CAMEL_VERSION}",
            commands=_camel,
            work=Work.MAPPED_CALLS,
            batch="none: one POST a record",
            commit="the client's own, every second, of records posted",
            guarantee="at least once, mapped beforehand",
            share=0.1,
        ),
    )
}
