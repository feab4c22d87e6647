"""Jars fetched by Maven, once per machine, and kept outside the checkout."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CACHE = "SEGMENT_LIVEINTENT_CACHE"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
COPY_DEPENDENCIES = f"{PLUGIN}:copy-dependencies"
UNPACK = f"{PLUGIN}:unpack"
FETCH_TRIES = 3
FETCH_SECONDS: float = 300
RETRY_SECONDS: float = 2
SHOWN_CHARACTERS = 2000


class JavaUnavailable(RuntimeError):
    """A Java program cannot be had on this machine; the message says what to do about it."""


def fetched_jars(name: str, *artifacts: str) -> Path:
    """Return a folder with these artifacts (`group:artifact:version`) and all they need to run.

    They are fetched if this machine has not got them, with Maven as it is configured here; `name` names the folder,
    and must change whenever the artifacts do. Two runs at once do no harm: each fetches, and one folder stays.
    Raises `JavaUnavailable`.
    """
    return _cached(name, lambda scratch: _fetch(scratch, artifacts))


def unpacked_archive(name: str, artifact: str) -> Path:
    """Return a folder with what is in this archive (`group:artifact:version:type:classifier`).

    For the rest like `fetched_jars`.
    """
    return _cached(name, lambda scratch: _unpack(scratch, artifact))


def _cached(name: str, fetch: Callable[[Path], Path]) -> Path:
    require_programs("java", "mvn")
    cache = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "segment-liveintent")
    jars = cache / name
    if jars.is_dir():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
        fetched = fetch(Path(scratch))
        try:
            fetched.rename(jars)
        except OSError:
            if not jars.is_dir():  # else another run was quicker, and its jars are as good
                raise
    return jars


def require_programs(*names: str) -> None:
    """Raise `JavaUnavailable` naming the programs that are not installed, and how to install them."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        message = (
            f"not installed: {', '.join(missing)}. On Debian: apt-get install default-jre-headless maven"
            " (any Java from 17 on will do; openjdk-17-jre-headless is one)"
        )
        raise JavaUnavailable(message)


def _fetch(scratch: Path, artifacts: tuple[str, ...]) -> Path:
    """Have Maven copy the jars below `scratch`. A network may fail now and then; three times is an answer."""
    pom = scratch / "pom.xml"
    pom.write_text(_pom(artifacts))
    jars = scratch / "jars"
    _run_maven(
        [f"--file={pom}", COPY_DEPENDENCIES, "-DincludeScope=runtime", f"-DoutputDirectory={jars}"],
        wanted=artifacts,
    )
    return jars


def _unpack(scratch: Path, artifact: str) -> Path:
    content = scratch / "content"
    _run_maven(
        [UNPACK, f"-Dartifact={artifact}", f"-DoutputDirectory={content}"], wanted=[artifact]
    )
    return content


def _run_maven(arguments: Sequence[str], *, wanted: Sequence[str]) -> None:
    """Run Maven until it succeeds, three times at most."""
    said = ""
    for attempt in range(FETCH_TRIES):
        time.sleep(attempt * RETRY_SECONDS)
        try:
            subprocess.run(
                ["mvn", "--batch-mode", "--quiet", *arguments],
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
    message = f"Maven failed {FETCH_TRIES} times to fetch {', '.join(wanted)}. It said:\n{said[-SHOWN_CHARACTERS:]}"
    raise JavaUnavailable(message)


def _pom(artifacts: tuple[str, ...]) -> str:
    dependencies = ""
    for group, artifact, version in (coordinates.split(":") for coordinates in artifacts):
        dependencies += (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>segment-liveintent</groupId>"
        "<artifactId>jars-for-tests</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )
