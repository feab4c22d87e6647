"""Produces the plan's waves at an even pace, on a thread of its own, and tells the oracles."""

import threading
import time
from collections.abc import Iterator
from itertools import islice

from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import Disorder, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import FeedItem
from tests.crash.plan import Plan, Wave
from tests.crash.world import CrashWorld
from tests.scenarios.surroundings import CONSENT_CATEGORY

_CHUNK_SECONDS = 0.25


class Feeder:
    """Feeds while the block lasts, or until everything is fed. One oracle for each wave: their audiences differ."""

    def __init__(self, world: CrashWorld, plan: Plan) -> None:
        self._world = world
        self._plan = plan
        self._stop = threading.Event()
        self._open_gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self.oracles = [Oracle(wave.audiences) for wave in plan.waves]
        self.fed = 0
        self.failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def hold(self) -> None:
        """Let what is on its way arrive, and produce nothing more for now.

        Kafka must be there when a chunk is produced: one sent twice would be no longer what the oracle saw.
        """
        self._open_gate.acquire()

    def release(self) -> None:
        self._open_gate.release()

    def finish(self, *, seconds: float) -> None:
        """Wait until everything is fed. Raises TimeoutError, or what went wrong."""
        self._thread.join(seconds)
        if self.failure is not None:
            raise self.failure
        if self._thread.is_alive():
            message = f"only {self.fed} of {self._plan.events} events were fed"
            raise TimeoutError(message)

    def stop(self) -> None:
        """Produce no more; for the end of a run that failed."""
        self._stop.set()

    def _run(self) -> None:
        size = max(1, round(self._plan.options.events_per_second * _CHUNK_SECONDS))
        due = time.monotonic()
        try:
            for number, wave in enumerate(self._plan.waves):
                items = wave_items(wave)
                while (chunk := list(islice(items, size))) and not self._stop.is_set():
                    with self._open_gate:
                        self._world.feed(chunk, number)
                    for item in chunk:
                        self.oracles[number].see(item)
                    self.fed += len(chunk)
                    due += _CHUNK_SECONDS
                    self._stop.wait(max(0.0, due - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - `finish` raises it
            self.failure = error


def wave_items(wave: Wave) -> Iterator[FeedItem]:
    """The records of one wave, in order: what a process remembers must not decide who is a member in the end."""
    return segment_feed(
        FeedOptions(
            seed=wave.seed,
            events=wave.events,
            audiences=wave.audiences,
            people=wave.people,
            undecodable=wave.undecodable,
            disorder=Disorder.NONE,
            consent_category=CONSENT_CATEGORY,
        )
    )
