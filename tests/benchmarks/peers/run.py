"""One peer through one scenario: a topic, stand-ins and a process of its own each time."""

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.feeds import Record
from tests.benchmarks.peers.catalogue import Peer, Place
from tests.benchmarks.peers.goals import Goal, Progress, add_fault
from tests.benchmarks.peers.programs.surroundings import BATCH_SECONDS
from tests.benchmarks.peers.supervised import GivenUp, Supervised
from tests.benchmarks.peers.verdict import Ended, Scenario
from tests.benchmarks.stand_ins import StandIns, stand_ins
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import produce, unique_name

PARTITIONS = 4
KILLED_AT = 0.2
"""Killed as soon as this share of the rows is stored: amid a batch's files, for who batches."""
LOOK_SECONDS = 0.1
SETTLED_SECONDS = 1.5
"""Right for so long without another file: it is done."""
STUCK_SECONDS = 15
"""Wrong for so long without another request: nothing more will come. Longer than a session and every wait of a peer."""
WARM_UP_SECONDS = 90
RUN_SECONDS = 150
_WRITE_SECONDS = 60
_PREPARE_SECONDS = 60

OUTAGE_SECONDS = 8
# Retry-After of a second now and then, a failed call now and then, and an outage longer than five tries.
_FAULTS: Mapping[Scenario, Sequence[Mapping[str, object]]] = {
    Scenario.QUIET: (),
    Scenario.KILLED: (),
    Scenario.REFUSALS: (
        {"kind": "status", "status": 503, "after_seconds": 1, "for_seconds": OUTAGE_SECONDS},
        {"kind": "status", "status": 429, "retry_after": 1, "every": 25, "times": 6},
        {"kind": "status", "status": 500, "every": 15, "times": 12},
    ),
    Scenario.TROUBLE: (
        {"kind": "upload_error", "every": 5, "times": 5},
        {"kind": "slow_upload", "delay_seconds": 2, "every": 3, "times": 10},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of one run. Times and use are from the moment the records were written, start-up left out."""

    peer: str
    scenario: Scenario
    events: int
    changes: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    requests: int
    uploads: int
    breaches: tuple[str, ...]
    ended: Ended

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds * 1e6 / self.events

    @property
    def requests_per_million_changes(self) -> float:
        return self.requests * 1e6 / self.changes


def measure(
    peer: Peer, scenario: Scenario, goal: Goal, cluster: KafkaCluster, directory: Path
) -> Measured:
    """Run it. `directory` must be new. Raises GivenUp when the peer does not even get warm."""
    directory.mkdir(parents=True)
    topic = unique_name("events")
    for name in (topic, f"{topic}-dead-letters"):
        cluster.create_topic(name, partitions=PARTITIONS)
    *preparing, command = peer.commands(directory)
    for each in preparing:
        subprocess.run(each, check=True, timeout=_PREPARE_SECONDS, capture_output=True)
    with stand_ins() as world:
        place = Place(cluster.bootstrap_servers, topic, world.settings)
        _write(cluster, topic, goal.warm_up)
        with Supervised(command, peer.environment(place), directory) as process:
            process.start()
            _warm_up(process, world, goal)
            process.look()
            run = _Run(goal, process, world)
            _write(cluster, topic, goal.rest)
            for fault in _FAULTS[scenario]:
                add_fault(world, fault)
            if scenario is Scenario.KILLED:
                run.kill_amid()
            run.wait_for_the_end()
            return run.measured(peer, scenario)


def _warm_up(process: Supervised, world: StandIns, goal: Goal) -> None:
    deadline = time.monotonic() + WARM_UP_SECONDS
    while not goal.is_warm(world):
        if time.monotonic() > deadline:
            message = f"not warm after {WARM_UP_SECONDS} s; it said:\n{process.said()}"
            raise GivenUp(message)
        process.look()
        time.sleep(LOOK_SECONDS)
    # Commits and snapshots of the warm-up are not part of the work.
    time.sleep(2 * BATCH_SECONDS)


class _Run:
    """From the moment the records are written."""

    def __init__(self, goal: Goal, process: Supervised, world: StandIns) -> None:
        self._goal, self._process, self._world = goal, process, world
        self._before = self._now = goal.progress(world)
        self._cpu_before, self._restarts_before = process.cpu_seconds, process.restarts
        self._began = self._changed_at = time.time()

    def kill_amid(self) -> None:
        """Kill it when some of the work is done, and start it again. Raises GivenUp when that takes too long."""
        enough = self._before.sent + round(KILLED_AT * self._goal.asked)
        while self._look().sent < enough:
            if time.time() > self._began + RUN_SECONDS:
                message = f"too slow to be killed; it said:\n{self._process.said()}"
                raise GivenUp(message)
            time.sleep(LOOK_SECONDS / 10)
        self._process.kill()
        self._process.start()

    def wait_for_the_end(self) -> None:
        """Look until LiveIntent has what it must have and nothing more comes, or until nothing more will come."""
        while time.time() < self._began + RUN_SECONDS:
            self._look()
            quiet_seconds = time.time() - self._changed_at
            if quiet_seconds > STUCK_SECONDS:
                return
            if quiet_seconds > SETTLED_SECONDS:
                missing, extra, _ = self._goal.difference(self._world)
                if missing == extra == 0:
                    return
            time.sleep(LOOK_SECONDS)

    def measured(self, peer: Peer, scenario: Scenario) -> Measured:
        """What came of it."""
        goal, now, before = self._goal, self._now, self._before
        missing, extra, expected = goal.difference(self._world)
        return Measured(
            peer=peer.name,
            scenario=scenario,
            events=len(goal.rest),
            changes=goal.changes,
            seconds=(now.last_at or self._changed_at) - self._began,
            cpu_seconds=self._process.cpu_seconds - self._cpu_before,
            peak_bytes=self._process.peak_bytes,
            requests=now.requests - before.requests,
            uploads=now.uploads - before.uploads,
            breaches=now.breaches,
            ended=Ended(
                missing=missing,
                extra=extra,
                expected=expected,
                sent=now.sent - before.sent,
                asked=goal.asked,
                restarts=self._process.restarts - self._restarts_before,
            ),
        )

    def _look(self) -> Progress:
        self._process.look()
        now = self._goal.progress(self._world)
        if now.requests != self._now.requests:
            self._changed_at = time.time()
        self._now = now
        return now


def _write(cluster: KafkaCluster, topic: str, records: Iterable[Record]) -> None:
    values = ((record.key, record.value) for record in records)
    produce(cluster.bootstrap_servers, topic, values, timeout_seconds=_WRITE_SECONDS)
