import time
from collections.abc import Callable

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, Message
from prometheus_client import CollectorRegistry

from consumer.errors import KafkaFatal
from consumer.kafka.first_start import PartitionStarts
from consumer.kafka.group_lease import GroupLease
from consumer.kafka.last_commit import LastCommit
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.poll_loop import PollLoop
from consumer.kafka.record_listener import IntakeLimits, IntakeWindow, RecordBatch
from consumer.settings import FirstStart
from consumer.telemetry.metrics import Metrics
from tests.builders import a_record
from tests.contract.kafka_reader import Listener
from tests.unit.kafka.scripted_consumer import (
    InlineBridge,
    ScriptedConsumer,
    Step,
    a_message,
    an_end,
    an_error,
)

ZERO = PartitionId("events", 0)


class Scene:
    """A poll loop on a scripted consumer, run on the test's own thread until the script is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: Step) -> None:
        self.time = 0.0
        self.listener = Listener()
        self.bridge = InlineBridge(self.listener)
        self.window = IntakeWindow(IntakeLimits(records=10))
        self.metrics = Metrics(CollectorRegistry())
        self.last = LastCommit([], deadline=1e9)
        self.consumer = ScriptedConsumer([*steps, self.end])
        monkeypatch.setattr("consumer.kafka.poll_loop.Consumer", self.consumer.built)
        self.polling = PollLoop(
            lease=GroupLease(seconds=10.0),
            properties={"group.id": "group"},
            topics=["events"],
            starts=PartitionStarts(group_id="group", first_start=FirstStart.EARLIEST, now=self.now),
            bridge=self.bridge,
            window=self.window,
            metrics=self.metrics,
            now=self.now,
        )
        self.listener.taken = self.window.taken

    def now(self) -> float:
        self.time += 0.001
        return self.time

    def end(self, _consumer: ScriptedConsumer) -> list[Message]:
        self.polling.stop(self.last)
        return []

    def run(self) -> "Scene":
        self.polling.run()
        return self

    def read(self) -> list[tuple[int, int, int]]:
        return [(r.partition, r.offset, r.assignment) for r in self.listener.records]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"segment_liveintent_{name}", labels)


def assigning(*partitions: int) -> Step:
    def step(consumer: ScriptedConsumer) -> list[Message]:
        consumer.assign(*partitions)
        return []

    return step


def reading(*messages: Message) -> Step:
    return lambda _: list(messages)


def raising(error: Exception) -> Step:
    def step(_consumer: ScriptedConsumer) -> list[Message]:
        raise error

    return step


Stage = Callable[..., Scene]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return lambda *steps: Scene(monkeypatch, *steps)


def test_records_of_a_partition_that_was_revoked_in_the_same_call_are_not_handed_over(
    stage: Stage,
) -> None:
    def revoked_meanwhile(consumer: ScriptedConsumer) -> list[Message]:
        consumer.revoke(0)
        return [a_message(5, partition=0), a_message(7, partition=1)]

    scene = stage(assigning(0, 1), revoked_meanwhile).run()

    assert scene.read() == [(1, 7, 1)]
    assert scene.listener.failures == []


def test_a_partition_that_left_and_came_back_in_one_call_is_read_again_from_where_the_group_is(
    stage: Stage,
) -> None:
    # Handed over as they come, 5 and 6 could be from before, and a commit of 7 would skip what lies below.
    def lost_and_back(consumer: ScriptedConsumer) -> list[Message]:
        consumer.lose(0)
        consumer.assign(0)
        return [a_message(5), a_message(6)]

    scene = stage(assigning(0), lost_and_back, reading(a_message(3))).run()

    assert scene.read() == [(0, 3, 3)]
    assert scene.consumer.called("unassign") == [[0]]
    assert scene.consumer.called("assign")[-1] == [(0, OFFSET_INVALID)]
    assert [kind for kind, _ in scene.listener.log] == [
        "assigned",
        *("lost", "assigned"),  # by Kafka
        *("lost", "assigned"),  # by us, to read again
    ]


def test_a_partition_that_left_again_after_it_came_back_is_not_taken_up(stage: Stage) -> None:
    def lost_back_and_lost(consumer: ScriptedConsumer) -> list[Message]:
        consumer.lose(0)
        consumer.assign(0)
        consumer.lose(0)
        return [a_message(5)]

    scene = stage(assigning(0), lost_back_and_lost).run()

    assert scene.read() == []
    assert len(scene.consumer.called("assign")) == 2
    assert scene.metric("assigned_partitions") == 0


def test_every_assignment_has_a_number_of_its_own_and_keeps_it(stage: Stage) -> None:
    scene = stage(
        assigning(0), assigning(1), reading(a_message(1), a_message(2, partition=1)), assigning()
    ).run()

    assert scene.read() == [(0, 1, 1), (1, 2, 2)]
    assert scene.metric("assigned_partitions") == 2
    assert scene.metric("rebalances_total", kind="assigned") == 3


def test_positions_are_known_while_a_partition_is_ours(stage: Stage) -> None:
    seen: list[dict[PartitionId, int]] = []

    def look(consumer: ScriptedConsumer) -> list[Message]:
        seen.append(dict(scene.polling.assignment.positions))
        consumer.lose(0)
        seen.append(dict(scene.polling.assignment.positions))
        return []

    scene = stage()
    scene.consumer.steps = [assigning(0), reading(a_message(4)), look, scene.end]
    scene.run()

    assert seen == [{ZERO: 5}, {}]


def test_a_log_that_ends_with_a_transactions_marker_is_read_to_its_end(stage: Stage) -> None:
    ends: list[dict[PartitionId, int]] = []

    def look(_consumer: ScriptedConsumer) -> list[Message]:
        ends.append(dict(scene.polling.assignment.ends))
        return []

    def ended(consumer: ScriptedConsumer) -> list[Message]:
        return [a_message(5), an_end(7), an_end(3, partition=1)]

    def revoked(consumer: ScriptedConsumer) -> list[Message]:
        consumer.revoke(0)
        return []

    scene = stage(assigning(0), ended, look, revoked, look)
    scene.run()

    # Partition 1 is not ours: an end that was on its way when it left says nothing.
    assert ends == [{ZERO: 7}, {}]


def test_what_is_revoked_is_drained_and_committed_before_it_is_gone(stage: Stage) -> None:
    def revoked(consumer: ScriptedConsumer) -> list[Message]:
        consumer.revoke(0)
        return []

    scene = stage()
    scene.bridge.last = [CommitOffset("events", 0, 8, 3), CommitOffset("events", 1, 9, 3)]
    scene.consumer.steps = [assigning(0, 1), revoked, scene.end]
    scene.run()

    assert scene.bridge.drained == [ZERO]
    assert scene.consumer.called("commit now") == [[(0, 8)]]
    assert scene.metric("offset_commits_total", result="ok") == 2  # and the last one, of nothing
    assert scene.metric("offset_commit_duration_seconds_count") == 1


def test_a_commit_that_fails_on_revoke_is_counted_and_the_partition_given_up_all_the_same(
    stage: Stage,
) -> None:
    scene = stage()
    scene.bridge.last = [CommitOffset("events", 0, 8, 3)]
    scene.consumer.commit_error = KafkaError(KafkaError.ILLEGAL_GENERATION)

    def revoked(consumer: ScriptedConsumer) -> list[Message]:
        consumer.revoke(0)
        return []

    scene.consumer.steps = [assigning(0), revoked, scene.end]
    scene.run()

    assert scene.metric("offset_commits_total", result="failed") == 1
    assert scene.metric("assigned_partitions") == 0
    assert scene.listener.failures == []


def test_the_answer_to_a_revokes_commit_is_not_taken_for_that_to_another(stage: Stage) -> None:
    scene = stage()
    scene.bridge.last = [CommitOffset("events", 0, 8, 3)]
    answers: list[Exception | None] = []

    def commit(consumer: ScriptedConsumer) -> list[Message]:
        offsets = [CommitOffset("events", 1, 20, 3)]
        scene.polling.commits.submit(consumer, offsets, answers.append)  # type: ignore[arg-type]
        return []

    def revoked(consumer: ScriptedConsumer) -> list[Message]:
        steady = consumer.committed_offsets
        consumer.revoke(0)
        revokes = consumer.committed_offsets
        consumer.answer_commit(KafkaError(KafkaError.REBALANCE_IN_PROGRESS), revokes)
        consumer.answer_commit(None, revokes)
        assert answers == []
        consumer.answer_commit(None, steady)
        return []

    scene.consumer.steps = [assigning(0, 1), commit, revoked, scene.end]
    scene.run()

    assert answers == [None]
    assert scene.metric("kafka_errors_total", code="REBALANCE_IN_PROGRESS") == 1
    assert scene.listener.failures == []


def test_an_empty_revocation_drains_nothing(stage: Stage) -> None:
    def revoked(consumer: ScriptedConsumer) -> list[Message]:
        consumer.revoke()
        consumer.lose()
        return []

    scene = stage(assigning(0), revoked).run()

    assert scene.bridge.drained == []
    assert scene.listener.heard("lost") == 0


def test_a_revocation_while_stopping_commits_the_last_offsets_without_another_drain(
    stage: Stage,
) -> None:
    scene = stage()
    last = LastCommit([CommitOffset("events", 0, 8, 3)], deadline=scene.now() + 1)

    def stop(_consumer: ScriptedConsumer) -> list[Message]:
        scene.polling.stop(last)
        return []

    def revoked(consumer: ScriptedConsumer) -> list[Message]:
        consumer.revoke(0)
        consumer.answer_commit(KafkaError(KafkaError.REBALANCE_IN_PROGRESS))
        return [a_message(9)]

    scene.consumer.steps = [assigning(0), stop, revoked, *[reading()] * 1000]
    scene.run()

    assert scene.bridge.drained == []
    assert scene.consumer.called("commit now") == [[(0, 8)]]
    assert scene.read() == []
    assert last.settled


def test_a_failing_callback_ends_the_reader_as_soon_as_the_call_returns(stage: Stage) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    def broken(consumer: ScriptedConsumer) -> list[Message]:
        consumer.incremental_assign = fail  # type: ignore[method-assign,assignment]
        consumer.assign(0)
        return [a_message(1)]

    scene = stage(broken).run()

    (failure,) = scene.listener.failures
    assert isinstance(failure, KafkaFatal)
    assert isinstance(failure.__cause__, ZeroDivisionError)
    assert scene.read() == []
    assert scene.consumer.called("close") == [None]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(reading(an_error(KafkaError._FATAL)), id="a message named so"),
        pytest.param(reading(an_error(KafkaError.FENCED_INSTANCE_ID, fatal=True)), id="a message"),
        pytest.param(
            raising(KafkaException(KafkaError(KafkaError.FENCED_INSTANCE_ID, "text", fatal=True))),
            id="an exception",
        ),
        pytest.param(
            lambda consumer: (
                consumer.settings["error_cb"](
                    KafkaError(KafkaError.FENCED_INSTANCE_ID, "text", fatal=True)
                )
                or []
            ),
            id="the error callback",
        ),
    ],
)
def test_a_fatal_error_ends_the_reader_however_it_is_told(stage: Stage, step: Step) -> None:
    scene = stage(assigning(0), step).run()

    (failure,) = scene.listener.failures
    assert isinstance(failure, KafkaFatal)
    assert "text" in str(failure)
    assert scene.consumer.called("close") == [None]


def test_any_other_failure_of_the_thread_ends_the_process_without_quoting_it(stage: Stage) -> None:
    scene = stage(raising(ValueError("jane@example.com"))).run()

    (failure,) = scene.listener.failures
    assert isinstance(failure, KafkaFatal)
    assert "ValueError" in str(failure)
    assert "jane" not in str(failure)


def test_errors_the_client_recovers_from_are_counted_and_an_end_of_partition_is_none(
    stage: Stage,
) -> None:
    scene = stage(
        assigning(0),
        reading(an_error(KafkaError._PARTITION_EOF), an_error(KafkaError._TRANSPORT), a_message(1)),
        lambda consumer: (
            consumer.settings["error_cb"](KafkaError(KafkaError._ALL_BROKERS_DOWN)) or []
        ),
    ).run()

    assert scene.read() == [(0, 1, 1)]
    assert scene.metric("kafka_errors_total", code="_TRANSPORT") == 1
    assert scene.metric("kafka_errors_total", code="_ALL_BROKERS_DOWN") == 1
    assert scene.metric("kafka_errors_total", code="_PARTITION_EOF") is None
    assert scene.listener.failures == []


def test_every_turn_of_the_loop_shows_in_the_metrics(stage: Stage) -> None:
    scene = stage()
    before = scene.metric("last_poll_timestamp_seconds")
    scene.run()

    assert before == 0
    assert scene.metric("last_poll_timestamp_seconds") == pytest.approx(time.time(), abs=60)


def test_a_consumer_that_does_not_close_in_order_fails_nothing(stage: Stage) -> None:
    scene = stage()
    scene.consumer.close_error = RuntimeError()
    scene.consumer.steps = [scene.end]
    scene.run()

    assert scene.listener.failures == []


def test_with_too_much_handed_over_it_waits_a_moment_without_polling_and_then_pauses(
    stage: Stage,
) -> None:
    scene = stage()
    batch = RecordBatch(tuple(a_record(n) for n in range(10)), 0)
    polled_at: list[float] = []

    def poll(consumer: ScriptedConsumer) -> list[Message]:
        polled_at.append(scene.time)
        return []

    def take(consumer: ScriptedConsumer) -> list[Message]:
        scene.window.taken(batch)
        return []

    def end(consumer: ScriptedConsumer) -> list[Message]:
        assert consumer.called("resume") == [[0], [0]]  # as it came, and when there was room
        return scene.end(consumer)

    def fill(consumer: ScriptedConsumer) -> list[Message]:
        scene.window.handed_over(batch)
        scene.window.wait_for_room = lambda seconds: None  # type: ignore[method-assign]
        polled_at.append(scene.time)
        return []

    scene.consumer.steps = [assigning(0), fill, poll, poll, take, end]
    scene.run()

    assert 0.5 <= polled_at[1] - polled_at[0] < 0.6
    assert polled_at[2] - polled_at[1] < 0.1
    assert scene.consumer.called("pause") == [[0], [0]]  # for want of room, then to stop


def test_commits_still_waiting_when_the_reader_ends_are_answered(stage: Stage) -> None:
    answers: list[Exception | None] = []

    def ask(_consumer: ScriptedConsumer) -> list[Message]:
        for offset in (3, 4):
            scene.polling.commits.submit(
                scene.consumer,  # type: ignore[arg-type]
                [CommitOffset("events", 0, offset, None)],
                answers.append,
            )
        return []

    scene = stage()
    scene.consumer.steps = [assigning(0), ask, raising(ValueError())]
    scene.run()

    assert [type(each) for each in answers] == [KafkaFatal, KafkaFatal]
