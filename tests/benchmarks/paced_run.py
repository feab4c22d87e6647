"""How long a change is on its way, when events come at a pace."""

import hashlib
import time

from tests.benchmarks.feeds import arrivals, email_of
from tests.benchmarks.filling import fill_at_pace
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.rows import percentile
from tests.benchmarks.service_run import (
    services,
    stop,
    usage,
    wait_until_assigned,
    wait_until_finished,
)
from tests.benchmarks.stage import Stage
from tests.benchmarks.stand_ins import stand_ins
from tests.memory.resident import peak_resident_bytes


def run_paced(stage: Stage, *, per_second: float, seconds: float) -> Measurement:
    """Feed a running service so many events a second: people nobody has seen before, who enter one audience each."""
    records = list(arrivals(range(max(1, round(per_second * seconds)))))
    topic = stage.new_topic("paced")
    with stand_ins(journal=True) as around, services(stage) as start:
        process = start(stage.settings(around, topic))
        wait_until_assigned(process)
        process.wait_until_ready()
        began, before = time.monotonic(), usage(stage, around, [process])
        appended = fill_at_pace(
            stage.broker.bootstrap_servers, topic, records, per_second=per_second
        )
        books = wait_until_finished([process], len(records))
        ended, after = time.monotonic(), usage(stage, around, [process])
        peak = peak_resident_bytes(process.pid)
        stored, seen = around.stored(), around.seen()
        exit_code = stop(process)
    rows = [hashlib.sha256(email_of(i).encode()).hexdigest() for i in range(len(records))]
    lost = sum(row not in stored for row in rows)
    taken = [stored[row] - at for row, at in zip(rows, appended, strict=True) if row in stored] or [
        float("inf")
    ]
    used = {name: after[name] - before[name] for name in after}
    wrong = {
        f"{lost:,} changes were not stored": lost,
        f"the service ended with {exit_code}": exit_code,
        f"{books.sums['records_delivered_total']:,.0f} records were delivered of {len(records):,}": (
            books.sums["records_delivered_total"] != len(records)
        ),
        f"LiveIntent's contract was broken: {', '.join(seen.breaches)}": seen.breaches,
    }
    return Measurement(
        events=len(records),
        seconds=ended - began,
        cpu_seconds=used.pop("service"),
        peak_bytes=peak,
        changes=len(records),
        uploads=seen.uploads,
        requests=seen.requests,
        latencies=(percentile(taken, 0.50), percentile(taken, 0.99)),
        beside=used,
        wrong=tuple(sentence for sentence, is_so in wrong.items() if is_so),
    )
