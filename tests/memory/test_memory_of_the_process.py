"""The budget is true: whatever waits, the running process stays below MEMORY_BUDGET_MB and what is stated beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.settings.process import MEMORY_BESIDE_BUDGET_MB
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.kafka_cluster.real_kafka import RealKafka
from tests.memory.backlog import Backlog
from tests.memory.resident import MEBIBYTE
from tests.memory.watched import work_through
from tests.scenarios.process import Start, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

PARTITIONS = 6
# Of MEMORY_BESIDE_BUDGET_MB, without a full guard, events of a megabyte or large fetches: less hides behind it.
FEW_MEMBERS = 1_000
BESIDE_WITHOUT_EXTREMES_MB = 112
DEADLINE_SECONDS = 480

BACKLOGS = {
    "a million small events": (Backlog(records=1_000_000, change_every=8), 128),
    "wide events": (Backlog(records=15_000, padding_bytes=20_000), 128),
    "many audiences": (Backlog(records=30_000, audiences=300), 48),
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with service_processes(tmp_path) as start:
        yield start


@pytest.mark.kafka
@pytest.mark.timeout(DEADLINE_SECONDS + 120)
@pytest.mark.parametrize("name", BACKLOGS)
def test_a_process_with_a_large_backlog_and_a_slow_liveintent_stays_within_its_memory(
    real_kafka: RealKafka, start: Start, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    backlog, budget_mb = BACKLOGS[name]
    with surroundings(real_kafka, partitions=PARTITIONS) as around:
        backlog.produce(around.cluster.bootstrap_servers, around.topic)
        work = work_through(
            backlog, around, start,
            settings={"MEMORY_BUDGET_MB": str(budget_mb)}, deadline_seconds=DEADLINE_SECONDS,
        )  # fmt: skip
        limit_mb = budget_mb + MEMORY_BESIDE_BUDGET_MB
        _print(capsys, work.line(name, backlog, budget_mb=budget_mb, limit_mb=limit_mb))

        assert work.peak_bytes <= limit_mb * MEBIBYTE
        assert around.uncommitted() == 0
        assert {name: _emails_of(around, name) for name in backlog.audience_names} == (
            backlog.members()
        )


@pytest.mark.timeout(120)
def test_a_process_stays_within_a_small_budget_while_liveintent_is_stuck_and_then_slow(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    backlog, budget_mb = Backlog(records=30_000, change_every=2, padding_bytes=500), 16
    with EmbeddedCluster() as cluster, surroundings(cluster, partitions=PARTITIONS) as around:
        backlog.produce(cluster.bootstrap_servers, around.topic)
        work = work_through(
            backlog, around, start,
            settings=_small(budget_mb), deadline_seconds=60,
        )  # fmt: skip
        limit_mb = budget_mb + BESIDE_WITHOUT_EXTREMES_MB
        _print(capsys, work.line("small budget", backlog, budget_mb=budget_mb, limit_mb=limit_mb))

        assert work.peak_bytes <= limit_mb * MEBIBYTE
        assert {name: _emails_of(around, name) for name in backlog.audience_names} == (
            backlog.members()
        )


@pytest.mark.timeout(120)
def test_a_process_stays_within_its_memory_while_all_it_holds_becomes_dead_letters(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    backlog, budget_mb = Backlog(records=30_000), 64
    refused = {"LIVEINTENT_AUTO_CREATE": "false"}
    with EmbeddedCluster() as cluster, surroundings(cluster, partitions=PARTITIONS) as around:
        backlog.produce(cluster.bootstrap_servers, around.topic)
        work = work_through(
            backlog, around, start,
            settings={**_small(budget_mb), **refused, "FLUSH_SECONDS": "5"}, deadline_seconds=60,
        )  # fmt: skip
        limit_mb = budget_mb + BESIDE_WITHOUT_EXTREMES_MB
        _print(capsys, work.line("dead letters", backlog, budget_mb=budget_mb, limit_mb=limit_mb))

        assert work.peak_bytes <= limit_mb * MEBIBYTE
        assert work.dead_lettered == backlog.records


def _small(budget_mb: int) -> dict[str, str]:
    return {"MEMORY_BUDGET_MB": str(budget_mb), "LATEST_STATE_MEMBERS": str(FEW_MEMBERS)}


def _emails_of(around: Surroundings, audience: str) -> set[str]:
    return around.members(audience).get("EMAIL_HASH", set())


def _print(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(f"\n{line}")
