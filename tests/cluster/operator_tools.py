"""The cluster as an operator sees it: kubectl and Helm."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

COMMAND_SECONDS = 180


class CommandFailed(RuntimeError):
    """A command ended with another code than 0; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster, seen as an operator does: by kubectl and Helm, which are asked in one namespace."""

    kubectl_program: Path
    kubeconfig: Path

    def run(self, program: Path, *arguments: str, stdin: str = "") -> str:
        """Return what a command prints. Raises `CommandFailed`."""
        done = subprocess.run(
            [str(program), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            message = f"{program.name} {' '.join(arguments)}: {done.stderr}{done.stdout}"
            raise CommandFailed(message)
        return done.stdout + done.stderr

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """The same of kubectl."""
        return self.run(self.kubectl_program, *arguments, stdin=stdin)

    def get(self, *what: str) -> dict[str, Any]:
        """Return an object, or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *what, "-o", "json"))
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    @contextmanager
    def forwarded(self, what: str, port: int) -> Iterator[int]:
        """Yield a port of this machine that leads to one of a pod's, as `kubectl port-forward` does it."""
        forward = subprocess.Popen(
            [str(self.kubectl_program), "port-forward", what, f"{port}:{port}"],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert forward.stdout is not None
        try:
            said = forward.stdout.readline()
            if not said.startswith("Forwarding"):
                raise CommandFailed(said)
            yield port
        finally:
            forward.kill()
            forward.communicate()
