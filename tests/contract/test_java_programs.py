"""How tests get and run Java programs; with pretended ones, so this needs neither Java nor a network."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.kafka_cluster import maven
from tests.kafka_cluster.group_tool import GroupPartition, group_partitions
from tests.kafka_cluster.maven import JavaUnavailable, fetched_jars, unpacked_archive
from tests.kafka_cluster.real_kafka import WHILE_STDIN_IS_OPEN

# Puts one jar where it was told to, and shows what it was asked for.
GOOD_MAVEN = """
for argument; do
  case $argument in
    -DoutputDirectory=*) mkdir -p "${argument#*=}"; touch "${argument#*=}/kafka.jar" ;;
    --file=*) cp "${argument#*=}" "$SEGMENT_LIVEINTENT_CACHE/asked.xml" ;;
  esac
done
"""
# Fails the first time.
FLAKY_MAVEN = f"""
mkdir "$SEGMENT_LIVEINTENT_CACHE/tried" && exit 1
{GOOD_MAVEN}
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that comes first on the PATH, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    cache = tmp_path / "cache"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(maven.CACHE, str(cache))
    monkeypatch.setattr(maven, "RETRY_SECONDS", 0)
    write_program(folder / "java", "")
    return folder


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_jars_are_fetched_once(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "mvn", GOOD_MAVEN)
    first = fetched_jars("kafka-1", "org.example:kafka:1")
    write_program(programs / "mvn", "exit 1")
    second = fetched_jars("kafka-1", "org.example:kafka:1")

    assert first == second == tmp_path / "cache" / "kafka-1"
    assert [jar.name for jar in first.iterdir()] == ["kafka.jar"]
    assert (
        "<artifactId>kafka</artifactId><version>1</version>"
        in (tmp_path / "cache" / "asked.xml").read_text()
    )


def test_an_archive_is_fetched_and_unpacked_once(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "mvn", GOOD_MAVEN)
    first = unpacked_archive("registry-1", "org.example:registry:1:tar.gz:all")
    write_program(programs / "mvn", "exit 1")

    assert first == unpacked_archive("registry-1", "org.example:registry:1:tar.gz:all")
    assert first == tmp_path / "cache" / "registry-1"


def test_a_fetch_that_fails_is_tried_again(programs: Path) -> None:
    write_program(programs / "mvn", FLAKY_MAVEN)

    assert (fetched_jars("kafka-1", "org.example:kafka:1") / "kafka.jar").exists()


def test_a_fetch_that_goes_on_failing_tells_what_maven_said(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "mvn", "echo no route to the repository; exit 1")

    with pytest.raises(JavaUnavailable, match=r"org\.example:kafka:1.*\nno route"):
        fetched_jars("kafka-1", "org.example:kafka:1")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_fetch_that_hangs_is_given_up(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maven, "FETCH_SECONDS", 0.1)
    write_program(programs / "mvn", "exec sleep 30")

    with pytest.raises(JavaUnavailable, match=r"nothing within 0\.1 seconds"):
        fetched_jars("kafka-1", "org.example:kafka:1")


def test_the_packages_to_install_are_named(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(JavaUnavailable, match=r"not installed: mvn.*default-jre-headless maven"):
        fetched_jars("kafka-1", "org.example:kafka:1")


def test_a_program_ends_when_nobody_holds_its_stdin_any_more() -> None:
    started = time.monotonic()
    process = subprocess.Popen(
        ["sh", "-c", WHILE_STDIN_IS_OPEN, "sh", "sleep", "60"], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(10) != 0
    assert time.monotonic() - started < 10


def test_a_program_that_ends_by_itself_is_not_waited_for() -> None:
    with subprocess.Popen(
        ["sh", "-c", WHILE_STDIN_IS_OPEN, "sh", "sh", "-c", "exit 3"], stdin=subprocess.PIPE
    ) as process:
        assert process.wait(10) == 3


def test_the_group_tools_table_is_read_by_its_headings() -> None:
    described = """
Consumer group 'g' has no active members.

GROUP  TOPIC   PARTITION  LEADER-EPOCH  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID
g      events  0          3             2               5               3    -            -     -
g      events  1          -             -               7               -    m-1          /127  c
"""

    assert group_partitions(described) == [
        GroupPartition("g", "events", 0, 2, 5, 3, None),
        GroupPartition("g", "events", 1, None, 7, None, "m-1"),
    ]
