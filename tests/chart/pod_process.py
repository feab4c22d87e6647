"""A rendered pod's containers as processes of this machine, where there is no cluster to run them.

What is the same as on Kubernetes: each container's arguments, every variable of its environment and no other, the order
(a sidecar runs before the containers do), the probes with their paths and pace, SIGTERM and the grace period. What is
not: the processes are the checkout's, not the image's; they have the rights of whoever runs this; and a pod has an
address and a /tmp of its own, which here become free ports and a folder.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.chart.rendering import Object, containers
from tests.ports import LOOPBACK, free_ports

TMP = "/tmp"  # where the chart mounts it
PROGRAM = (sys.executable, "-m", "consumer")
"""What the image's ENTRYPOINT is."""
SHOWN_CHARACTERS = 4000
# What an image brings along: where programs are, and where Python finds the checkout.
_OF_THE_IMAGE = ("PATH", "LANG", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")


class PodFailed(RuntimeError):
    """A container ended, or its probe never succeeded; the message has what it said."""


class PodProcess:
    """A running pod. `port` says where a container port of it is; every call blocks, and has a deadline."""

    def __init__(self, pod: Object, folder: Path, ports: Mapping[int, int]) -> None:
        self._spec = pod["spec"]
        self._folder = folder
        self._ports = ports
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "tmp").mkdir(parents=True)

    def port(self, container_port: int) -> int:
        """Return where this port of the pod is."""
        return self._ports[container_port]

    def start(self) -> None:
        """Start the sidecars, then the containers, in their order."""
        for container in containers({"spec": self._spec}):
            self._start(container)

    def wait_for_probe(self, container: str, probe: str) -> None:
        """Return once this probe (`startupProbe`, `readinessProbe`) succeeds, asked as often as it says.

        Raises `PodFailed` when it has failed as often as a startup probe may, or the pod has ended.
        """
        spec = next(each for each in containers({"spec": self._spec}) if each["name"] == container)
        named = {each["name"]: each["containerPort"] for each in spec["ports"]}
        asked = spec[probe]["httpGet"]
        url = f"http://{LOOPBACK}:{self.port(named[asked['port']])}{asked['path']}"
        for _ in range(spec["startupProbe"]["failureThreshold"]):
            self.must_run()
            if _succeeds(url, spec[probe]["timeoutSeconds"]):
                return
            time.sleep(spec[probe]["periodSeconds"])
        message = f"the {probe} of {container} never succeeded; {self.said()}"
        raise PodFailed(message)

    def must_run(self) -> None:
        """Raise `PodFailed` when a container has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                message = f"container {name} ended with {process.returncode}; {self.said()}"
                raise PodFailed(message)

    def said(self) -> str:
        """Return the end of every container's log."""
        logs = (
            f"{name} said:\n{self._log(name).read_text()[-SHOWN_CHARACTERS:]}"
            for name in self._running
        )
        return "\n".join(logs)

    def stop(self) -> dict[str, int]:
        """Send SIGTERM as Kubernetes does, sidecars last, and return each container's exit code.

        What has not ended within the pod's grace period is killed.
        """
        deadline = time.monotonic() + self._spec["terminationGracePeriodSeconds"]
        codes = {}
        for name, process in reversed(self._running.items()):
            process.send_signal(signal.SIGTERM)
            try:
                codes[name] = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        self._running.clear()
        return codes

    def _start(self, container: Object) -> None:
        environment = {name: os.environ[name] for name in _OF_THE_IMAGE if name in os.environ}
        environment |= {
            each["name"]: self._here(each["value"]) for each in container.get("env", [])
        }
        # The one path that is mounted: whatever asks for a temporary file finds it so.
        environment["TMPDIR"] = str(self._folder / "tmp")
        arguments = [self._here(str(each)) for each in container["args"]]
        with self._log(container["name"]).open("wb") as log:
            self._running[container["name"]] = subprocess.Popen(
                [*PROGRAM, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder / "tmp",
            )

    def _here(self, text: str) -> str:
        """Return a value or an argument with the pod's ports as they are here."""
        for inside, outside in self._ports.items():
            if text == str(inside):
                return str(outside)
            text = text.replace(f"{LOOPBACK}:{inside}", f"{LOOPBACK}:{outside}")
        return text

    def _log(self, container: str) -> Path:
        return self._folder / f"{container}.log"


@contextmanager
def pod_process(pod: Object, folder: Path, *, sidecar_port: int) -> Iterator[PodProcess]:
    """Yield this pod, not yet started, and end it with the block. `folder` must be new.

    Raises ValueError for a pod that needs more than arguments, plain variables and a /tmp.
    """
    spec = pod["spec"]
    plain = all("value" in each for one in containers(pod) for each in one.get("env", []))
    if not plain or any("emptyDir" not in volume for volume in spec["volumes"]):
        raise ValueError(
            "this pod has mounted files, which processes of this machine would not find"
        )
    if any(mount["mountPath"] != TMP for one in containers(pod) for mount in one["volumeMounts"]):
        raise ValueError("this pod mounts something else than /tmp")
    (consumer,) = spec["containers"]
    (http,) = consumer["ports"]
    free = free_ports(2)
    ports = dict(zip((http["containerPort"], sidecar_port), free, strict=True))
    # Where the service is told its port only by its default, the variable says the same of a free one.
    consumer["env"] = [
        {"name": "HTTP_PORT", "value": str(http["containerPort"])},
        *(each for each in consumer["env"] if each["name"] != "HTTP_PORT"),
    ]
    running = PodProcess(pod, folder, ports)
    try:
        yield running
    finally:
        running.stop()


def _succeeds(url: str, timeout_seconds: float) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
