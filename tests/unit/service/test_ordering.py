import asyncio
from dataclasses import dataclass, field

import pytest
import structlog
from prometheus_client import CollectorRegistry

from consumer.kafka.offset_ledger import PartitionId
from consumer.service.ordering import SHARED_AFTER_SECONDS, OrderingWatch
from consumer.telemetry.metrics import Metrics

FOUR = {"events": 4}


@dataclass
class Scene:
    """An ordering watch, and the counts it reads."""

    without_key: int = 0
    wandering: int = 0
    held: list[PartitionId] = field(default_factory=list)
    topic_partitions: dict[str, int] = field(default_factory=lambda: dict(FOUR))
    seconds: float = 0.0
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))

    def __post_init__(self) -> None:
        self.watch = OrderingWatch(
            records_without_key=lambda: self.without_key,
            members_on_several_partitions=lambda: self.wandering,
            held=lambda: self.held,
            topic_partitions=lambda: self.topic_partitions,
            metrics=self.metrics,
            now=lambda: self.seconds,
        )

    def holds(self, partitions: int) -> None:
        """Hold so many of the four, for as long as it takes to be sure of it."""
        self.held = [PartitionId("events", number) for number in range(partitions)]
        self.watch.look()
        self.seconds += SHARED_AFTER_SECONDS
        self.watch.look()

    def metric(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"segment_liveintent_{name}")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def warnings(scene: Scene, *, without_key: int = 0, wandering: int = 0) -> list[str]:
    """What is warned of at the next look, with so many more counted."""
    scene.without_key += without_key
    scene.wandering += wandering
    with structlog.testing.capture_logs() as lines:
        scene.watch.look()
    assert {line["log_level"] for line in lines} <= {"warning"}
    return [line["event"] for line in lines]


def test_counts_reach_the_metrics_whoever_reads_the_topic(scene: Scene) -> None:
    scene.holds(4)
    warnings(scene, without_key=7, wandering=2)
    warnings(scene, without_key=1)

    assert scene.metric("records_without_key_total") == 8
    assert scene.metric("members_on_several_partitions_total") == 2


def test_one_replica_alone_has_nothing_to_fear_from_records_without_keys(scene: Scene) -> None:
    scene.holds(4)

    assert warnings(scene, without_key=7, wandering=2) == []


def test_beside_other_replicas_each_danger_is_warned_of_once_with_the_remedy(scene: Scene) -> None:
    scene.holds(2)

    (keys,) = warnings(scene, without_key=7)
    (partitions,) = warnings(scene, wandering=1)
    assert "without a key" in keys
    assert "several partitions" in partitions
    for text in (keys, partitions):
        assert text.endswith("Key the topic by userId, or run one replica.")
    assert warnings(scene, without_key=7, wandering=1) == []


def test_what_was_counted_while_we_were_alone_is_no_reason_to_warn(scene: Scene) -> None:
    scene.holds(4)
    warnings(scene, without_key=7, wandering=2)

    scene.holds(2)
    assert warnings(scene) == []
    assert len(warnings(scene, without_key=1)) == 1


def test_a_rebalance_is_no_reason_to_warn(scene: Scene) -> None:
    scene.holds(4)
    scene.held = scene.held[:2]
    scene.watch.look()
    scene.seconds += SHARED_AFTER_SECONDS - 1

    assert warnings(scene, without_key=1) == []


async def test_it_looks_until_it_is_cancelled(scene: Scene) -> None:
    scene.without_key = 1
    running = asyncio.create_task(scene.watch.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})

    assert scene.metric("records_without_key_total") == 1
