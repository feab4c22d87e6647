"""A process that is killed in the middle of its conversions, and the next one that takes over."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.choices import DirectCallSink
from consumer.sandbox.liveintent_state import SandboxOptions
from tests.kafka_cluster import KafkaCluster
from tests.million_calls.stand_in import StandIn, stand_in
from tests.million_calls.visits import Visits
from tests.scenarios.process import Start, eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

CALLS = 400
FINISHED_SECONDS = 60


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with service_processes(tmp_path) as start:
        yield start


@pytest.mark.timeout(120)
def test_a_killed_process_loses_no_conversion_and_none_counts_twice(
    kafka_cluster: KafkaCluster, start: Start
) -> None:
    with surroundings(kafka_cluster) as around, stand_in() as liveintent:
        # Counted at once, answered late: many are counted and not committed when the process dies.
        liveintent.add_fault(operation="convert", kind="delay_after_effect", delay_seconds=0.3)
        settings = _settings(around, liveintent)
        Visits(
            kafka_cluster.bootstrap_servers, around.topic, sink=DirectCallSink.CONVERSIONS
        ).write(CALLS)
        first = start(settings)
        eventually(
            "some conversions are counted", lambda: liveintent.calls("conversions")["distinct"]
        )
        first.kill()
        start(settings)
        around.wait_until_all_committed(seconds=FINISHED_SECONDS)
        seen = liveintent.calls("conversions")

    assert seen["distinct"] == CALLS
    assert seen["repeated"] > 0
    assert seen["breaches"] == {}


def _settings(around: Surroundings, liveintent: StandIn) -> dict[str, str]:
    sandbox = SandboxOptions()
    return {
        **around.settings,
        "EVENT_FORMAT": "json",
        "SEGMENT_CONSENT_CATEGORIES": "",
        "KAFKA_PROPERTIES": json.dumps(
            {**json.loads(around.settings["KAFKA_PROPERTIES"]), "session.timeout.ms": "3000"}
        ),
        "DIRECT_CALLS": "page,track",
        "DIRECT_CALL_SINK": "conversions",
        "DIRECT_CALL_CONCURRENCY": "8",
        "DIRECT_CALL_REQUESTS_PER_SECOND": "500",
        "LIVEINTENT_CONVERSIONS_URL": liveintent.url,
        "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": sandbox.conversions_customer_id,
        "LIVEINTENT_CONVERSIONS_TOKEN": sandbox.conversions_token,
        "LIVEINTENT_PIXEL_ID": "4711",
    }
