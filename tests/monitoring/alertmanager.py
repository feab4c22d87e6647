"""A real Alertmanager with the rules of docs/operations.md, and a real Prometheus's way to it."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.paths import ROOT
from tests.ports import LOOPBACK, free_ports
from tests.scenarios.process import eventually

START_SECONDS = 30
ANSWER_SECONDS = 10
SETTLED_SECONDS = 60
RECEIVER = "on-call"


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Its HTTP API. Every call blocks for a moment at most."""

    url: str

    def tell(self, *alerts: dict[str, str]) -> None:
        """Say that alerts with these labels fire, as Prometheus would, and return when they are seen."""
        body = json.dumps([{"labels": labels} for labels in alerts]).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
        wanted = {labels["alertname"] for labels in alerts}
        eventually("the alerts are seen", lambda: wanted <= self.kept_back().keys())

    def kept_back(self) -> dict[str, bool]:
        """Return each alert's name, and whether it is kept back by another."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=ANSWER_SECONDS) as answer:
            alerts: list[dict[str, Any]] = json.load(answer)
        return {
            alert["labels"]["alertname"]: bool(alert["status"]["inhibitedBy"]) for alert in alerts
        }

    def wait_until(self, name: str, *, kept_back: bool) -> None:
        """Return once it knows this alert, and keeps it back or does not."""
        eventually(
            f"{name} is {'kept back' if kept_back else 'told'}",
            lambda: self.kept_back().get(name) is kept_back,
            seconds=SETTLED_SECONDS,
        )


def configuration() -> dict[str, Any]:
    """The inhibit rules of docs/operations.md, with one receiver for everything."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(inhibit_rules:.*?)```", page, re.DOTALL)
    route = {"receiver": RECEIVER, "group_by": ["namespace", "alertname"]}
    return {"route": route, "receivers": [{"name": RECEIVER}], **yaml.safe_load(block)}


def program(name: str) -> str:
    """Return where this program is, or fail the test."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} is not on the PATH. On Debian: apt-get install prometheus-alertmanager"
        )
    return found


@contextmanager
def alertmanager(directory: Path) -> Iterator[Alertmanager]:
    """Start an Alertmanager, and end it with the block. `directory` must be new."""
    directory.mkdir(parents=True)
    file = directory / "alertmanager.yml"
    file.write_text(yaml.safe_dump(configuration()))
    (port,) = free_ports(1)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus-alertmanager"),
                f"--config.file={file}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--cluster.listen-address=",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not _ready(url):
            assert process.poll() is None, (directory / "log").read_text()
            assert time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.1)
        yield Alertmanager(url)
    finally:
        process.kill()
        process.wait()


def _ready(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/-/ready", timeout=ANSWER_SECONDS).close()
    except urllib.error.URLError:
        return False
    return True
