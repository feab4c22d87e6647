"""A real Prometheus that scrapes one process, every second."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.rules import JOB, Rendered
from tests.ports import LOOPBACK, free_ports
from tests.scenarios.process import eventually

SCRAPE_SECONDS = 1
START_SECONDS = 30
ANSWER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that fires, with its labels; name, severity and kind are among them."""

    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its HTTP API. Every call blocks for a moment at most."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query. An expression Prometheus refuses raises HTTPError."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def firing(self) -> list[FiringAlert]:
        """Return the alerts that fire at this moment."""
        return [
            FiringAlert(labels=alert["labels"], annotations=alert["annotations"])
            for alert in self._get("alerts")["alerts"]
            if alert["state"] == "firing"
        ]

    def wait_for_alert(self, name: str, *, seconds: float) -> FiringAlert:
        """Return the alert once it fires."""

        def look() -> list[FiringAlert]:
            return [alert for alert in self.firing() if alert.name == name]

        return eventually(f"{name} fires", look, seconds=seconds)[0]

    def wait_until_silent(self, name: str, *, seconds: float) -> None:
        """Return once no alert of this name fires."""
        eventually(
            f"{name} is silent",
            lambda: all(alert.name != name for alert in self.firing()),
            seconds=seconds,
        )

    def wait_for_scrapes(self, number: int, *, seconds: float = START_SECONDS) -> None:
        """Return once the process has been scraped so many times more."""
        wanted = self._scrapes() + number
        eventually(f"{number} scrapes", lambda: self._scrapes() >= wanted, seconds=seconds)

    def _scrapes(self) -> int:
        found = self.query(f'count_over_time(up{{job="{JOB}"}}[1h])')
        return int(found[0]["value"][1]) if found else 0

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data


@contextmanager
def prometheus(
    directory: Path, *, target_port: int, rules: Rendered, alertmanager_url: str = ""
) -> Iterator[Prometheus]:
    """Start a Prometheus with these rules that scrapes this port, and end it with the block.

    It tells an Alertmanager, if there is one, of what fires.
    """
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("prometheus is not on the PATH. On Debian: apt-get install prometheus")
    directory.mkdir(parents=True)
    rules.write(directory / "rules.yml")
    configuration = _configuration(target_port) | _alerting(alertmanager_url)
    (directory / "prometheus.yml").write_text(json.dumps(configuration))
    (port,) = free_ports(1)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://{LOOPBACK}:{port}"
        _wait_until_ready(process, url, directory / "log")
        yield Prometheus(url)
    finally:
        process.kill()
        process.wait()


def _configuration(target_port: int) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "scrape_timeout": f"{SCRAPE_SECONDS}s",
            "evaluation_interval": f"{SCRAPE_SECONDS}s",
        },
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": JOB, "static_configs": [{"targets": [f"{LOOPBACK}:{target_port}"]}]}
        ],
    }


def _alerting(alertmanager_url: str) -> dict[str, Any]:
    if not alertmanager_url:
        return {}
    target = alertmanager_url.removeprefix("http://")
    return {"alerting": {"alertmanagers": [{"static_configs": [{"targets": [target]}]}]}}


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=ANSWER_SECONDS).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
