"""What the compose file's containers run, run here: Kafka with its variables, the topics, the sandbox, the service, the example.

There is no container engine and no image of others. What is theirs is taken from what they document: Kafka's image makes
a property of each variable, and has Kafka's own scripts. Names of containers become loopback.
"""

import json
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.paths import ROOT
from tests.chart.pod_process import PodProcess
from tests.kafka_cluster.real_kafka import CONTROLLER, PLAINTEXT, RealKafka
from tests.ports import LOOPBACK, free_ports
from tests.scenarios.process import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

TEXT = (ROOT / "compose.yaml").read_text("utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
KAFKA = "kafka:9092"
HTTP_PORT, SANDBOX_PORT = 8080, 8081
TOPICS, PRODUCE = "/opt/kafka/bin/kafka-topics.sh", "/opt/kafka/bin/kafka-console-producer.sh"
_TOOLS = {
    TOPICS: "org.apache.kafka.tools.TopicCommand",
    PRODUCE: "org.apache.kafka.tools.ConsoleProducer",
}


class ComposeKafka(RealKafka):
    """The broker with the variables of the compose file, and nothing else but where it listens."""

    def tool(self, command: str, stdin: str = "") -> None:
        """Run a command line of one of Kafka's scripts."""
        script, *arguments = shlex.split(command.replace(KAFKA, self.bootstrap_servers))
        java = self._java("tool", _TOOLS[script], *arguments, heap="256m")
        subprocess.run(java, input=stdin, text=True, timeout=60, check=True, cwd=self._directory)


def test_an_event_sent_as_the_file_says_makes_a_member_in_the_sandbox(tmp_path: Path) -> None:
    with _kafka(tmp_path) as kafka, _pod(tmp_path / "containers", kafka) as running:
        for command in _topic_commands():
            kafka.tool(command)
        running.start()
        kafka.tool(_example().partition("exec -T kafka ")[2], stdin=_example_event() + "\n")
        url = f"http://{LOOPBACK}:{running.port(SANDBOX_PORT)}/_sandbox/state"
        audiences = eventually("an audience", lambda: _audiences(running, url), seconds=90)

    assert [each["member_count"] > 0 for each in audiences] == [True]


def _audiences(running: PodProcess, url: str) -> list[dict[str, Any]]:
    running.must_run()
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["audiences"]
    except OSError:
        return []  # It is still starting.
    return [each for each in found if each["member_count"]]


@contextmanager
def _kafka(folder: Path) -> Iterator[ComposeKafka]:
    variables: dict[str, str] = SERVICES["kafka"]["environment"]
    properties = {_property(name): value for name, value in variables.items()}
    assert {properties.pop(name) for name in ("listeners", "advertised.listeners")} == {
        f"{PLAINTEXT}://:9092,{CONTROLLER}://:9093",
        f"{PLAINTEXT}://{KAFKA}",
    }
    assert properties.pop("controller.quorum.voters") == "1@kafka:9093"
    (folder / "kafka").mkdir()
    with ComposeKafka(folder / "kafka", properties=properties) as broker:
        yield broker


def _property(variable: str) -> str:
    """As the image documents it: KAFKA_ goes, a _ becomes a dot. (More of them are not used.)"""
    assert "__" not in variable
    return variable.removeprefix("KAFKA_").lower().replace("_", ".")


@contextmanager
def _pod(folder: Path, kafka: ComposeKafka) -> Iterator[PodProcess]:
    """The two containers that share an address, which is what a pod is."""
    settings: dict[str, str] = SERVICES["consumer"]["environment"]
    environment = settings | {
        "HTTP_PORT": str(HTTP_PORT),
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SCHEMA_REGISTRY_URL": f"http://{LOOPBACK}:9",  # The example is JSON: nobody asks it.
    }
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    sandbox = {"name": "sandbox", "args": SERVICES["sandbox"]["command"]}
    consumer = {"name": "consumer", "args": ["run"], "env": variables}
    spec = {
        "containers": [sandbox, consumer],
        "terminationGracePeriodSeconds": int(SERVICES["consumer"]["stop_grace_period"].rstrip("s")),
    }
    ports = dict(zip((HTTP_PORT, SANDBOX_PORT), free_ports(2), strict=True))
    running = PodProcess({"spec": spec}, folder, ports)
    try:
        yield running
    finally:
        running.stop()


def _topic_commands() -> list[str]:
    """The lines of the container that makes the topics, as its shell would run them."""
    assert SERVICES["topics"]["entrypoint"] == ["/bin/sh", "-ec"]
    (script,) = SERVICES["topics"]["command"]
    spied = script.replace("$$", "$").replace(TOPICS, f"echo {TOPICS}")
    done = subprocess.run(
        ["/bin/sh", "-ec", spied], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.splitlines()


def _example() -> str:
    """The command of the file's header, as one line."""
    lines = [line.removeprefix("#").strip() for line in TEXT.splitlines() if line.startswith("#")]
    text = " ".join(lines)
    return text[text.index("jq -c") : text.index(" Written without")].strip()


def _example_event() -> str:
    path = _example().split()[3]
    assert _example().startswith(f"jq -c . {path} |")
    return json.dumps(json.loads((ROOT / path).read_text("utf-8")))
