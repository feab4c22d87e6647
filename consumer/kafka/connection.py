"""The librdkafka properties of each client, from plain values; what a user may change, and what delivery rests on."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

GROUP_PROTOCOL: Final = "group.protocol"
ISOLATION_LEVEL: Final = "isolation.level"
_CONSUMER_PROTOCOL = "consumer"
_STRATEGY = "partition.assignment.strategy"
_COOPERATIVE = "cooperative-sticky"

_INSTANCE_ID = "group.instance.id"
_MAX_POLL = "max.poll.interval.ms"
# A revoke keeps us from polling: see tests/unit/kafka/test_rebalances.py, and some air.
_LEAST_MAX_POLL_MS: Final = 30_000

# Under KIP-848 the brokers decide these, by the setting named; librdkafka refuses to start when they are set.
_BROKER_DECIDES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "group.protocol.type": "",
        "heartbeat.interval.ms": " (group.consumer.heartbeat.interval.ms)",
        "partition.assignment.strategy": " (group.consumer.assignors)",
        "session.timeout.ms": " (group.consumer.session.timeout.ms)",
    }
)

_EVERY_CLIENT: Final[Mapping[str, str]] = MappingProxyType({"socket.keepalive.enable": "true"})

_CONSUMER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "enable.auto.commit": "false",
        "enable.auto.offset.store": "false",
        # librdkafka's default jumps to the log's end without a word; `PartitionStarts` decides instead.
        "auto.offset.reset": "error",
        _STRATEGY: _COOPERATIVE,
        ISOLATION_LEVEL: "read_committed",
        "check.crcs": "true",
        # Tells that all is read where the log ends with a transaction's marker, which is no record.
        "enable.partition.eof": "true",
        "allow.auto.create.topics": "false",
        # How long a killed process's partitions stay without a reader.
        "session.timeout.ms": "15000",
        "heartbeat.interval.ms": "3000",
        _MAX_POLL: "300000",
        # Prefetch is the consumer's memory; librdkafka's default is 64 MiB.
        "queued.max.messages.kbytes": "16384",
        "queued.min.messages": "5000",
        # A fetch that is under way when the queue is full comes on top of it, and these are compressed bytes, which
        # may become ten or twenty times as many. librdkafka's defaults are 1 MB of each partition and 50 MB in all.
        "fetch.message.max.bytes": "131072",
        "fetch.max.bytes": "1048576",
        "fetch.queue.backoff.ms": "50",
        "fetch.wait.max.ms": "250",
    }
)

_PRODUCER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "enable.idempotence": "true",
        "acks": "all",
        # A write that fails is reported, counted and tried again; five minutes of silence would be too long.
        "message.timeout.ms": "30000",
        "linger.ms": "5",
        "compression.type": "zstd",
        # A dead letter is its record plus a few headers: what the source topic took must not fail here.
        "message.max.bytes": "104857600",
    }
)

# What each property means to librdkafka; a client warns about those of the other kind.
_ONLY_FOR_CONSUMERS = frozenset(
    {
        "auto.commit.enable",
        "auto.commit.interval.ms",
        "auto.offset.reset",
        "check.crcs",
        "consume.callback.max.messages",
        "coordinator.query.interval.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.partition.eof",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "fetch.queue.backoff.ms",
        "fetch.wait.max.ms",
        "group.id",
        _INSTANCE_ID,
        GROUP_PROTOCOL,
        "group.protocol.type",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        ISOLATION_LEVEL,
        "max.partition.fetch.bytes",
        _MAX_POLL,
        "offset.store.method",
        _STRATEGY,
        "queued.max.messages.kbytes",
        "queued.min.messages",
        "session.timeout.ms",
        # Understood by every client; means something else to a producer, which must not create topics either.
        "allow.auto.create.topics",
    }
)
_ONLY_FOR_PRODUCERS = frozenset(
    {
        "acks",
        "batch.num.messages",
        "batch.size",
        "compression.codec",
        "compression.level",
        "compression.type",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "linger.ms",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.max.bytes",
        "message.send.max.retries",
        "message.timeout.ms",
        "partitioner",
        "queue.buffering.backpressure.threshold",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "queue.buffering.max.ms",
        "queuing.strategy",
        "request.required.acks",
        "request.timeout.ms",
        "retries",
        "sticky.partitioning.linger.ms",
        "transaction.timeout.ms",
    }
)

_FIXED: Final[Mapping[str, tuple[frozenset[str], str]]] = MappingProxyType(
    {
        "enable.auto.commit": (
            frozenset({"false"}),
            "offsets are committed only for what is finished",
        ),
        "enable.auto.offset.store": (
            frozenset({"false"}),
            "offsets are committed only for what is finished",
        ),
        "auto.commit.enable": (
            frozenset({"false"}),
            "offsets are committed only for what is finished",
        ),
        "auto.offset.reset": (
            frozenset({"error"}),
            "a start that skips or repeats records must be asked for: see KAFKA_FIRST_START",
        ),
        _STRATEGY: (
            frozenset({_COOPERATIVE}),
            "partitions are taken over one by one, while the others go on",
        ),
        "enable.idempotence": (frozenset({"true"}), "a retried dead letter must not arrive twice"),
        "acks": (frozenset({"all", "-1"}), "a dead letter must outlive the loss of a broker"),
        "request.required.acks": (
            frozenset({"all", "-1"}),
            "a dead letter must outlive the loss of a broker",
        ),
    }
)

_NOT_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bootstrap.servers": "set KAFKA_BOOTSTRAP_SERVERS instead",
        "metadata.broker.list": "set KAFKA_BOOTSTRAP_SERVERS instead",
        "group.id": "set KAFKA_GROUP_ID instead",
        "transactional.id": "dead letters are not written in transactions",
        "logger": "it is no property of librdkafka",
        "on_commit": "it is no property of librdkafka",
        "on_delivery": "it is no property of librdkafka",
        "delivery.report.only.error": "every dead letter waits for its delivery report",
    }
)


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where the brokers are and who we are; `properties` are the user's own, KAFKA_PROPERTIES. Hides them in repr."""

    bootstrap_servers: str
    group_id: str
    client_id: str = "segment-liveintent"
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)


def consumer_properties(connection: KafkaConnection) -> dict[str, str]:
    """Return what the one consumer runs with. The user's tuning wins; `property_problems` guards the rest."""
    own = _without(connection.properties, _ONLY_FOR_PRODUCERS)
    properties = {**_EVERY_CLIENT, **_CONSUMER, **own, **_identity(connection)}
    properties["group.id"] = connection.group_id
    if brokers_decide(connection.properties):
        return _without(properties, _BROKER_DECIDES.keys())
    return properties


def brokers_decide(properties: Mapping[str, str]) -> bool:
    """Whether these properties choose the group protocol of KIP-848, where the brokers decide about sessions."""
    return properties.get(GROUP_PROTOCOL, "").strip().lower() == _CONSUMER_PROTOCOL


def instance_id(properties: Mapping[str, str]) -> str | None:
    """Return who we are to the group across restarts; None for a member like any other."""
    return properties.get(_INSTANCE_ID, "").strip() or None


def producer_properties(connection: KafkaConnection) -> dict[str, str]:
    """Return what the dead-letter producer runs with."""
    own = _without(connection.properties, _ONLY_FOR_CONSUMERS)
    return {**_EVERY_CLIENT, **_PRODUCER, **own, **_identity(connection)}


def admin_properties(connection: KafkaConnection) -> dict[str, str]:
    """Return what an admin client runs with."""
    own = _without(connection.properties, _ONLY_FOR_CONSUMERS | _ONLY_FOR_PRODUCERS)
    return {**_EVERY_CLIENT, **own, **_identity(connection)}


def property_problems(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Return one sentence for each of the user's properties that would break delivery or has its own setting.

    No sentence shows a value but those of settings without secrets. Names librdkafka does not know are its own to
    refuse, when the client is built.
    """
    return tuple(
        f"KAFKA_PROPERTIES must not set {name}{reason}." for name, reason in _refused(properties)
    )


def _refused(properties: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    undecided = _BROKER_DECIDES if brokers_decide(properties) else {}
    for name, value in sorted(properties.items()):
        if name in _NOT_OURS:
            yield name, f": {_NOT_OURS[name]}"
        elif name.endswith("_cb"):
            yield name, ": a callback cannot be a setting"
        elif name in undecided:
            protocol = f"{GROUP_PROTOCOL}={_CONSUMER_PROTOCOL}"
            yield name, f": with {protocol} the brokers decide it{undecided[name]}"
        elif name in _FIXED:
            allowed, why = _FIXED[name]
            if value.strip().lower() not in allowed:
                yield name, f" to anything but {' or '.join(sorted(allowed))}: {why}"
        elif name == _MAX_POLL and _is_below(value, _LEAST_MAX_POLL_MS):
            why = "handing a partition over in good order may take ten seconds without a poll"
            yield name, f" to less than {_LEAST_MAX_POLL_MS}: {why}"


def _is_below(value: str, least: int) -> bool:
    """Whether it is a number, and too small. What is no number librdkafka refuses."""
    return value.strip().isdecimal() and int(value) < least


def _identity(connection: KafkaConnection) -> dict[str, str]:
    named = connection.properties.get("client.id", connection.client_id)
    return {"bootstrap.servers": connection.bootstrap_servers, "client.id": named}


def _without(properties: Mapping[str, str], names: Set[str]) -> dict[str, str]:
    return {name: value for name, value in properties.items() if name not in names}
