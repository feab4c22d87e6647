"""What /metrics says after a day with faults, as Prometheus's own checker reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from consumer.sandbox.segment_feed import FeedOptions
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.scenarios.process import eventually, service_processes
from tests.scenarios.surroundings import surroundings

CHECK_SECONDS = 30
FAULTS = (
    Fault(operation="search", kind=FaultKind.STATUS, status=503, times=1),
    Fault(operation="mint", kind=FaultKind.UNAUTHORIZED_WRAPPED, times=1),
    Fault(operation="mint", kind=FaultKind.STATUS, status=429, retry_after=0.2, times=1),
    Fault(operation="uploads", kind=FaultKind.RESET, times=2),
    Fault(kind=FaultKind.STORAGE_403, times=1),
    Fault(kind=FaultKind.UPLOAD_ERROR, times=2),
)


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is not on the PATH. On Debian: apt-get install prometheus")
    return found


@pytest.mark.promtool
@pytest.mark.timeout(120)
def test_promtool_has_nothing_to_say_of_the_metrics_after_a_day_with_faults(
    promtool: str, tmp_path: Path
) -> None:
    feed = FeedOptions(events=2000, people=300, undecodable=5)
    with (
        EmbeddedCluster() as cluster,
        surroundings(cluster) as around,
        service_processes(tmp_path / "service") as start,
    ):
        for fault in FAULTS:
            around.add_fault(fault)
        process = start(around.settings)
        around.produce_feed(feed)
        around.wait_until_all_committed(seconds=60)
        cluster.set_broker_down()
        eventually("Kafka's errors are counted", lambda: process.metric("kafka_errors_total"))
        _, metrics = process.get("/metrics")

    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=metrics,
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
