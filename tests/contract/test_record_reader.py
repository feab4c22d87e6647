"""The record reader against librdkafka's mock cluster."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from consumer.errors import KafkaFatal, OffsetsUnknown
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.record_reader import IntakeLimits
from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.settings import FirstStart
from tests.contract.kafka_reader import (
    GROUP,
    TOPIC,
    Listener,
    Member,
    commit_as_member,
    committed,
    produce,
    reading,
    until,
    until_committed,
)


def places_read(*readings: Member) -> list[tuple[int, int]]:
    """Partition and offset of every record that was read, as often as it was."""
    return [(r.partition, r.offset) for each in readings for r in each.listener.records]


@pytest.fixture
def kafka(embedded_kafka: EmbeddedKafka) -> EmbeddedKafka:
    embedded_kafka.create_topic(TOPIC, partitions=2)
    return embedded_kafka


async def commit(member: Member, *offsets: CommitOffset) -> Exception | None:
    answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    member.reader.commit(offsets, answer.set_result)
    return await asyncio.wait_for(answer, 10)


async def committed_now(kafka: EmbeddedKafka, *partitions: int) -> list[int]:
    return await asyncio.to_thread(committed, kafka, partitions or (0,))


async def test_every_record_is_read_once_and_in_order_within_its_partition(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 1_000, partitions=2)

    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) >= 1_000)

    values = [int(value) for value in member.listener.values()]
    assert sorted(values) == list(range(1_000))
    assert [v for v in values if v % 2] == list(range(1, 1_000, 2))
    assert [v for v in values if v % 2 == 0] == list(range(0, 1_000, 2))


async def test_a_record_carries_everything_a_dead_letter_must_preserve(
    kafka: EmbeddedKafka,
) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    producer.produce(
        TOPIC, None, key=b"k", headers=[("a", b"\xff"), ("b", None)], partition=1, timestamp=1_768_000_000_123
    )  # fmt: skip
    assert producer.flush(10) == 0

    async with reading(kafka) as member:
        await until(lambda: member.listener.records)

    (record,) = member.listener.records
    assert (record.topic, record.partition, record.offset) == (TOPIC, 1, 0)
    assert (record.key, record.value) == (b"k", None)
    assert record.headers == (("a", b"\xff"), ("b", None))
    assert record.timestamp_ms == 1_768_000_000_123
    assert record.leader_epoch == 0


# Commits


async def test_what_is_committed_is_not_read_again(kafka: EmbeddedKafka) -> None:
    produce(kafka, 10)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 10)
        await commit(member, CommitOffset(TOPIC, 0, 7, 0))

    async with reading(kafka, first_start=None) as member:
        await until(lambda: len(member.listener.records) == 3)

    assert member.listener.values() == ["7", "8", "9"]


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
    ],
)
async def test_a_refused_commit_is_reported_and_can_be_made_again_once_we_own_the_partition(
    kafka: EmbeddedKafka, code: int
) -> None:
    produce(kafka, 10)
    offset = CommitOffset(TOPIC, 0, 7, 0)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 10)
        kafka.push_errors(ApiKey.OFFSET_COMMIT, code)

        error = await commit(member, offset)

        assert isinstance(error, KafkaException)
        assert error.args[0].code() == code
        if code != KafkaError.REBALANCE_IN_PROGRESS:
            await until(lambda: member.metric("rebalances_total", kind="lost"))
            member.listener.records.clear()
            await until(lambda: len(member.listener.records) == 10)
        assert await commit(member, offset) is None
    assert await committed_now(kafka) == [7]


async def test_a_commit_that_meets_a_moved_coordinator_is_retried_below_us(
    kafka: EmbeddedKafka,
) -> None:
    async with reading(kafka) as member:
        await until(lambda: member.listener.owned)
        kafka.push_errors(ApiKey.OFFSET_COMMIT, KafkaError.NOT_COORDINATOR)

        assert await commit(member, CommitOffset(TOPIC, 0, 0, None)) is None


async def test_an_offset_of_a_partition_that_is_not_ours_is_left_out(kafka: EmbeddedKafka) -> None:
    produce(kafka, 4)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 4)

        assert await commit(member, CommitOffset("other", 0, 3, 0)) is None
        assert (
            await commit(member, CommitOffset("other", 0, 3, 0), CommitOffset(TOPIC, 0, 3, 0))
            is None
        )
    assert await committed_now(kafka) == [3]


async def test_commits_asked_for_together_are_answered_one_by_one(kafka: EmbeddedKafka) -> None:
    async with reading(kafka) as member:
        await until(lambda: member.listener.owned)

        answers = await asyncio.gather(
            *(commit(member, CommitOffset(TOPIC, 0, offset, 0)) for offset in (1, 2, 3))
        )

    assert answers == [None, None, None]
    assert await committed_now(kafka) == [3]


# Stopping


async def test_the_last_offsets_are_committed_on_stop(kafka: EmbeddedKafka) -> None:
    produce(kafka, 10)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 10)

        await member.reader.stop(member.listener.finished, commit_seconds=5)

        await until(lambda: not member.reader.alive)
    assert await committed_now(kafka) == [10]
    assert member.listener.heard("revoked") == 0
    assert member.metric("offset_commits_total", result="ok") == 1


async def test_a_last_commit_that_meets_a_rebalance_is_made_again(kafka: EmbeddedKafka) -> None:
    produce(kafka, 10)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 10)
        kafka.push_errors(ApiKey.OFFSET_COMMIT, *[KafkaError.REBALANCE_IN_PROGRESS] * 2)

        await member.reader.stop(member.listener.finished(), commit_seconds=5)

    assert await committed_now(kafka) == [10]


@pytest.mark.parametrize("commit_is_out", [False, True])
async def test_stopping_is_bounded_when_the_brokers_are_gone(
    kafka: EmbeddedKafka, commit_is_out: bool
) -> None:
    produce(kafka, 10)
    # The session outlives the test: librdkafka answers a commit without coordinator only when it is over.
    async with reading(kafka, session_timeout_ms="30000") as member:
        await until(lambda: len(member.listener.records) == 10)
        kafka.set_broker_down()
        if commit_is_out:
            member.reader.commit(member.listener.finished(), lambda _: None)
            await asyncio.sleep(0.2)
        began = time.monotonic()

        await member.reader.stop(member.listener.finished(), commit_seconds=0.5)

        assert time.monotonic() - began < 5
        assert member.metric("offset_commits_total", result="failed") == 1
        kafka.set_broker_up()
        await until(lambda: not member.reader.alive, why="the thread is left behind")


async def test_a_reader_that_was_never_started_or_has_ended_stops_at_once(
    kafka: EmbeddedKafka,
) -> None:
    async with reading(kafka) as member:
        await until(lambda: member.listener.owned)
        await member.reader.stop([], commit_seconds=5)
        began = time.monotonic()

        await member.reader.stop([], commit_seconds=5)

    assert time.monotonic() - began < 1


# Rebalances


async def test_a_second_member_takes_over_a_partition_after_a_drain_and_reads_nothing_again(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 100, partitions=2)
    async with reading(kafka, listener=Listener(drain_seconds=0.1)) as first:
        await until(lambda: len(first.listener.records) == 100)
        async with reading(kafka) as second:
            await until(lambda: second.listener.owned)
            await until(lambda: len(first.listener.owned) == 1)
            await asyncio.to_thread(produce, kafka, 100, partitions=2)
            await until(lambda: len(set(places_read(first, second))) >= 200)
            owned = (set(first.listener.owned), set(second.listener.owned))

    assert [len(each) for each in owned] == [1, 1]
    assert owned[0] | owned[1] == {PartitionId(TOPIC, 0), PartitionId(TOPIC, 1)}
    assert first.listener.heard("revoked") == 1
    places = places_read(first, second)
    assert len(set(places)) == 200
    # The mock refuses a revoke's commit, or takes the partitions away for good, when its next rebalance has begun; then,
    # and only then, records come again.
    lost = first.listener.heard("lost") + second.listener.heard("lost")
    assert len(places) == 200 or first.metric("offset_commits_total", result="failed") or lost
    assert first.metric("rebalances_total", kind="revoked") >= 1


async def test_a_drain_that_takes_too_long_is_cut_off_and_the_partition_fenced(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 10, partitions=2)
    async with reading(kafka, listener=Listener(drain_seconds=60), drain_seconds=0) as first:
        await until(lambda: len(first.listener.records) == 10)
        async with reading(kafka) as second:
            await until(lambda: len(second.listener.records) == 5)

    assert first.listener.cancelled == 1
    heard = [kind for kind, _ in first.listener.log]
    # What follows is chance: the drain is as long as the session, so the other partition may be lost as well.
    at = heard.index("revoked")
    assert heard[at : at + 2] == ["revoked", "lost"]


async def test_a_listener_that_fails_on_revoke_ends_the_process(kafka: EmbeddedKafka) -> None:
    async with reading(kafka, listener=Listener(fails_to_drain=True)) as first:
        await until(lambda: first.listener.owned)
        async with reading(kafka):
            await until(lambda: first.listener.failures)

    (failure,) = first.listener.failures
    assert isinstance(failure, KafkaFatal)
    assert "ZeroDivisionError" in str(failure)


async def test_a_member_the_group_has_forgotten_loses_its_partitions_and_commits_nothing(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 10)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 10)
        before = member.listener.owned[PartitionId(TOPIC, 0)]
        kafka.push_errors(ApiKey.HEARTBEAT, KafkaError.UNKNOWN_MEMBER_ID)

        await until(lambda: member.metric("rebalances_total", kind="lost"))
        await until(lambda: len(member.listener.records) == 20)

        assert member.listener.owned[PartitionId(TOPIC, 0)] > before
    assert member.listener.heard("revoked") == 0


async def test_a_reader_that_polls_too_seldom_loses_its_partitions_and_comes_back(
    kafka: EmbeddedKafka,
) -> None:
    async with reading(kafka, max_poll_interval_ms="1500") as member:
        await until(lambda: member.listener.owned)
        member.reader._polling.commands.put(lambda _: time.sleep(2.8))

        await until(lambda: member.metric("rebalances_total", kind="lost"))
        await until(lambda: member.listener.owned)

        await until(lambda: member.metric("kafka_errors_total", code="_MAX_POLL_EXCEEDED"))


# Pausing


async def test_a_paused_reader_goes_on_polling_and_fetches_nothing_until_the_last_reason_is_gone(
    kafka: EmbeddedKafka,
) -> None:
    async with reading(kafka, max_poll_interval_ms="1500") as member:
        await until(lambda: member.listener.owned)
        member.reader.pause("circuit")
        member.reader.pause("memory")
        await until(lambda: member.reader.paused == {"circuit", "memory"})
        assert member.metric("partitions_paused") == 2
        await asyncio.to_thread(produce, kafka, 10)
        paused_at = time.monotonic()
        await until(lambda: (member.reader.last_poll or 0) > paused_at + 1.7)

        assert member.metric("rebalances_total", kind="lost") == 0
        assert member.listener.records == []
        member.reader.resume("memory")
        await until(lambda: member.reader.paused == {"circuit"})
        member.reader.resume("circuit")
        await until(lambda: len(member.listener.records) == 10)
    assert member.metric("partitions_paused") == 0


async def test_a_pause_holds_for_partitions_assigned_after_it(kafka: EmbeddedKafka) -> None:
    produce(kafka, 10)
    async with reading(kafka) as member:
        member.reader.pause("circuit")
        await until(lambda: member.listener.heard("assigned") >= 2, why="first start")
        polled = time.monotonic()
        await until(lambda: (member.reader.last_poll or 0) > polled + 0.3)

        assert member.listener.records == []
        member.reader.resume("circuit")
        await until(lambda: len(member.listener.records) == 10)


async def test_batches_nobody_takes_pause_the_reader_and_taking_them_resumes_it(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 5_000, partitions=2)
    limits = IntakeLimits(records=1_000)
    async with reading(kafka, listener=Listener(holds=True), limits=limits) as member:
        await until(lambda: "back_pressure" in member.reader.paused)

        assert 1_000 <= len(member.listener.records) < 1_500
        member.listener.holds = False
        for batch in member.listener.held:
            member.reader.taken(batch)
        await until(lambda: len(member.listener.records) == 5_000)
        assert member.reader.paused == frozenset()

    assert sorted(map(int, member.listener.values())) == list(range(5_000))


# Where to start


async def test_a_group_without_offsets_and_without_a_policy_is_an_error_that_says_what_to_set(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 10)
    async with reading(kafka, first_start=None) as member:
        await until(lambda: member.listener.failures)

    assert isinstance(member.listener.failures[0], OffsetsUnknown)
    assert "KAFKA_FIRST_START" in str(member.listener.failures[0])
    assert GROUP in str(member.listener.failures[0])
    assert TOPIC in str(member.listener.failures[0])
    assert member.listener.records == []


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(FirstStart.LATEST, id="latest"),
        # The mock cluster finds no offset by time, so every time is after the last record.
        pytest.param(datetime(2100, 1, 1, tzinfo=UTC), id="a time after the last record"),
    ],
)
async def test_a_first_start_at_the_logs_end_is_on_record_before_the_first_record(
    kafka: EmbeddedKafka, policy: FirstStart | datetime
) -> None:
    produce(kafka, 10)
    async with reading(kafka, first_start=policy) as member:
        await until(lambda: len(member.listener.log) >= 3)
        assert await committed_now(kafka, 0, 1) == [10, 0]
        assert member.reader.positions == {(TOPIC, 0): 10, (TOPIC, 1): 0}
        await asyncio.to_thread(produce, kafka, 1)
        await until(lambda: member.listener.records)

    assert [record.offset for record in member.listener.records] == [10]


async def test_a_partition_the_topic_grew_by_is_read_whole_whatever_the_policy(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 20, partitions=2)
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    async with reading(kafka, first_start=FirstStart.LATEST) as member:
        await until(lambda: len(member.listener.records) == 16)

    assert sorted({(r.partition, r.offset) for r in member.listener.records}) == [
        *((0, offset) for offset in range(4, 10)),
        *((1, offset) for offset in range(10)),
    ]


async def test_two_members_that_start_together_take_no_partition_for_an_added_one(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 20, partitions=2)
    async with (
        reading(kafka, first_start=FirstStart.LATEST) as first,
        reading(kafka, first_start=FirstStart.LATEST) as second,
    ):
        await until(lambda: first.listener.owned and second.listener.owned)
        await until(lambda: len(first.listener.owned) + len(second.listener.owned) == 2)
        await until_committed(kafka, 10, 10)
        await asyncio.to_thread(produce, kafka, 2, partitions=2)
        await until(lambda: len(first.listener.records) + len(second.listener.records) >= 2)

    offsets = [r.offset for m in (first, second) for r in m.listener.records]
    assert offsets == [10, 10]


async def test_a_committed_offset_the_log_no_longer_holds_is_an_error_that_says_how_to_repair_it(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 10)
    await asyncio.to_thread(commit_as_member, kafka, {0: 500, 1: 0})
    async with reading(kafka) as member:
        await until(lambda: member.listener.failures)

    text = str(member.listener.failures[0])
    assert isinstance(member.listener.failures[0], OffsetsUnknown)
    assert "500" in text
    assert "0 to 10" in text
    assert "replay" in text


async def test_a_start_that_cannot_be_put_on_record_is_tried_again_before_anything_is_read(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 10)
    kafka.push_errors(ApiKey.OFFSET_COMMIT, KafkaError.REBALANCE_IN_PROGRESS)
    async with reading(kafka) as member:
        await until(lambda: len(member.listener.records) == 10)

        assert member.metric("kafka_errors_total", code="REBALANCE_IN_PROGRESS") == 1
    assert await committed_now(kafka) == [0]


async def test_a_start_kafka_would_not_tell_is_asked_for_until_it_does(
    kafka: EmbeddedKafka,
) -> None:
    # librdkafka asks once, and leaves the partition alone for ever after such an answer.
    produce(kafka, 10)
    await asyncio.to_thread(commit_as_member, kafka, {0: 4})
    kafka.push_errors(ApiKey.OFFSET_FETCH, *[KafkaError.GROUP_AUTHORIZATION_FAILED] * 1_000)
    async with reading(kafka) as member:
        await until(
            lambda: member.metric("kafka_errors_total", code="GROUP_AUTHORIZATION_FAILED") > 3
        )
        kafka.clear_errors(ApiKey.OFFSET_FETCH)
        await until(lambda: len(member.listener.records) == 6)

    assert [record.offset for record in member.listener.records] == list(range(4, 10))


# Errors


async def test_a_dead_client_ends_the_process(kafka: EmbeddedKafka) -> None:
    async with reading(kafka, group_instance_id="pod-0") as member:
        await until(lambda: member.listener.owned)
        kafka.push_errors(ApiKey.HEARTBEAT, KafkaError.FENCED_INSTANCE_ID)

        await until(lambda: member.listener.failures)
        await until(lambda: not member.reader.alive)

    assert isinstance(member.listener.failures[0], KafkaFatal)
    assert "fenced" in str(member.listener.failures[0])


async def test_a_property_librdkafka_does_not_know_ends_the_process_with_its_name(
    kafka: EmbeddedKafka,
) -> None:
    async with reading(kafka, no_such_property="1") as member:
        await until(lambda: member.listener.failures)

    assert isinstance(member.listener.failures[0], KafkaFatal)
    assert "no.such.property" in str(member.listener.failures[0])


async def test_a_topic_that_does_not_exist_is_counted_and_the_others_are_read(
    kafka: EmbeddedKafka,
) -> None:
    produce(kafka, 10)
    async with reading(kafka, topics=[TOPIC, "not_there"]) as member:
        await until(lambda: len(member.listener.records) == 10)
        await until(lambda: member.metric("kafka_errors_total", code="UNKNOWN_TOPIC_OR_PART"))

    assert member.listener.failures == []


async def test_reading_goes_on_by_itself_after_an_outage(kafka: EmbeddedKafka) -> None:
    produce(kafka, 10)
    async with reading(kafka, session_timeout_ms="6000") as member:
        await until(lambda: len(member.listener.records) == 10)
        kafka.set_broker_down()
        await until(lambda: member.metric("kafka_errors_total", code="_ALL_BROKERS_DOWN"))
        kafka.set_broker_up()
        await asyncio.to_thread(produce, kafka, 5)

        await until(lambda: len(member.listener.records) >= 15)

    assert member.listener.failures == []
