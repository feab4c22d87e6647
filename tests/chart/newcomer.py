"""`python -m tests.chart.newcomer`: what the chart's README tells a newcomer to do, done and timed.

From `helm install` with five values to the first audience in the sandbox. There is no cluster: Helm renders what it would
install, and the pod of the rendered Deployment runs as processes of this machine (`pod_process`), against an embedded
Kafka into which events flow. `make test-cluster` does the same in a real cluster.
"""

import json
import re
import shlex
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.segment_encoders import as_json
from consumer.sandbox.segment_feed import FeedOptions, segment_feed
from tests.chart import tools
from tests.chart.paths import CHART, ROOT
from tests.chart.pod_process import PodProcess, pod_process
from tests.chart.rendering import NEWEST, Object, objects_in, run_helm, the
from tests.kafka_cluster.topics import produce
from tests.ports import LOOPBACK
from tests.scenarios.process import eventually

KAFKA_OF_THE_README = "kafka:9092"
DEAD_LETTERS = "segment-liveintent.dead-letters"
FIRST_AUDIENCE_SECONDS = 120
ANSWER_SECONDS = 5
EVENTS = 300


@dataclass(slots=True)
class Steps:
    """What was done, and the seconds each took; `show` is told as it happens."""

    show: Callable[[str], None]
    taken: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a block."""
        before = time.monotonic()
        yield
        self.taken.append((what, time.monotonic() - before))
        self.show(f"{self.taken[-1][1]:6.1f} s  {what}")

    @property
    def seconds(self) -> float:
        """All of it."""
        return sum(seconds for _, seconds in self.taken)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a newcomer sees in the end: an audience, how many are in it, and how the pod's containers ended."""

    audience: str
    members: int
    steps: Steps
    exit_codes: dict[str, int]


def install_command() -> list[str]:
    """Return the `helm install` of the chart's README, as a shell would split it."""
    text = (CHART / "README.md").read_text("utf-8")
    found = re.search(r"^```\n(helm install .*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, "the chart's README has no helm install"
    return shlex.split(found[1].replace("\\\n", " "))


def values_of(command: list[str]) -> dict[str, str]:
    """Return what a Helm command sets, by name."""
    given = [each for option, each in pairwise(command) if option == "--set"]
    return dict(each.split("=", 1) for each in given)


def follow(helm: Path, folder: Path, show: Callable[[str], None]) -> Outcome:
    """Do it all. `folder` must be new. Raises `PodFailed`, `Refused` or TimeoutError where the path breaks off."""
    command = install_command()
    topic = values_of(command)["settings.KAFKA_TOPICS"]
    steps = Steps(show)
    with EmbeddedKafka() as kafka:
        for name in (topic, DEAD_LETTERS):
            kafka.create_topic(name, partitions=1)
        with steps.step("helm install, with five values"):
            deployment = the("Deployment", _installed(helm, command, kafka.bootstrap_servers))
        pod = deployment["spec"]["template"]
        sandbox = int(_sandbox_port(pod))
        with pod_process(pod, folder, sidecar_port=sandbox) as running:
            with steps.step("the pod is ready"):
                running.start()
                running.wait_for_probe("consumer", "startupProbe")
                running.wait_for_probe("consumer", "readinessProbe")
            with steps.step("events are on the topic"):
                produce(kafka.bootstrap_servers, topic, newcomers_events())
            with steps.step("the first audience stands in the sandbox, with members"):
                (audience, members), *_ = eventually(
                    "an audience with members",
                    lambda: _audiences(running, sandbox),
                    seconds=FIRST_AUDIENCE_SECONDS,
                )
            codes = running.stop()
    return Outcome(audience=audience, members=members, steps=steps, exit_codes=codes)


def _installed(helm: Path, command: list[str], bootstrap_servers: str) -> list[Object]:
    """What the command would install: the same command, without a cluster and with the Kafka there is."""
    _, install, release, chart, *options = command
    assert (install, ROOT / chart) == ("install", CHART)
    options = [each.replace(KAFKA_OF_THE_README, bootstrap_servers) for each in options]
    return objects_in(
        run_helm(
            helm, "template", release, str(CHART), "--kube-version", f"{NEWEST}.0", *options
        )
    )  # fmt: skip


def _sandbox_port(pod: Object) -> str:
    (sandbox,) = pod["spec"]["initContainers"]
    arguments: list[str] = sandbox["args"]
    return arguments[arguments.index("--port") + 1]


def newcomers_events() -> list[tuple[bytes | None, bytes]]:
    options = FeedOptions(events=EVENTS, undecodable=0, consent_category=None)
    return [(item.key, as_json(item.value)) for item in segment_feed(options)]


def _audiences(running: PodProcess, sandbox: int) -> list[tuple[str, int]]:
    """Those with members, and how many."""
    running.must_run()
    url = f"http://{LOOPBACK}:{running.port(sandbox)}/_sandbox/state"
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
        state: dict[str, Any] = json.load(answer)
    counted = ((each["name"], each["member_count"]) for each in state["audiences"])
    return [(name, members) for name, members in counted if members > 0]


def main() -> int:
    """Follow the path once, and say what each step took."""
    helm = tools.helm(tools.HELM_4)
    with tempfile.TemporaryDirectory() as folder:
        outcome = follow(helm, Path(folder) / "pod", print)
    print(
        f"{outcome.steps.seconds:6.1f} s  from helm install to the audience {outcome.audience} with {outcome.members} members"
    )
    return 0 if set(outcome.exit_codes.values()) == {0} else 1


if __name__ == "__main__":
    sys.exit(main())
