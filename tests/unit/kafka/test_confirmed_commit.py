from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.kafka.confirmed_commit import CommitEnd, answers_confirmed, commit_and_confirm
from consumer.kafka.offset_ledger import CommitOffset
from tests.unit.kafka.coordinator import BUSY, GONE, Coordinator

OFFSETS = [CommitOffset("events", 0, 7, 3), CommitOffset("events", 1, 9, None)]


def end_of(coordinator: Coordinator, *, seconds: float = 3.0) -> CommitEnd:
    return commit_and_confirm(
        cast("Consumer", coordinator),
        OFFSETS,
        seconds=seconds,
        now=coordinator.now,
        sleep=coordinator.sleep,
    )


def test_a_commit_is_confirmed_by_what_kafka_has() -> None:
    coordinator = Coordinator(None)

    assert end_of(coordinator) is CommitEnd.COMMITTED
    assert coordinator.commits == 1
    assert coordinator.now() == 0


def test_a_refusal_is_met_by_committing_again() -> None:
    coordinator = Coordinator(BUSY, BUSY, None)

    assert end_of(coordinator) is CommitEnd.COMMITTED
    assert coordinator.commits == 3


@pytest.mark.parametrize(("seconds", "taken"), [(3.0, 1.0), (0.4, 0.4)])
def test_refusals_that_do_not_end_are_believed_after_a_second_or_the_time_given(
    seconds: float, taken: float
) -> None:
    coordinator = Coordinator(BUSY)

    assert end_of(coordinator, seconds=seconds) is CommitEnd.REFUSED
    assert coordinator.now() == pytest.approx(taken, abs=0.11)


def test_silence_lasts_no_longer_than_the_time_given() -> None:
    coordinator = Coordinator(GONE)

    assert end_of(coordinator, seconds=3.0) is CommitEnd.UNANSWERED
    assert coordinator.now() == pytest.approx(3.0)
    assert coordinator.commits == 1


def test_silence_after_refusals_is_silence() -> None:
    coordinator = Coordinator(BUSY, GONE)

    assert end_of(coordinator) is CommitEnd.UNANSWERED
    assert coordinator.now() == pytest.approx(3.0)


def test_a_client_that_takes_no_commit_any_more_ends_it_at_once() -> None:
    class Dead(Coordinator):
        def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL))

    coordinator = Dead(None)

    assert end_of(coordinator) is CommitEnd.UNANSWERED
    assert coordinator.now() == 0


def test_offsets_of_one_partition_do_not_stand_for_another() -> None:
    class TakesTheFirst(Coordinator):
        def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
            super().commit(offsets=offsets[:1], asynchronous=asynchronous)

    assert end_of(TakesTheFirst(None)) is CommitEnd.REFUSED


def test_its_answers_are_told_from_those_of_other_commits() -> None:
    sent: list[TopicPartition] = []

    class Keeps(Coordinator):
        def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
            sent.extend(offsets)
            super().commit(offsets=offsets, asynchronous=asynchronous)

    end_of(Keeps(None))

    assert answers_confirmed(sent)
    assert [each.leader_epoch for each in sent] == [3, None]
    assert not answers_confirmed([TopicPartition("events", 0, 7)])
    assert not answers_confirmed([])
