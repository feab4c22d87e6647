"""What a service with very many audiences does: its tasks, timers, connections, calls and lags, many looks a second."""

import asyncio
import resource
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consumer.service.assembly import Parts
from tests.scenarios.running import RunningService

LOOK_SECONDS = 0.05
HOT = "hot_audience"
_TCP_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the service. Seconds are LiveIntent's."""

    audiences: int
    changes: int
    hot_changes: int
    hurry: float
    requests_per_second: float
    concurrency: int
    processing_seconds: float
    flush_seconds: float
    trickle_changes: int
    trickle_seconds: float
    idle_seconds: float

    @property
    def names(self) -> list[str]:
        """Every audience."""
        hot = [HOT] if self.hot_changes else []
        return [*hot, *(f"audience_{number:05d}" for number in range(self.audiences))]


@dataclass(slots=True)
class Phase:
    """What was seen in one phase."""

    name: str
    changes: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    rss_mib: float = 0.0
    lanes: int = 0
    flights_most: int = 0
    tasks_most: int = 0
    timers_most: int = 0
    connections_most: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    most_calls_in_a_second: float = 0.0
    most_polls_in_a_second: float = 0.0
    loop_lag_p99_ms: float = 0.0
    loop_lag_max_ms: float = 0.0
    status_ms: float = 0.0
    lateness: dict[str, float] = field(default_factory=dict)
    """From the start of the phase, or from its last change, until an audience was stored for the last time."""

    @property
    def calls_per_change(self) -> float:
        """Calls to LiveIntent's API and storage for each change."""
        return sum(self.calls.values()) / self.changes if self.changes else 0.0


class Watch:
    """Looks at the process many times a second, from `start` to `end`."""

    def __init__(self, service: RunningService, load: Load, liveintent_port: int) -> None:
        self._service = service
        self._load = load
        self._port = f"{liveintent_port:04X}"
        self._task: asyncio.Task[None] | None = None

    @property
    def _parts(self) -> Parts:
        parts = self._service.service._parts
        assert parts is not None
        return parts

    def start(self, name: str) -> None:
        """Begin a phase."""
        self.phase = Phase(name)
        self._began, self._cpu = time.monotonic(), time.process_time()
        self._calls_before = self._calls()
        self._samples: list[tuple[float, int, int]] = []
        self._lags: list[float] = []
        self._task = asyncio.create_task(self._look())

    async def end(self, *, changes: int) -> Phase:
        """End it, and return what was seen."""
        phase = self.phase
        phase.seconds = (time.monotonic() - self._began) * self._load.hurry
        phase.cpu_seconds = time.process_time() - self._cpu
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        phase.changes = changes
        phase.calls = dict(self._calls() - self._calls_before)
        phase.rss_mib = _rss_mib()
        phase.lanes = sum(1 for _ in self._parts.delivery.lanes)
        phase.most_calls_in_a_second = self._most_in_a_second(1)
        phase.most_polls_in_a_second = self._most_in_a_second(2)
        lags = sorted(self._lags) or [0.0]
        phase.loop_lag_p99_ms = lags[int(len(lags) * 0.99)] * 1000
        phase.loop_lag_max_ms = lags[-1] * 1000
        began = time.monotonic()
        self._service.service.status()
        phase.status_ms = (time.monotonic() - began) * 1000
        return phase

    async def _look(self) -> None:
        phase, next_count = self.phase, 0.0
        while True:
            wanted = time.monotonic() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            self._lags.append(now - wanted)
            calls = self._calls()
            self._samples.append((now, sum(calls.values()), calls["list_uploads"]))
            if now < next_count:
                continue
            next_count = now + 10 * LOOK_SECONDS  # counting takes time of its own
            phase.tasks_most = max(phase.tasks_most, len(asyncio.all_tasks()))
            phase.timers_most = max(phase.timers_most, _timers())
            phase.connections_most = max(phase.connections_most, self._connections())
            lanes = self._parts.delivery.lanes
            flights = sum(lane.in_flight is not None for lane in lanes)
            phase.flights_most = max(phase.flights_most, flights)

    def _calls(self) -> Counter[str]:
        metric = self._parts.metrics.liveintent_requests
        calls: Counter[str] = Counter()
        for sample in next(iter(metric.collect())).samples:
            if sample.name.endswith("_total"):
                calls[sample.labels["operation"]] += int(sample.value)
        return calls

    def _most_in_a_second(self, column: int) -> float:
        """Within any of LiveIntent's seconds, as far as we looked often enough; else the mean of our looks."""
        window = max(1.0 / self._load.hurry, 3 * LOOK_SECONDS)
        most, first = 0.0, 0
        for i, sample in enumerate(self._samples):
            while self._samples[first][0] < sample[0] - window:
                first += 1
            seconds = (sample[0] - self._samples[first][0]) * self._load.hurry
            if i > first and seconds >= 1.0:
                most = max(most, (sample[column] - self._samples[first][column]) / seconds)
        return most

    def _connections(self) -> int:
        lines = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        fields = (line.split() for line in lines)
        return sum(
            each[2].endswith(":" + self._port) and each[3] == _TCP_ESTABLISHED for each in fields
        )


def _timers() -> int:
    loop: Any = asyncio.get_running_loop()
    return sum(not handle.cancelled() for handle in loop._scheduled)


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
