"""What the chart's containers run exists in the program, and does what the chart relies on."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.main import get_command

from consumer.cli.app import app
from tests.chart.paths import CHART
from tests.chart.rendering import containers, objects, pods

VARIANTS_WITH_ARGUMENTS = (
    "minimal",
    "sandbox",
    "replay",
    "replay-keda",
    "replay-hpa",
    "replay-beside",
)
TRY_SECONDS = 20


@pytest.fixture
def service() -> Iterator[tuple[str, list[int]]]:
    """A server whose /readyz answers with the statuses of a list, one after the other, and the last for ever."""
    statuses = [200]

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()
            self.wfile.write(b"because")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/readyz", statuses
        server.shutdown()
        thread.join()


def asked(url: str, *, seconds: float) -> subprocess.CompletedProcess[str]:
    """The test pod's script, as Kubernetes would run it."""
    return subprocess.run(
        [sys.executable, "-c", (CHART / "files" / "ready.py").read_text("utf-8")],
        env={**os.environ, "READY_URL": url, "READY_SECONDS": str(seconds)},
        capture_output=True,
        text=True,
        timeout=TRY_SECONDS,
        check=False,
    )


def test_the_test_pod_succeeds_as_soon_as_the_service_is_ready(
    service: tuple[str, list[int]],
) -> None:
    url, statuses = service
    statuses[:] = [503, 200]

    done = asked(url, seconds=TRY_SECONDS)

    assert (done.returncode, done.stdout.strip()) == (0, "Ready: because")


def test_the_test_pod_fails_with_what_the_service_said(service: tuple[str, list[int]]) -> None:
    url, statuses = service
    statuses[:] = [503]

    done = asked(url, seconds=0.1)

    assert (done.returncode, done.stdout.strip()) == (1, "Not ready: 503 because")


def test_the_test_pod_fails_when_nobody_answers() -> None:
    done = asked("http://127.0.0.1:9/readyz", seconds=0.1)

    assert done.returncode == 1
    assert "refused" in done.stdout


@pytest.mark.chart
@pytest.mark.parametrize("variant", VARIANTS_WITH_ARGUMENTS)
def test_every_command_line_of_a_container_is_one_the_program_takes(
    helm4: Path, variant: str
) -> None:
    found = 0
    for name, pod in pods(objects(helm4, CHART / "ci" / f"{variant}-values.yaml")):
        for container in containers(pod):
            if "command" in container:
                continue
            found += 1
            command, arguments = get_command(app), [str(each) for each in container["args"]]
            while arguments and arguments[0] in getattr(command, "commands", {}):
                command = command.commands[arguments.pop(0)]  # type: ignore[attr-defined]
            # Parses and converts, and runs nothing.
            command.make_context(name, arguments)
    assert found >= 1
