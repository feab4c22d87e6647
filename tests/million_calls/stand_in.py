"""LiveIntent's stand-in as a process of its own, and what it says of the calls it got."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_ANSWER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class StandIn:
    """Where it is, and the settings to reach it with."""

    url: str
    settings: Mapping[str, str]

    def add_fault(self, **fault: object) -> None:
        """Switch a fault on, by the names of `Fault`."""
        self._ask("faults", json.dumps(fault).encode())

    def calls(self, sink: str) -> dict[str, Any]:
        """What one of the sinks was sent, counted."""
        summary: dict[str, Any] = self._ask("direct-calls")[sink]
        return summary

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        # POST when there is a body.
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", body)
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
            said: dict[str, Any] = json.loads(answer.read())
            return said


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Start one; it is gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "consumer", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where it logs each fault
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield StandIn(said["url"], said["settings"])
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
