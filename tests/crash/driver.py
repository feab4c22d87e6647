"""One run: the system is started, a plan is carried out, everything is healed, and the result is judged."""

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from confluent_kafka import KafkaException

from consumer.sandbox.liveintent_uploads import LOST
from tests.crash.actions import End, Stage, begin
from tests.crash.feeder import Feeder
from tests.crash.plan import REPLICAS, Plan
from tests.crash.replicas import STOP_SECONDS, Replica, State
from tests.crash.steps import Step
from tests.crash.timeline import Timeline
from tests.crash.verdict import Verdict, judge, look_at_survivors
from tests.crash.world import PARTITIONS, CrashCluster, CrashWorld
from tests.kafka_cluster.topics import NotDelivered
from tests.scenarios.process import eventually, service_processes

Progress = Callable[[str], None]
"""Told where a run is, now and then."""

HEAL_SECONDS = 240.0
_TICK_SECONDS = 0.05
_LOOK_SECONDS = 0.5
_PROGRESS_SECONDS = 5.0


def run(
    plan: Plan, cluster: CrashCluster, directory: Path, *, progress: Progress = lambda _: None
) -> Verdict:
    """Carry out a plan on a cluster that is running, and say what came of it. Leaves no process behind.

    `directory` keeps what the processes print. Raises only what is wrong with the run itself.
    """
    timeline = Timeline()
    with _a_stage(plan, cluster, directory, timeline) as stage:
        driver = _Driver(plan, stage, timeline, progress)
        driver.start()
        driver.carry_out()
        driver.heal()
        driver.drain()
        driver.stop()
        return judge(plan, stage, timeline, directory)


@contextmanager
def _a_stage(
    plan: Plan, cluster: CrashCluster, directory: Path, timeline: Timeline
) -> Iterator[Stage]:
    world = CrashWorld(cluster, plan, directory)
    world.start()
    feeder = Feeder(world, plan)
    try:
        with service_processes(directory) as start:
            replicas = [
                Replica(
                    number,
                    start_process=lambda name: start(
                        {**world.settings, "UPLOAD_NAME_PREFIX": name}
                    ),
                    problem=timeline.problem,
                )
                for number in range(REPLICAS + 1)
            ]
            yield Stage(world, feeder, replicas, plan.options)
    finally:
        feeder.stop()
        world.stop()


@dataclass(order=True)
class _Due:
    at_seconds: float
    number: int
    act: Callable[[], None] = field(compare=False)


class _Driver:
    """Does what is due, and looks at the replicas in between, all on one thread."""

    def __init__(self, plan: Plan, stage: Stage, timeline: Timeline, progress: Progress) -> None:
        self._plan = plan
        self._stage = stage
        self._timeline = timeline
        self._progress = progress
        self._numbers = count()
        self._due: list[_Due] = []
        self._next_look = self._next_progress = self._next_question = 0.0

    def start(self) -> None:
        """Bring the replicas up, and let the first records come while they do.

        The plan's first steps may find them sharing out the partitions, which is as good a moment as any.
        """
        for replica in self._stage.replicas[:REPLICAS]:
            replica.start()
        self._stage.feeder.start()
        self._wait("somebody has partitions", self._is_anybody_assigned)

    def carry_out(self) -> None:
        """The steps of the plan, each at its time, and then the end of those that still last."""
        self._offset = self._timeline.seconds
        self._timeline.note("the plan begins")
        for step in self._plan.steps:
            self._at(self._offset + step.at_seconds, partial(self._begin, step))
        while self._due and self._due[0].at_seconds < self._offset + self._plan.options.seconds:
            self._tick()

    def heal(self) -> None:
        """End what lasts, at once."""
        self._timeline.note("everything is healed")
        lasting, self._due = sorted(self._due), []
        for due in lasting:
            due.act()
        self._wait("what was begun is ended", lambda: not self._due, seconds=STOP_SECONDS + 5)
        self._stage.world.clear_faults()

    def drain(self) -> None:
        """Wait until all that was fed is committed."""
        try:
            self._stage.feeder.finish(seconds=HEAL_SECONDS)
            self._timeline.note("everything is fed")
            self._wait("all is committed", self._is_all_committed, seconds=HEAL_SECONDS)
            self._timeline.note("all is committed")
            # Of processes that were killed: nobody waits for them, and they may come last.
            self._wait("all uploads are finished", self._are_uploads_finished)
        except (TimeoutError, NotDelivered, KafkaException) as error:
            self._timeline.problem(f"the system did not come to rest: {error}")
            for replica in self._stage.replicas:
                if replica.state is State.RUNNING:
                    self._timeline.note(f"{replica.name} says {replica.status()}")

    def stop(self) -> None:
        """End the survivors in good order, once their books are closed."""
        look_at_survivors(self._stage, self._timeline, partitions=PARTITIONS)
        running = [each for each in self._stage.replicas if each.state is State.RUNNING]
        for replica in running:
            replica.stop()
        with suppress(TimeoutError):  # `look` says so by itself
            self._wait("all are gone", self._are_gone, seconds=STOP_SECONDS + 5)

    def _begin(self, step: Step) -> None:
        end = begin(step, self._stage)
        if end is None:
            self._timeline.note(f"{step}: not possible now")
            return
        self._timeline.done[step.action] += 1
        self._timeline.note(str(step))
        self._at(self._timeline.seconds + step.seconds, lambda: self._end(step, end))

    def _end(self, step: Step, end: End) -> None:
        if end():
            if step.seconds:
                self._timeline.note(f"  end of {step.action.replace('_', ' ')}")
        else:
            self._at(self._timeline.seconds + _TICK_SECONDS, lambda: self._end(step, end))

    def _at(self, at_seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, _Due(at_seconds, next(self._numbers), act))

    def _tick(self) -> None:
        now = self._timeline.seconds
        while self._due and self._due[0].at_seconds <= now:
            heapq.heappop(self._due).act()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            for replica in self._stage.replicas:
                replica.look()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._progress(f"{now:.0f} s, {self._stage.feeder.fed} events fed")
        time.sleep(_TICK_SECONDS)

    def _wait(self, what: str, look: Callable[[], bool], *, seconds: float = 60.0) -> None:
        def tick_and_look() -> bool:
            self._tick()
            return look()

        eventually(what, tick_and_look, seconds=seconds)

    def _is_anybody_assigned(self) -> bool:
        return any(replica.has_partitions() for replica in self._stage.replicas)

    def _is_all_committed(self) -> bool:
        if self._timeline.seconds < self._next_question:
            return False
        self._next_question = self._timeline.seconds + _LOOK_SECONDS
        try:
            return self._stage.world.uncommitted() == 0
        except KafkaException:  # the broker is just coming back
            return False

    def _are_uploads_finished(self) -> bool:
        return all(upload.status == LOST for upload in self._stage.world.uploads_under_way())

    def _are_gone(self) -> bool:
        return all(replica.state is State.DOWN for replica in self._stage.replicas)
