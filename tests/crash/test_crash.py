"""Everything is broken on purpose, by seed; nothing may be lost, and nothing wrong. `python -m tests.crash` does it for longer."""

from pathlib import Path

import pytest

from tests.crash.__main__ import plan_for
from tests.crash.driver import run
from tests.crash.plan import Plan
from tests.crash.report import summary, trouble
from tests.crash.world import CrashCluster, MortalEmbeddedCluster
from tests.kafka_cluster import ClusterKind
from tests.kafka_cluster.real_kafka import RealKafka

# Chosen for what they hold: kills, a stop, a long pause, a broker restart, an outage, late uploads, lost answers.
SHORT_SEEDS = (401, 408)
SHORT_SECONDS = 8


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SHORT_SEEDS)
def test_nothing_is_lost_and_nothing_wrong_whatever_breaks(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_for(seed, ClusterKind.EMBEDDED, SHORT_SECONDS)
    with MortalEmbeddedCluster() as cluster:
        told = run_well(plan, cluster, tmp_path)
    with capsys.disabled():
        print(f"\n{told}")


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_wrong_on_a_real_kafka_for_two_minutes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_for(1, ClusterKind.REAL, 120)
    (tmp_path / "kafka").mkdir()
    # A broker of its own: this one goes down, and no other test should see it.
    with RealKafka(tmp_path / "kafka") as cluster:
        told = run_well(plan, cluster, tmp_path / "replicas")
    with capsys.disabled():
        print(f"\n{told}")


def run_well(plan: Plan, cluster: CrashCluster, directory: Path) -> str:
    """Run, and fail with everything there is to know unless all is well; returns the numbers in words."""
    directory.mkdir(exist_ok=True)
    verdict = run(plan, cluster, directory)
    if not verdict.ok:
        pytest.fail(trouble(verdict))
    return summary(verdict)
