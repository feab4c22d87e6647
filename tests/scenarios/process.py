"""`segment-liveintent run` as a process of its own, and what a test may do to it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from prometheus_client.parser import text_string_to_metric_families

from consumer.telemetry.metrics import PREFIX
from tests.ports import LOOPBACK

START_SECONDS = 30
REQUEST_SECONDS = 5
LOOK_AGAIN_SECONDS = 0.05
SHOWN_CHARACTERS = 4000

# Ends the process once our end of stdin closes without a word: when the test run itself was killed.
_OUTLIVED_BY_NOBODY = 'read -r _ || kill -KILL "$1"'
T = TypeVar("T")


def eventually(what: str, look: Callable[[], T], *, seconds: float = START_SECONDS) -> T:
    """Look until there is something to see, and return it. Raises TimeoutError saying what was waited for."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            message = f"not within {seconds} s: {what}"
            raise TimeoutError(message)
        time.sleep(LOOK_AGAIN_SECONDS)
    return seen


class ServiceProcess:
    """One running `segment-liveintent run`, with these settings and nothing else in its environment.

    Every call blocks, and has a deadline. `directory` must be new; what is printed goes there. `python` may have
    options of the interpreter, a profiler among them.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        directory: Path,
        *,
        python: Sequence[str] = (sys.executable,),
    ) -> None:
        directory.mkdir(parents=True)
        self._stdout, self._stderr = directory / "stdout", directory / "stderr"
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [*python, "-m", "consumer", "run"],
                env={**_surroundings(), **settings},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=directory,
            )
        self._watch = subprocess.Popen(
            ["sh", "-c", _OUTLIVED_BY_NOBODY, "sh", str(self._process.pid)], stdin=subprocess.PIPE
        )
        self._http_port: int | None = None

    def __str__(self) -> str:
        code = self._process.poll()
        state = "is running" if code is None else f"ended with {code}"
        said = f"{self.stdout}{self.stderr}"[-SHOWN_CHARACTERS:]
        return f"process {self._process.pid} {state}; it said:\n{said}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def stdout(self) -> str:
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    def log_lines(self) -> list[dict[str, Any]]:
        """Return what it has logged. A line that is no JSON object fails the test."""
        complete, _, _ = self._stdout.read_bytes().rpartition(b"\n")
        lines = [orjson.loads(line) for line in complete.splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return lines

    def wait_for_line(self, sentence: str, *, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Return the first log line with this event, once there is one. Extra words may follow."""

        def look() -> dict[str, Any]:
            found = (line for line in self.log_lines() if line["event"].startswith(sentence))
            return next(found, {})

        return self._while_running(f"the log line {sentence!r}", look, seconds=seconds)

    def wait_until_ready(self, *, seconds: float = START_SECONDS) -> None:
        """Return once /readyz answers 200."""
        self._while_running("ready", lambda: self.get("/readyz")[0] == 200, seconds=seconds)

    @property
    def http_port(self) -> int:
        """Where it answers. Waits for that while it starts."""
        if self._http_port is None:
            self._http_port = int(self.wait_for_line("Started.")["http_port"])
        return self._http_port

    def get(self, path: str) -> tuple[int, str]:
        """Ask one of its endpoints; returns the status and the body. Waits for the port while it starts."""
        connection = http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=REQUEST_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            assert self.running, str(self)
            raise
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Return what /metrics says, without our prefix, each sample summed over its labels; others are 0."""
        sums: defaultdict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                sums[sample.name.removeprefix(f"{PREFIX}_")] += sample.value
        return sums

    def metric(self, name: str) -> float:
        """Return one of `metrics`."""
        return self.metrics()[name]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, *, seconds: float) -> int:
        """Return the exit code; negative is the signal that killed it. Raises TimeoutError."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            message = f"not ended within {seconds} s: {self}"
            raise TimeoutError(message) from None

    def kill(self) -> None:
        """End it without mercy, if it is still there, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._watch.kill()
        self._watch.wait()
        assert self._watch.stdin is not None
        self._watch.stdin.close()

    def _while_running(self, what: str, look: Callable[[], T], *, seconds: float) -> T:
        def look_while_running() -> T:
            seen = look()
            assert seen or self.running, f"waited for {what}, but {self}"
            return seen

        try:
            return eventually(what, look_while_running, seconds=seconds)
        except TimeoutError as error:
            message = f"{error}: {self}"
            raise TimeoutError(message) from None


Start = Callable[[Mapping[str, str]], ServiceProcess]
"""Starts a process with these settings."""


@contextmanager
def service_processes(directory: Path) -> Iterator[Start]:
    """Yield a starter of processes, each of which is gone when the block ends, whatever happens in it."""
    started: list[ServiceProcess] = []

    def start(settings: Mapping[str, str]) -> ServiceProcess:
        started.append(ServiceProcess(settings, directory / f"run-{len(started)}"))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()


def _surroundings() -> dict[str, str]:
    """What Python itself and a measurement of coverage need: a developer's own settings must not reach the process."""
    wanted = ("PATH", "HOME", "LANG", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in wanted if name in os.environ}
