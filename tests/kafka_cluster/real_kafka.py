"""A real Apache Kafka broker, started from its jars on loopback."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka_cluster import ClusterKind
from tests.kafka_cluster.group_tool import GroupPartition, group_partitions
from tests.kafka_cluster.maven import fetched_jars
from tests.ports import LOOPBACK, free_ports

KAFKA_VERSION = "4.3.1"
# Kafka's own tools are not among the broker's dependencies, nor is the bridge between its two logging libraries.
ARTIFACTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
PLAINTEXT = "PLAINTEXT"
CONTROLLER = "CONTROLLER"
START_TRIES = 3
START_SECONDS = 60
STOP_SECONDS = 20
TOOL_SECONDS = 60
SHOWN_LINES = 30

# Runs the broker until our end of stdin closes: by `stop`, or because the test run was killed.
WHILE_STDIN_IS_OPEN = """
exec 3<&0
"$@" </dev/null & broker=$!
{ cat <&3 >/dev/null; kill "$broker"; } & watch=$!
wait "$broker"; code=$?
kill "$watch"
exit "$code"
"""
# Quick to start: the client compiler only, one thread of garbage collection.
JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
LOG4J = """status = error
appender.file.type = Console
appender.file.name = out
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = {level}
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
"""
# One broker, and a machine shared with the tests: one copy of everything, few threads, small buffers.
BROKER_PROPERTIES: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": CONTROLLER,
    "inter.broker.listener.name": PLAINTEXT,
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "1",
    "log.cleaner.dedupe.buffer.size": "4194304",
}


def kafka_jars() -> Path:
    """Return the folder of Kafka's jars, fetched if need be. Raises `JavaUnavailable`."""
    return fetched_jars(f"kafka-{KAFKA_VERSION}", *ARTIFACTS)


class RealKafka:
    """One Apache Kafka broker (KRaft, broker and controller in one process), from construction to `stop`.

    `directory` must be empty; the broker's data, settings and log (`broker.log`) go there. `listeners` are security
    protocols (PLAINTEXT always among them, for the tests' own use) and `properties` are broker settings that win
    over those above: SASL_PLAINTEXT with its mechanisms, say. Every call blocks.
    """

    kind = ClusterKind.REAL

    def __init__(
        self,
        directory: Path,
        *,
        listeners: tuple[str, ...] = (),
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._jars = kafka_jars()
        self._names = (PLAINTEXT, *listeners, CONTROLLER)
        self._properties = dict(properties or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = directory / "broker.log"
        for name, level in (("broker", "INFO"), ("tool", "WARN")):
            (directory / f"{name}-log4j2.properties").write_text(LOG4J.replace("{level}", level))
        for attempt in range(1, START_TRIES + 1):
            self.log_file.unlink(missing_ok=True)
            self._format()
            try:
                self.start()
                break
            except RuntimeError:
                # Somebody else may have taken one of the free ports meanwhile.
                if attempt == START_TRIES or "Address already in use" not in self._log():
                    raise

    @property
    def bootstrap_servers(self) -> str:
        """Where plaintext clients connect."""
        return self.address(PLAINTEXT)

    @property
    def pid(self) -> int:
        """The process whose child the broker is, while it runs."""
        assert self._process is not None
        return self._process.pid

    def address(self, listener: str) -> str:
        """Return where clients of this security protocol connect. It outlives `restart`."""
        return f"{LOOPBACK}:{self._ports[listener]}"

    def create_topic(
        self, topic: str, *, partitions: int, config: Mapping[str, str] | None = None
    ) -> None:
        """Create a topic and wait until it has its leaders."""
        new = NewTopic(topic, partitions, 1, config=dict(config or {}))
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_topics([new])[topic].result(timeout=START_SECONDS)
        deadline = time.monotonic() + START_SECONDS
        while True:
            found = admin.list_topics(topic, timeout=START_SECONDS).topics[topic]
            if len(found.partitions) == partitions and all(
                partition.leader == 1 for partition in found.partitions.values()
            ):
                return
            if time.monotonic() > deadline:
                message = f"topic {topic} has no leaders after {START_SECONDS} seconds"
                raise TimeoutError(message)
            time.sleep(0.02)

    def start(self) -> None:
        """Start the broker on the data it has, and return when it answers."""
        broker = self._java("broker", "kafka.Kafka", str(self._settings_file), heap="512m")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", WHILE_STDIN_IS_OPEN, "sh", *broker],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                start_new_session=True,
            )
        admin = AdminClient(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,  # it will be refused a few times
            }
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                admin.list_topics(timeout=0.5)
            except KafkaException:
                if self._process.poll() is None and time.monotonic() < deadline:
                    continue
            else:
                return
            self.stop()
            message = f"Kafka did not start; {self.log_file} has:\n{self._what_went_wrong()}"
            raise RuntimeError(message)

    def stop(self) -> None:
        """Shut the broker down in good order, or after some seconds without mercy. Stopping again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def restart(self) -> None:
        """Stop the broker and start it again, on the same data and addresses."""
        self.stop()
        self.start()

    def consumer_groups(self, *arguments: str) -> str:
        """Run Kafka's consumer-group tool (`kafka-consumer-groups`) and return what it prints.

        Raises RuntimeError with the tool's own words where it fails. Takes about two seconds, most of it Java's.
        """
        tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
        return self._run(tool, "--bootstrap-server", self.bootstrap_servers, *arguments)

    def consumer_groups_describe(self, group: str) -> list[GroupPartition]:
        """Return what Kafka's consumer-group tool says of a group: committed offset, end and lag per partition."""
        return group_partitions(self.consumer_groups("--describe", "--group", group))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _settings_file(self) -> Path:
        return self._directory / "server.properties"

    def _format(self) -> None:
        """Choose ports, write the settings, and lay out empty storage for them."""
        self._ports = dict(zip(self._names, free_ports(len(self._names)), strict=True))
        data = self._directory / "data"
        shutil.rmtree(data, ignore_errors=True)
        addresses = {name: f"{name}://{self.address(name)}" for name in self._names}
        public = [address for name, address in addresses.items() if name != CONTROLLER]
        settings = {
            **BROKER_PROPERTIES,
            "log.dirs": str(data),
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(public),
            "listener.security.protocol.map": ",".join(
                f"{name}:{PLAINTEXT if name == CONTROLLER else name}" for name in self._names
            ),
            "controller.quorum.voters": f"1@{self.address(CONTROLLER)}",
            **self._properties,
        }
        lines = (f"{name}={value}\n" for name, value in settings.items())
        self._settings_file.write_text("".join(lines))
        cluster = str(uuid.uuid4())
        settings_file = str(self._settings_file)
        self._run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", settings_file)

    def _run(self, main_class: str, *arguments: str) -> str:
        result = subprocess.run(
            self._java("tool", main_class, *arguments, heap="256m"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS,
            cwd=self._directory,
            check=False,
        )
        # The group tool says "Error: ..." and still exits 0.
        if result.returncode != 0 or result.stdout.lstrip().startswith("Error:"):
            message = f"{main_class} failed: {result.stdout[-2000:]}{result.stderr[-2000:]}"
            raise RuntimeError(message)
        return result.stdout

    def _java(self, role: str, main_class: str, *arguments: str, heap: str) -> list[str]:
        logging = self._directory / f"{role}-log4j2.properties"
        options = (*JAVA_OPTIONS, f"-Xmx{heap}", f"-Dlog4j2.configurationFile={logging}")
        return ["java", *options, "-cp", f"{self._jars}/*", main_class, *arguments]

    def _log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _what_went_wrong(self) -> str:
        """Its errors and its last lines: a broker that cannot start says so long before it has shut down."""
        lines = self._log().splitlines()
        wrong = [line for line in lines if " ERROR " in line or line.startswith("Caused by:")]
        return "\n".join(wrong[:SHOWN_LINES] + lines[-SHOWN_LINES:])
