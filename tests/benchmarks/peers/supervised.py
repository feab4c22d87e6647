"""A peer's process, started again whenever it ends by itself, as Kubernetes would, and what it used of the machine."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.benchmarks.peers.environments import ROOT
from tests.benchmarks.usage import cpu_seconds
from tests.memory.resident import peak_resident_bytes

RESTARTS_MAX = 30
# Ends the process once our end of stdin closes without a word: when the runner itself was killed.
_OUTLIVED_BY_NOBODY = 'read -r _ || kill -KILL "$1"'
_SHOWN_CHARACTERS = 3_000
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class GivenUp(RuntimeError):
    """The process went on ending by itself; the message has the end of what it printed."""


class Supervised:
    """One command, from `start` to the end of the block. Call `look` often: it starts the process again and reads its use.

    It is ended with SIGKILL, there is nothing to see any more by then. Its output is in `log`.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], directory: Path
    ) -> None:
        self._command = command
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment = {**kept, "PYTHONPATH": str(ROOT), **environment}
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._ended_cpu_seconds = self._cpu_seconds = 0.0
        self.log = directory / "output"
        self.peak_bytes = 0
        self.restarts = 0

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the process and those before it, as of the last look."""
        return self._ended_cpu_seconds + self._cpu_seconds

    def start(self) -> None:
        """Start the process; what an earlier one used is kept."""
        self._ended_cpu_seconds += self._cpu_seconds
        self._cpu_seconds = 0.0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._end_watch()
        pid = str(self._process.pid)
        self._watch = subprocess.Popen(
            ["sh", "-c", _OUTLIVED_BY_NOBODY, "sh", pid], stdin=subprocess.PIPE
        )

    def look(self) -> None:
        """Note what it used, or start it again. Raises GivenUp after too many starts."""
        process = self._process
        assert process is not None
        if process.poll() is not None:
            self.restarts += 1
            if self.restarts > RESTARTS_MAX:
                message = f"ended {self.restarts} times; it said:\n{self.said()}"
                raise GivenUp(message)
            self.start()
            return
        try:
            self._cpu_seconds = cpu_seconds(process.pid)
            self.peak_bytes = max(self.peak_bytes, peak_resident_bytes(process.pid))
        except (psutil.NoSuchProcess, StopIteration):
            return  # it has just ended; the next look sees that

    def kill(self) -> None:
        """End it with SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._end_watch()

    def said(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-_SHOWN_CHARACTERS:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def _end_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.kill()
            watch.wait()
            assert watch.stdin is not None
            watch.stdin.close()
