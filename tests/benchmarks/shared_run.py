"""One process or several of one group on one topic, which is filled once all of them have partitions."""

import time

from tests.benchmarks.feeds import Feed
from tests.benchmarks.filling import fill
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.service_run import (
    services,
    stop,
    usage,
    wait_until_finished,
    wrong_with,
)
from tests.benchmarks.stage import PARTITIONS, Stage
from tests.benchmarks.stand_ins import stand_ins
from tests.memory.resident import peak_resident_bytes
from tests.scenarios.process import ServiceProcess, eventually

SHARED_SECONDS = 60


def run_shared(stage: Stage, feed: Feed, *, processes: int) -> Measurement:
    """Have so many processes share the work. The time runs from the first record on: writing them is part of it."""
    topic = stage.new_topic("shared")
    with stand_ins() as around, services(stage) as start:
        around.add_audiences(feed.audiences)
        settings = stage.settings(around, topic)
        group = [start(settings) for _ in range(processes)]
        eventually("all share", lambda: _is_shared(group), seconds=SHARED_SECONDS)
        began, before = time.monotonic(), usage(stage, around, group)
        fill(stage.broker.bootstrap_servers, topic, feed.records)
        books = wait_until_finished(group, len(feed.records))
        seconds, after = time.monotonic() - began, usage(stage, around, group)
        peak = max(peak_resident_bytes(process.pid) for process in group)
        seen = around.seen()
        wrong = wrong_with(feed, books, around, seen)
        wrong += [f"a service ended with {code}" for code in map(stop, group) if code]
    used = {name: after[name] - before[name] for name in after}
    return Measurement(
        events=len(feed.records),
        seconds=seconds,
        cpu_seconds=used.pop("service"),
        peak_bytes=peak,
        changes=feed.changes,
        uploads=seen.uploads,
        requests=seen.requests,
        beside=used,
        wrong=tuple(wrong),
    )


def _is_shared(group: list[ServiceProcess]) -> bool:
    held = [process.metric("assigned_partitions") for process in group]
    return sum(held) == PARTITIONS and min(held) >= PARTITIONS // len(group)
