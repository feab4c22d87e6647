"""`python -m tests.cluster.fetch`: build what the cluster consists of, once per machine. Needs Go, and some minutes."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chart import tools
from tests.kafka_cluster.maven import CACHE

SOURCES = Path(__file__).parent / "programs"
KUBERNETES = "1.34.4"
# What Kubernetes says of itself; its own build writes it in so.
_VERSION = "k8s.io/component-base/version"
_STAMP = (
    f"-X {_VERSION}.gitVersion=v{KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"
)
_CALLED = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
DEBIAN = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "socat": "socat",
    "ip": "iproute2",
    "openssl": "openssl",
}
"""Programs that are not built, and the Debian packages that have them; and containernetworking-plugins."""


def programs() -> Path:
    """Return the folder of the cluster's programs, built if need be. Raises `ToolUnavailable`."""
    folder = _cache() / f"programs-{_sign()}"
    if folder.is_dir():
        return folder
    if shutil.which("go") is None:
        raise tools.ToolUnavailable("Go is missing: Kubernetes is built from its module")
    with tempfile.TemporaryDirectory(dir=_cache(), prefix="building-") as scratch:
        built = Path(scratch) / "programs"
        built.mkdir()
        _build("kubernetes", ".", built / "kubernetes", _STAMP)
        _build("beside", "./dns", built / "coredns")
        _build("beside", "./pause", built / "pause")
        _build("compose", ".", built / "compose")
        for name in _CALLED:
            (built / name).symlink_to("kubernetes")
        built.rename(folder)  # In one step: another run may be looking for it.
    return folder


def missing() -> list[str]:
    """Return the Debian packages that have to be installed first."""
    lacking = [package for program, package in DEBIAN.items() if shutil.which(program) is None]
    plugins = Path("/usr/lib/cni/bridge").is_file()
    return lacking if plugins else [*lacking, "containernetworking-plugins"]


def _build(module: str, package: str, program: Path, stamp: str = "") -> None:
    done = subprocess.run(
        [
            "go",
            "build",
            "-trimpath",
            f"-ldflags=-s -w {stamp}".rstrip(),
            "-o",
            str(program),
            package,
        ],
        cwd=SOURCES / module,
        env={**os.environ, "CGO_ENABLED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        message = f"go build {package} of {module} failed: {done.stderr[-2000:]}"
        raise tools.ToolUnavailable(message)


def _sign() -> str:
    """Changes with whatever the programs are built from."""
    digest = hashlib.sha256(KUBERNETES.encode())
    for file in sorted(SOURCES.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _cache() -> Path:
    folder = (
        Path(os.environ.get(CACHE) or Path.home() / ".cache" / "segment-liveintent") / "cluster"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> int:
    """Build and fetch what is missing; 1 with the reason on stderr when it cannot be had."""
    if lacking := missing():
        print(f"Install these Debian packages first: {' '.join(lacking)}", file=sys.stderr)
        return 1
    try:
        found = [programs(), tools.kubectl(), tools.helm(tools.HELM_4), tools.helm(tools.HELM_3)]
    except tools.ToolUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(["The cluster's programs are:", *map(str, found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
