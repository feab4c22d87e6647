"""Many direct calls through the whole service, with faults on the way, and what came of them."""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumer.choices import DirectCallSink
from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES
from consumer.sandbox.liveintent_state import SandboxOptions
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import committed, unique_name
from tests.memory.resident import MEBIBYTE, peak_resident_bytes
from tests.million_calls.stand_in import StandIn, stand_in
from tests.million_calls.visits import Visits
from tests.scenarios.process import ServiceProcess, service_processes

PARTITIONS = 8
# The embedded cluster keeps 5 MiB of a partition: nothing may be written much ahead of the reader.
AHEAD_MAX = 20_000
CHUNK = 5_000
LOOK_SECONDS = 0.25
# Trouble comes in doses: many failures in a row would open the circuit, and then the waits would be what is measured.
TROUBLE_AT = (0.0, 0.2, 0.4, 0.6, 0.8)
LOST_AT_A_TIME = 2
STOP_SECONDS = 60

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, where, and how fast at most."""

    calls: int
    sink: DirectCallSink
    requests_per_second: float
    concurrency: int = 64
    stall_seconds: float = 120.0
    """How long nothing may move before the run is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it. `outcomes` are the service's own counts; the rest is what the stand-in saw."""

    load: Load
    seconds: float
    peak_bytes: int
    books: Mapping[str, float]
    outcomes: Mapping[str, float]
    distinct: int
    answers_lost: int
    repeated: int
    requests: int
    most_per_second: int
    breaches: Mapping[str, int]
    committed: int
    exit_code: int


def run(load: Load, cluster: KafkaCluster, directory: Path, *, tell: Tell) -> Result:
    """Send them all and stop the service in good order. Raises TimeoutError when it comes to a standstill."""
    topic, group = unique_name("visits"), unique_name("group")
    cluster.create_topic(topic, partitions=PARTITIONS)
    with stand_in() as liveintent, service_processes(directory) as start:
        settings = _settings(load, cluster, liveintent, topic, group)
        process = start(settings)
        process.wait_until_ready()
        started = time.monotonic()
        visits = Visits(cluster.bootstrap_servers, topic, sink=load.sink)
        metrics = _feed(load, process, visits, liveintent, tell)
        seconds = time.monotonic() - started
        peak = peak_resident_bytes(process.pid)
        outcomes = _outcomes(process, load.sink)
        process.send(signal.SIGTERM)
        exit_code = process.wait(seconds=STOP_SECONDS)
        seen = liveintent.calls(load.sink)
        offsets = committed(cluster.bootstrap_servers, group, topic, range(PARTITIONS))
    return Result(
        load=load,
        seconds=seconds,
        peak_bytes=peak,
        books={name: metrics[name] for name in _BOOKS},
        outcomes=outcomes,
        distinct=seen["distinct"],
        answers_lost=seen["statuses"].get("0", 0),
        repeated=seen.get("duplicates", seen.get("repeated", 0)),
        requests=seen["requests"],
        most_per_second=seen["most_per_second"],
        breaches=seen["breaches"],
        committed=sum(offsets.values()),
        exit_code=exit_code,
    )


_BOOKS = (
    "records_consumed_total",
    "records_delivered_total",
    "records_ignored_total",
    "records_dead_lettered_total",
    "records_released_total",
    "records_pending",
)


def wrong_with(result: Result) -> list[str]:
    """One sentence for each promise that was not kept."""
    load, books = result.load, result.books
    allowed = load.requests_per_second * (result.seconds + 1)
    # The bucket holds a tenth of a second's worth; and what was on the wire a while arrives with what was sent after it.
    most = 1.1 * load.requests_per_second + load.concurrency
    checks = {
        "the books do not balance": books["records_consumed_total"]
        == sum(books[name] for name in _BOOKS[1:]),
        "not every record was delivered": books["records_delivered_total"] == load.calls,
        f"{load.calls - result.distinct:,} calls were lost": result.distinct == load.calls,
        "not everything was committed": result.committed == load.calls,
        "the rate limit was not respected": result.requests <= allowed
        and result.most_per_second <= most,
        f"something was wrong with the calls: {result.breaches}": not result.breaches,
        f"the service ended with {result.exit_code}": result.exit_code == 0,
    }
    if load.sink is DirectCallSink.COLLECTOR:
        checks["a call was sent twice"] = result.repeated == 0
        counted = result.outcomes.get("perhaps_delivered", 0)
        checks["a lost answer was not counted as such"] = counted == result.answers_lost
        checks["no answer was lost, so nothing was proven"] = result.answers_lost > 0
    else:
        # Repeated, because their answers were lost; counted once, because they are known by their ids.
        checks["no conversion was repeated, so nothing was proven"] = result.repeated > 0
    return [sentence for sentence, kept in checks.items() if not kept]


def table_of(result: Result) -> str:
    """The numbers, for people."""
    load = result.load
    rows = [
        ("calls", f"{load.calls:,} to the {load.sink}"),
        ("time", f"{result.seconds:,.1f} s"),
        ("throughput", f"{load.calls / result.seconds:,.0f} calls/s"),
        ("requests", f"{result.requests:,}, {result.requests / result.seconds:,.0f}/s on average"),
        ("rate limit", f"{load.requests_per_second:,.0f}/s; at most {result.most_per_second:,} within a second"),
        ("counted at LiveIntent", f"{result.distinct:,}"),
        ("sent again, and known again", f"{result.repeated:,}"),
        ("outcomes", ", ".join(f"{name} {count:,.0f}" for name, count in result.outcomes.items())),
        ("committed", f"{result.committed:,}"),
        ("highest RSS", f"{result.peak_bytes // MEBIBYTE} MiB"),
    ]  # fmt: skip
    return "\n".join(f"{name:<28}{value}" for name, value in rows)


def _feed(
    load: Load, process: ServiceProcess, visits: Visits, liveintent: StandIn, tell: Tell
) -> Mapping[str, float]:
    """Write everything, never far ahead of the reader, and make trouble; return the metrics once all is finished."""
    moved_at, before, told = time.monotonic(), -1.0, 0.0
    trouble = list(TROUBLE_AT)
    while True:
        metrics = _look(process, load.stall_seconds)
        consumed = metrics["records_consumed_total"]
        finished = consumed - metrics["records_pending"]
        if finished == load.calls:
            return metrics
        if trouble and finished >= trouble[0] * load.calls:
            trouble.pop(0)
            _make_trouble(liveintent, load.sink)
        if finished != before:
            moved_at, before = time.monotonic(), finished
        elif time.monotonic() - moved_at > load.stall_seconds:
            message = f"nothing moved for {load.stall_seconds} s: {process}"
            raise TimeoutError(message)
        if finished - told >= load.calls / 20:
            told = finished
            tell(f"{told:,.0f} of {load.calls:,} calls are through")
        left = load.calls - visits.written
        room = int(consumed) + AHEAD_MAX - visits.written
        if left and room >= min(CHUNK, left):
            visits.write(min(CHUNK, left))
        else:
            time.sleep(LOOK_SECONDS)


def _look(process: ServiceProcess, stall_seconds: float) -> Mapping[str, float]:
    """The metrics. Others on the machine may come first: TimeoutError only when no answer has come for so long."""
    deadline = time.monotonic() + stall_seconds
    while True:
        try:
            return process.metrics()
        except TimeoutError:
            if time.monotonic() > deadline:
                raise


def _make_trouble(liveintent: StandIn, sink: DirectCallSink) -> None:
    operation = "collect" if sink is DirectCallSink.COLLECTOR else "convert"
    for fault in (
        {"kind": "status", "status": 429, "retry_after": 1, "times": 1},
        {"kind": "status", "status": 500, "times": 2},
        {"kind": "reset_after_effect", "times": LOST_AT_A_TIME},
    ):
        liveintent.add_fault(operation=operation, **fault)


def _outcomes(process: ServiceProcess, sink: DirectCallSink) -> dict[str, float]:
    start = 'segment_liveintent_direct_calls_total{outcome="'
    found = {}
    for line in process.get("/metrics")[1].splitlines():
        if line.startswith(start) and f'sink="{sink}"' in line:
            labels, _, value = line.rpartition(" ")
            found[labels.removeprefix(start).partition('"')[0]] = float(value)
    return found


def _settings(
    load: Load, cluster: KafkaCluster, liveintent: StandIn, topic: str, group: str
) -> dict[str, str]:
    sandbox = SandboxOptions()
    properties = ", ".join(f'"{name}": "{value}"' for name, value in CONSUMER_PROPERTIES.items())
    return {
        **liveintent.settings,
        "LIVEINTENT_AUDIENCES": "*",
        "LIVEINTENT_APP_ID": "a-test",
        "LIVEINTENT_COLLECTOR_URL": liveintent.url,
        "LIVEINTENT_CONVERSIONS_URL": liveintent.url,
        "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": sandbox.conversions_customer_id,
        "LIVEINTENT_CONVERSIONS_TOKEN": sandbox.conversions_token,
        "LIVEINTENT_PIXEL_ID": "4711",
        "DIRECT_CALLS": "page,track",
        "DIRECT_CALL_SINK": str(load.sink),
        "DIRECT_CALL_REQUESTS_PER_SECOND": str(load.requests_per_second),
        "DIRECT_CALL_CONCURRENCY": str(load.concurrency),
        "DIRECT_CALL_MAX_AGE_SECONDS": "86400",
        "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "KAFKA_TOPICS": topic,
        "KAFKA_GROUP_ID": group,
        "KAFKA_DEAD_LETTER_TOPIC": f"{topic}-dead-letters",
        "KAFKA_FIRST_START": "earliest",
        "KAFKA_PROPERTIES": f"{{{properties}}}",
        "EVENT_FORMAT": "json",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }
