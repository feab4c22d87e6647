"""One node that is a whole Kubernetes, and the Kafka beside it. Only inside the namespaces of `tests.cluster`."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster import node_settings
from tests.cluster.node_settings import ADDRESS, CONTAINERD, PAUSE, TOKEN
from tests.cluster.operator_tools import COMMAND_SECONDS, Cluster, CommandFailed
from tests.kafka_cluster.real_kafka import CONTROLLER, RealKafka
from tests.scenarios.process import eventually

KAFKA_NAME, KAFKA_PORT = "kafka", 9092
_START_SECONDS = 60
TRIES = 3
# What they write outside the folder they are given.
_PRIVATE = ("/var/lib/kubelet", "/var/lib/cni", "/var/log", "/run")


class ClusterKafka(RealKafka):
    """A real Apache Kafka that pods reach as `kafka:9092`, as does whoever has the name in /etc/hosts."""

    def address(self, listener: str) -> str:
        return f"{ADDRESS}:9093" if listener == CONTROLLER else f"{KAFKA_NAME}:{KAFKA_PORT}"


@contextmanager
def cluster(folder: Path, *, programs: Path, kubectl: Path, image: Path) -> Iterator[Cluster]:
    """Yield a cluster with this image (an OCI archive) on its one node. `folder` must be new."""
    folder.mkdir()
    _prepare(folder)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(node_settings.kubeconfig()))
    found = Cluster(kubectl, kubeconfig)
    with ExitStack() as stack:
        node = _Node(folder, programs, stack)
        node.start("containerd", "containerd", "-c", node_settings.containerd_settings(folder))
        node.start("etcd", "etcd", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync")
        node.start(
            "kube-apiserver",
            str(programs / "kube-apiserver"),
            *node_settings.api_server_arguments(folder),
        )
        node.eventually("the API server", lambda: "ok" in _said(found, "get", "--raw=/readyz"))
        as_admin = (f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0")
        key = f"--service-account-private-key-file={folder / 'sa.key'}"
        for name, more in (("kube-controller-manager", (key,)), ("kube-scheduler", ())):
            node.start(name, str(programs / name), *as_admin, *more)
        node.start(
            "coredns",
            str(programs / "coredns"),
            "-conf",
            node_settings.coredns_settings(folder, kubeconfig),
        )
        _import(folder, programs / "pause", image)
        (folder / "kubelet.yaml").write_text(json.dumps(node_settings.KUBELET))
        node.start(
            "kubelet", str(programs / "kubelet"), f"--config={folder / 'kubelet.yaml'}",
            f"--kubeconfig={kubeconfig}", "--hostname-override=node", f"--node-ip={ADDRESS}",
        )  # fmt: skip
        node.eventually("a ready node", lambda: " Ready" in _said(found, "get", "nodes"))
        yield found


class _Node:
    """The node's processes, each with a log of its own."""

    def __init__(self, folder: Path, programs: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._processes[name] = process
        self._stack.callback(_end, process)

    def eventually(self, what: str, look: Callable[[], bool]) -> None:
        def look_while_running() -> bool:
            for name, process in self._processes.items():
                assert process.poll() is None, (self._folder / f"{name}.log").read_text()[-4000:]
            return look()

        eventually(what, look_while_running, seconds=_START_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _said(found: Cluster, *arguments: str) -> str:
    try:
        return found.kubectl(*arguments)
    except CommandFailed:
        return ""


def _prepare(folder: Path) -> None:
    """Mounts and a network for a node, inside our namespaces."""
    _must("mount", "--make-rshared", "/")
    for each in _PRIVATE:
        Path(each).mkdir(parents=True, exist_ok=True)
        _must("mount", "-t", "tmpfs", "tmpfs", each)
        _must("mount", "--make-rshared", each)
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} {KAFKA_NAME}\n")
    _must("mount", "--bind", str(hosts), "/etc/hosts")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    _must("ip", "link", "set", "lo", "up")
    _must("ip", "link", "add", "cni0", "type", "bridge")
    _must("ip", "address", "add", f"{ADDRESS}/24", "dev", "cni0")
    _must("ip", "link", "set", "cni0", "up")
    _must("ip", "route", "add", "default", "via", ADDRESS)  # The API server asks which way is out.
    _must("openssl", "genrsa", "-out", str(folder / "sa.key"), "2048")
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')


def _import(folder: Path, pause: Path, image: Path) -> None:
    """Give the node its two images: the pods' own, and the service's under the name the chart has for it."""
    stores = ("--storage-driver", "vfs", "--root", str(folder / "store"), "--runroot", "/run/store")
    made = _must("buildah", *stores, "from", "scratch").strip()
    _must("buildah", *stores, "copy", "-q", made, str(pause), "/pause")
    _must("buildah", *stores, "config", "--entrypoint", '["/pause"]', "--user", "65535", made)
    _must("buildah", *stores, "commit", "-q", made, PAUSE)
    archive = folder / "pause.tar"
    _must("buildah", *stores, "push", "-q", PAUSE, f"oci-archive:{archive}:{PAUSE}")
    ctr = ("ctr", "-a", CONTAINERD, "-n", "k8s.io", "images")
    _must(*ctr, "import", str(archive))
    _must(*ctr, "import", str(image))
    _must(*ctr, "tag", "localhost/segment-liveintent:latest", "docker.io/library/segment-liveintent:0.1.0")  # fmt: skip


def _must(*command: str) -> str:
    """Return what a command prints. containerd may not listen at once, so it is tried again. Raises `CommandFailed`."""
    said = ""
    for attempt in range(TRIES):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return done.stdout
        said = done.stderr + done.stdout
        time.sleep(attempt)
    message = f"{' '.join(command)}: {said}"
    raise CommandFailed(message)
