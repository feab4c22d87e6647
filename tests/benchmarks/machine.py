"""What ran, and on what: a number without it is worth nothing."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

_PACKAGES = ("confluent-kafka", "fastavro", "orjson", "aiohttp", "uvloop", "prometheus-client")
_HERE = Path(__file__).parent


def surroundings(command: Sequence[str], *, kafka: str) -> dict[str, str]:
    """Machine, versions, commit, time and command, as texts."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    return {
        "command": " ".join(command),
        "commit": _commit(),
        "time": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "load before": load,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": f"{packages}, librdkafka {confluent_kafka.libversion()[0]}",
        "kafka": kafka,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _commit() -> str:
    try:
        found = _git("rev-parse", "--short", "HEAD")
        return f"{found} with changes" if _git("status", "--porcelain") else found
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    said = subprocess.run(
        ["git", *arguments], cwd=_HERE, capture_output=True, text=True, check=True
    )
    return said.stdout.strip()
