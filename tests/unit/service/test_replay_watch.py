from prometheus_client import CollectorRegistry

from consumer.kafka.lag import Lag
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.replay_marker import ReplayMarker
from consumer.service.replay_watch import ReplayWatch
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.unit.kafka.replays import ONE, ZERO


class Scene:
    """Two partitions of ours: where they are, where they were, and by which replay."""

    def __init__(self, *, side_replay_id: str | None = None) -> None:
        self.committed: dict[PartitionId, int | None] = {ZERO: 50, ONE: 50}
        self.until: dict[PartitionId, int] = {}
        self.markers: dict[PartitionId, ReplayMarker] = {}
        self.metrics = Metrics(CollectorRegistry())
        self.watch = ReplayWatch(
            held=lambda: [ZERO, ONE],
            markers=lambda: self.markers,
            progress=self,
            side_replay_id=side_replay_id,
            metrics=self.metrics,
        )

    def lag(self, partition: PartitionId) -> Lag:
        return Lag(committed=self.committed[partition], end=100, records=1, unread=1)

    def replays_to(self, partition: PartitionId) -> int | None:
        return self.until.get(partition)

    def shown(self) -> tuple[float | None, float | None]:
        self.watch.look()
        value = self.metrics.registry.get_sample_value
        return value(f"{PREFIX}_replay_active"), value(f"{PREFIX}_replay_records_left")

    def named(self, replay_id: str) -> float | None:
        name = f"{PREFIX}_replay_info"
        return self.metrics.registry.get_sample_value(name, {"replay_id": replay_id})


def test_without_a_replay_nothing_is_under_way() -> None:
    assert Scene().shown() == (0, 0)


def test_a_replay_is_under_way_until_every_partition_is_where_it_was() -> None:
    scene = Scene()
    scene.until = {ZERO: 80, ONE: 60}
    scene.markers = dict.fromkeys((ZERO, ONE), ReplayMarker("one", "a" * 64, 80))

    begun = scene.shown()
    name = scene.named("one")
    scene.committed = {ZERO: 80, ONE: 59}
    nearly = scene.shown()
    scene.committed = {ZERO: 81, ONE: 60}
    over = scene.shown()

    assert (begun, nearly, over) == ((1, 40), (1, 1), (0, 0))
    assert (name, scene.named("one")) == (1, None)


def test_offsets_set_back_by_another_tool_are_a_replay_without_a_name() -> None:
    scene = Scene()
    scene.until = {ZERO: 80}

    assert scene.shown() == (1, 30)
    assert scene.named("") == 1


def test_where_the_group_is_not_known_nothing_is_claimed() -> None:
    scene = Scene()
    scene.until, scene.committed = {ZERO: 80}, {ZERO: None, ONE: None}

    assert scene.shown() == (0, 0)


def test_a_process_that_is_there_for_a_replay_is_at_it_until_it_ends() -> None:
    scene = Scene(side_replay_id="beside")

    assert scene.shown() == (1, 0)
    assert scene.named("beside") == 1
