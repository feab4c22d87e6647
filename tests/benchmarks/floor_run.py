"""Rows (a) and (b): reading and decoding alone, each run a process of its own."""

import os
import subprocess
import sys

import orjson

from tests.benchmarks.floor import Floor
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.stage import Stage, Topic
from tests.benchmarks.stand_ins import stand_ins

RUN_SECONDS = 300


def run_floor(stage: Stage, topic: Topic, floor: Floor) -> Measurement:
    """Read the topic from its beginning in a new process, and do no more than this with it."""
    records = len(topic.feed.records)
    with stand_ins() as around:
        said = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.floor", floor, str(records)],
            env={**os.environ, **stage.settings(around, topic.name)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=RUN_SECONDS,
            check=True,
        )
    return Measurement(events=records, **orjson.loads(said.stdout))
