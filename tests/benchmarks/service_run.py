"""The whole service at work on a topic, as `segment-liveintent run` in a process of its own."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from tests.benchmarks.feeds import Feed
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.stage import Stage, Topic
from tests.benchmarks.stand_ins import Seen, StandIns, stand_ins
from tests.benchmarks.usage import cpu_seconds, cpu_seconds_by_thread
from tests.kafka_cluster.topics import committed, unique_name
from tests.memory.resident import peak_resident_bytes
from tests.scenarios.process import ServiceProcess

BOOKS = (
    "records_consumed_total",
    "records_delivered_total",
    "records_ignored_total",
    "records_dead_lettered_total",
    "records_released_total",
    "records_pending",
)
STOP_SECONDS = 60
_ASSIGNED = "Partitions were assigned."
# Each look costs the service some milliseconds; Prometheus looks as well, if less often.
_LOOK_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.25
_STALL_SECONDS = 90
_SAMPLE = re.compile(r"^segment_liveintent_(records_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_REASON = re.compile(r'reason="(\w+)"')

PYTHON = (sys.executable,)
StartService = Callable[..., ServiceProcess]
"""Starts one with these settings, and this way to call Python."""


@dataclass(frozen=True, slots=True)
class Books:
    """What a service says became of its records."""

    sums: Mapping[str, float]
    ignored: Mapping[str, float]

    def __add__(self, other: "Books") -> "Books":
        return Books(_added(self.sums, other.sums), _added(self.ignored, other.ignored))

    @property
    def consumed(self) -> float:
        return self.sums[BOOKS[0]]

    @property
    def finished(self) -> float:
        return self.consumed - self.sums["records_pending"] - self.sums["records_released_total"]


def run_service(stage: Stage, topic: Topic, *, python: Sequence[str] = PYTHON) -> Measurement:
    """Work through a topic from its beginning, and stop. Raises TimeoutError when it comes to a standstill."""
    feed = topic.feed
    with stand_ins() as around, services(stage) as start:
        settings = stage.settings(around, topic.name, sink=feed.sink, audiences=feed.audiences)
        process = start(settings, python)
        assigned_at = wait_until_assigned(process)
        before = usage(stage, around, [process])
        books = wait_until_finished([process], len(feed.records))
        ended_at, after = time.time(), usage(stage, around, [process])
        peak, threads = peak_resident_bytes(process.pid), cpu_seconds_by_thread(process.pid)
        seen = around.seen()
        exit_code = stop(process)
        wrong = [
            *wrong_with(feed, books, around, seen),
            *_wrong_with_end(stage, settings, topic, exit_code),
        ]
        calls = around.direct_calls()[feed.sink]["requests"] if feed.sink else 0
    used = {name: after[name] - before[name] for name in after}
    first = seen.first_stored_at
    return Measurement(
        events=len(feed.records),
        seconds=ended_at - assigned_at,
        cpu_seconds=used.pop("service"),
        peak_bytes=peak,
        changes=feed.changes,
        uploads=seen.uploads,
        requests=calls or seen.requests,
        first_stored_seconds=None if first is None else first - assigned_at,
        beside=used,
        threads=threads,
        wrong=tuple(wrong),
    )


@contextmanager
def services(stage: Stage) -> Iterator[StartService]:
    """Yield a starter of services, each of which is gone when the block ends."""
    with ExitStack() as started:

        def start(settings: Mapping[str, str], python: Sequence[str] = PYTHON) -> ServiceProcess:
            directory = stage.directory / unique_name("service")
            process = ServiceProcess(settings, directory, python=python)
            started.callback(process.kill)
            return process

        yield start


def usage(stage: Stage, around: StandIns, processes: Sequence[ServiceProcess]) -> dict[str, float]:
    """Processor seconds of everybody until now, in one go."""
    return {
        "service": cpu_seconds(*(process.pid for process in processes)),
        "broker": cpu_seconds(stage.broker.pid),
        "stand-ins": cpu_seconds(around.pid),
        "producer": sum(os.times()[:2]),
    }


def wait_until_assigned(process: ServiceProcess) -> float:
    """Return when the process got its partitions, in epoch seconds."""
    line = process.wait_for_line(_ASSIGNED)
    return datetime.fromisoformat(line["ts"]).timestamp()


def wait_until_finished(processes: Sequence[ServiceProcess], records: int) -> Books:
    """Return the books once so many records are finished. Raises TimeoutError when nothing moves any more."""
    moved_at, before = time.monotonic(), -1.0
    while True:
        each = [books_of(process) for process in processes]
        books = sum(each[1:], each[0])
        if books.finished >= records:
            return books
        if books.finished != before:
            moved_at, before = time.monotonic(), books.finished
        elif time.monotonic() - moved_at > _STALL_SECONDS:
            said = "\n".join(map(str, processes))
            message = f"{books.finished:,.0f} of {records:,} records are finished, and nothing moves: {said}"
            raise TimeoutError(message)
        time.sleep(_LOOK_SECONDS if books.consumed < records else _LOOK_AGAIN_SECONDS)


def books_of(process: ServiceProcess) -> Books:
    """What its metrics say now."""
    sums = dict.fromkeys(BOOKS, 0.0)
    ignored: dict[str, float] = {}
    for name, labels, value in _SAMPLE.findall(process.get("/metrics")[1]):
        if name not in sums:
            continue
        sums[name] += float(value)
        if name == "records_ignored_total" and (reason := _REASON.search(labels)):
            ignored[reason[1]] = ignored.get(reason[1], 0.0) + float(value)
    return Books(sums, ignored)


def stop(process: ServiceProcess) -> int:
    """Stop it in good order, and return its exit code."""
    process.send(signal.SIGTERM)
    return process.wait(seconds=STOP_SECONDS)


def wrong_with(feed: Feed, books: Books, around: StandIns, seen: Seen) -> list[str]:
    """One sentence for each thing that did not come out as it must."""
    sums, records = books.sums, len(feed.records)
    delivered, dead = sums["records_delivered_total"], sums["records_dead_lettered_total"]
    members = around.members(feed.members)
    differing = [name for name, wanted in feed.members.items() if members[name] != wanted]
    ignored = {reason: books.ignored.get(reason, 0.0) for reason in feed.ignored}
    checks = {
        f"the books do not balance: {dict(sums)}": (
            books.consumed == sum(sums[name] for name in BOOKS[1:])
        ),
        f"{books.consumed:,.0f} records were consumed of {records:,}": books.consumed == records,
        f"{dead:,.0f} records were dead-lettered": dead == 0,
        f"{delivered:,.0f} records were delivered, not {feed.delivered_at_least:,} or more": (
            delivered >= feed.delivered_at_least
        ),
        f"{ignored} records were ignored, not {dict(feed.ignored)}": ignored == feed.ignored,
        f"LiveIntent's contract was broken: {', '.join(seen.breaches)}": not seen.breaches,
        f"the members are not those they must be in {', '.join(differing)}": not differing,
        **_checks_of_calls(feed, around),
    }
    return [sentence for sentence, is_kept in checks.items() if not is_kept]


def _checks_of_calls(feed: Feed, around: StandIns) -> dict[str, bool]:
    if feed.sink is None:
        return {}
    counted, calls = around.direct_calls()[feed.sink], len(feed.records)
    return {
        f"the {feed.sink} counted {counted['distinct']:,} calls of {calls:,}": (
            counted["distinct"] == calls
        ),
        f"something is wrong with the calls: {counted['breaches']}": not counted["breaches"],
    }


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}


def _wrong_with_end(
    stage: Stage, settings: Mapping[str, str], topic: Topic, exit_code: int
) -> Iterator[str]:
    if exit_code:
        yield f"the service ended with {exit_code}"
    offsets = committed(
        stage.broker.bootstrap_servers,
        settings["KAFKA_GROUP_ID"],
        topic.name,
        range(topic.partitions),
    )
    records = len(topic.feed.records)
    if sum(offsets.values()) != records:
        yield f"{sum(offsets.values()):,} records were committed of {records:,}"
