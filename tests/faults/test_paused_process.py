"""A process that is frozen while its partitions are given away, and comes back not knowing it."""

import signal
from pathlib import Path

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind, Operation
from consumer.sandbox.segment_encoders import as_json
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import produce
from tests.scenarios.events import VIP, enters, leaves, rows_of
from tests.scenarios.process import eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings
from tests.segment_events import Fields

ANA = "ana@example.com"
# The answer comes while the process is frozen: when it wakes, the file is the next thing it does.
MINTS_SLOWLY = Fault(kind=FaultKind.DELAY_SECONDS, delay_seconds=4, operation=Operation.MINT)


@pytest.mark.timeout(120)
def test_a_process_that_was_frozen_does_not_undo_what_was_sent_in_its_place(
    kafka_cluster: KafkaCluster, tmp_path: Path
) -> None:
    with (
        surroundings(kafka_cluster, partitions=1) as around,
        service_processes(tmp_path) as start,
    ):
        settings = {**around.settings, "EVENT_FORMAT": "json"}
        frozen = start(settings)
        eventually("it has the partition", lambda: frozen.metric("assigned_partitions"))
        other = start(settings)
        other.wait_until_ready()
        around.add_fault(MINTS_SLOWLY)
        write(around, enters(ANA))
        eventually("it waits for its URL", lambda: "minting" in frozen.get("/status")[1])

        frozen.send(signal.SIGSTOP)
        eventually("the other has the partition", lambda: other.metric("assigned_partitions"))
        around.clear_faults()
        around.wait_until_all_committed(seconds=30)
        assert around.members(VIP) == rows_of([ANA])
        write(around, leaves(ANA))
        around.wait_until_all_committed(seconds=30)
        uploads = around.uploads()

        frozen.send(signal.SIGCONT)
        eventually("it knows", lambda: frozen.metric("records_released_total"))
        eventually("it is at rest", lambda: frozen.metric("lanes_busy") == 0)

        assert around.uploads() == uploads
        assert around.members(VIP) == {}


def write(around: Surroundings, event: Fields) -> None:
    produce(around.cluster.bootstrap_servers, around.topic, [(b"ana", as_json(event))])
