"""A virtual environment for each requirement file, under build/: the peers' packages never meet ours."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
REQUIREMENTS = Path(__file__).parent / "requirements"
BUILD = ROOT / "build" / "peers"
_INSTALL_SECONDS = 300
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def interpreter(requirements: str) -> Path:
    """Return the interpreter that has the packages of this file, installed first if need be.

    With pip as it is configured here, hashes checked. An environment is used again while its file stays the same. Raises
    CalledProcessError when the packages cannot be had.
    """
    file = REQUIREMENTS / f"{requirements}.txt"
    wanted = hashlib.sha256(file.read_bytes() + sys.version.encode()).hexdigest()[:12]
    directory = BUILD / f"{requirements}-{wanted}"
    python = directory / "bin" / "python"
    if not (directory / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(file)],
            check=True,
            timeout=_INSTALL_SECONDS,
        )
        (directory / "complete").touch()
    return python


def pinned_versions(text: str) -> dict[str, str]:
    """The versions a requirement file names, by package."""
    return {name.lower(): version for name, version in _PINNED.findall(text)}


def version_of(requirements: str, package: str) -> str:
    """The version of a package in this file. Raises KeyError."""
    return pinned_versions((REQUIREMENTS / f"{requirements}.txt").read_text())[package]
