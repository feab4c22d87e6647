"""A service process that works through a backlog while LiveIntent is stuck, then slow, then well; and what it took."""

import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.memory.backlog import Backlog
from tests.memory.resident import MEBIBYTE, peak_resident_bytes
from tests.scenarios.process import ServiceProcess, Start, eventually
from tests.scenarios.surroundings import Surroundings

FULL_SECONDS = 60
STUCK_SECONDS = 2
SLOW_UPLOADS = 6
STOP_SECONDS = 30
LOOK_SECONDS = 0.3
MEMORY_IS_SHORT = 'segment_liveintent_intake_blocked{reason="memory"} 1.0'


@dataclass(frozen=True, slots=True)
class Work:
    """What came of it."""

    peak_bytes: int
    stuck_peak_bytes: int
    seconds: float
    delivered: int
    dead_lettered: int

    def line(self, name: str, backlog: Backlog, *, budget_mb: int, limit_mb: int) -> str:
        """Return the numbers, for people."""
        peak, stuck = self.peak_bytes // MEBIBYTE, self.stuck_peak_bytes // MEBIBYTE
        return (
            f"memory, {name}: budget {budget_mb} MiB, limit {limit_mb} MiB, highest RSS {peak} MiB ({stuck} while stuck), "
            f"backlog {backlog.records:,} records, {backlog.records / self.seconds:,.0f} records/s"
        )


def work_through(
    backlog: Backlog,
    around: Surroundings,
    start: Start,
    *,
    settings: Mapping[str, str],
    deadline_seconds: float,
) -> Work:
    """Return once every record is finished and the process has ended in good order."""
    around.add_fault(Fault(kind=FaultKind.STUCK))
    started = time.monotonic()
    process = start({**around.settings, **_ALL_OF_THEM, **settings})
    process.wait_until_ready()
    pid = process.pid
    eventually(
        "memory is used up, or nothing is left to read",
        lambda: MEMORY_IS_SHORT in process.get("/metrics")[1] or _finished(process, backlog),
        seconds=FULL_SECONDS,
    )
    stuck_peak = _watched(pid, seconds=STUCK_SECONDS)
    around.clear_faults()
    around.add_fault(Fault(kind=FaultKind.SLOW_UPLOAD, delay_seconds=1, times=SLOW_UPLOADS))
    eventually("all is finished", lambda: _finished(process, backlog), seconds=deadline_seconds)
    work = Work(
        peak_bytes=max(stuck_peak, peak_resident_bytes(pid)),
        stuck_peak_bytes=stuck_peak,
        seconds=time.monotonic() - started,
        delivered=int(process.metric("records_delivered_total")),
        dead_lettered=int(process.metric("records_dead_lettered_total")),
    )
    process.send(signal.SIGTERM)
    assert process.wait(seconds=STOP_SECONDS) == 0
    return work


_ALL_OF_THEM = {
    "EVENT_FORMAT": "json",
    "LIVEINTENT_AUDIENCES": "*",
    "LIVEINTENT_CONCURRENCY": "16",
    "SEGMENT_CONSENT_CATEGORIES": "",
}


def _finished(process: ServiceProcess, backlog: Backlog) -> bool:
    time.sleep(LOOK_SECONDS)  # each look costs the process some milliseconds
    metrics = process.metrics()
    return metrics["records_consumed_total"] == backlog.records and metrics["records_pending"] == 0


def _watched(pid: int, *, seconds: float) -> int:
    return max(_peaks(pid, until=time.monotonic() + seconds))


def _peaks(pid: int, *, until: float) -> Iterator[int]:
    yield peak_resident_bytes(pid)
    while time.monotonic() < until:
        time.sleep(0.1)
        yield peak_resident_bytes(pid)
