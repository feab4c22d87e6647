"""One row's service under a profiler, and what it says."""

import pstats
import sys
from enum import StrEnum
from io import StringIO
from pathlib import Path

from tests.benchmarks import sampling
from tests.benchmarks.rows import FLOORS, PACED, Row
from tests.benchmarks.service_run import run_service
from tests.benchmarks.suite import Suite

PROFILED = tuple(row for row in Row if row not in FLOORS | PACED | {Row.ONE, Row.TWO})
_SHOWN = 60


class Profiler(StrEnum):
    """How the service is watched."""

    SAMPLES = "samples"
    """Where processor time goes, undistorted; starting Python left out."""
    CALLS = "calls"
    """cProfile: every call counted, and small functions dearer than they are."""


def profile(suite: Suite, row: Row, profiler: Profiler, directory: Path) -> str:
    """Run the row's service under a profiler; returns the functions that cost most. Sees the event loop's thread."""
    directory.mkdir(parents=True, exist_ok=True)
    file = (directory / f"profile-{row}-{profiler}").absolute()
    options = {
        Profiler.SAMPLES: ("-m", "tests.benchmarks.sampling", str(file)),
        Profiler.CALLS: ("-m", "cProfile", "-o", str(file)),
    }[profiler]
    measured = run_service(suite.stage, suite.topic(row), python=(sys.executable, *options))
    found = sampling.report(file) if profiler is Profiler.SAMPLES else _calls(file)
    threads = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in measured.threads.items())
    wrong = [f"WRONG: {sentence}" for sentence in measured.wrong]
    cost = f"{measured.cpu_seconds_per_million:.1f} CPU s/M with the profiler; by thread: {threads}"
    return "\n".join([found, "", *wrong, cost, f"the profile is in {file}"])


def _calls(file: Path) -> str:
    report = StringIO()
    for order in ("tottime", "cumulative"):
        pstats.Stats(str(file), stream=report).sort_stats(order).print_stats(_SHOWN)
    return report.getvalue()
