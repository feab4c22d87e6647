"""One place for a replica: the processes that held it in turn, and what is asked of each."""

import signal
import time
from collections.abc import Callable
from enum import StrEnum

from tests.crash.world import DRAIN_SECONDS
from tests.scenarios.process import ServiceProcess

# A stop drains, commits and leaves; on a machine that does other things as well.
STOP_SECONDS = DRAIN_SECONDS + 25
_UNANSWERED_LIMIT = 3
_FINISHED = ("records_delivered_total", "records_ignored_total", "records_dead_lettered_total")
_NOT_FINISHED = ("records_released_total", "records_pending")


class State(StrEnum):
    """What we have done to a replica last."""

    DOWN = "down"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


class Replica:
    """Starts, watches and ends processes; what no process may do goes to `problem`.

    `start_process` is given the name of the process, which it puts into the names of its uploads.
    """

    def __init__(
        self,
        number: int,
        *,
        start_process: Callable[[str], ServiceProcess],
        problem: Callable[[str], None],
    ) -> None:
        self.number = number
        self.state = State.DOWN
        self._finished_by_former = 0
        self._start_process = start_process
        self._problem = problem
        self._starts = 0
        self._process: ServiceProcess | None = None
        self._has_started = False
        self._finished = 0
        self._unanswered = 0
        self._stop_deadline = 0.0

    @property
    def name(self) -> str:
        """The process of this moment, such as r0-3: the third in the place of replica 0."""
        return f"r{self.number}-{self._starts}"

    @property
    def finished(self) -> int:
        """Records that came to an end in any process in this place, as far as anybody saw."""
        return self._finished_by_former + self._finished

    def start(self) -> None:
        """Begin another process."""
        assert self.state is State.DOWN
        self._starts += 1
        self._has_started = False
        self._unanswered = 0
        self._process = self._start_process(self.name)
        self.state = State.RUNNING

    def kill(self) -> None:
        self._living.send(signal.SIGKILL)
        code = self._living.wait(seconds=10)
        if code != -signal.SIGKILL:
            self._problem(f"{self.name} had ended with {code} before it was killed")
        self._bury()

    def stop(self) -> None:
        """Ask it to end; `look` finds out when it has."""
        self._is_up()
        self._living.send(signal.SIGTERM)
        self._stop_deadline = time.monotonic() + STOP_SECONDS
        self.state = State.STOPPING

    def pause(self) -> None:
        self._living.send(signal.SIGSTOP)
        self.state = State.PAUSED

    def go_on(self) -> None:
        self._living.send(signal.SIGCONT)
        self.state = State.RUNNING

    def look(self) -> None:
        """See whether it is as it should be, and what its books say."""
        if self.state is State.DOWN or self._process is None:
            return
        if not self._process.running:
            self._note_end(self._process.wait(seconds=1))
        elif self.state is State.STOPPING and time.monotonic() > self._stop_deadline:
            self._problem(f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM")
            self._bury()
        elif self.state is State.RUNNING and self._is_up():
            self._check_books(self._process)

    def metrics(self) -> dict[str, float]:
        """What its metrics say now. Raises OSError or AssertionError when it does not answer."""
        return self._living.metrics()

    def has_partitions(self) -> bool:
        """Whether it is up, answers, and has been given partitions."""
        try:
            return self._is_up() and self.metrics()["assigned_partitions"] > 0
        except (OSError, TimeoutError):
            return False

    def status(self) -> str:
        """Its status page as JSON, or why there is none."""
        try:
            return self._living.get("/status")[1]
        except (OSError, TimeoutError, AssertionError) as error:
            return f"no status: {type(error).__name__}"

    @property
    def _living(self) -> ServiceProcess:
        assert self._process is not None
        return self._process

    def _is_up(self) -> bool:
        """Whether it got so far that SIGTERM means a stop in good order."""
        if self._process is None:
            return False
        if not self._has_started:
            try:
                self._living.wait_for_line("Started.", seconds=0)
            except (TimeoutError, AssertionError):
                return False
            self._has_started = True
        return True

    def _note_end(self, code: int) -> None:
        allowed = {0} if self._has_started else {0, -signal.SIGTERM}
        if self.state is not State.STOPPING:
            self._problem(f"{self.name} ended by itself with {code}: {self._last_words()}")
        elif code not in allowed:
            self._problem(f"{self.name} ended with {code} after SIGTERM: {self._last_words()}")
        self._bury()

    def _last_words(self) -> str:
        return f"{self._living.stdout[-1500:]} {self._living.stderr[-1500:]}".strip()

    def _bury(self) -> None:
        self._living.kill()
        self._finished_by_former += self._finished
        self._finished = 0
        self._process = None
        self.state = State.DOWN

    def _check_books(self, process: ServiceProcess) -> None:
        try:
            books = process.metrics()
        except (OSError, TimeoutError, AssertionError) as error:
            self._unanswered += 1
            if process.running and self._unanswered == _UNANSWERED_LIMIT:
                self._problem(
                    f"{self.name} did not answer {_UNANSWERED_LIMIT} times: {type(error).__name__}"
                )
            return
        self._unanswered = 0
        read, left = books["records_consumed_total"], sum(books[name] for name in _NOT_FINISHED)
        self._finished = int(sum(books[name] for name in _FINISHED))
        if read != self._finished + left:
            self._problem(
                f"the books of {self.name} do not balance: {read:.0f} read, {self._finished} finished, {left:.0f} not"
            )
