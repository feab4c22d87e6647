"""A bad deploy must not drain a topic into the dead letters: the process stops, and stops again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import NewRecord, produce
from tests.scenarios.process import ServiceProcess, Start, eventually, service_processes
from tests.scenarios.surroundings import Surroundings, surroundings

LIMIT, BAD = 3, 20
EXIT_SECONDS = 30


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with service_processes(tmp_path) as start:
        yield start


@pytest.fixture
def around(kafka_cluster: KafkaCluster) -> Iterator[Surroundings]:
    with surroundings(kafka_cluster, partitions=1) as around:
        produce(
            kafka_cluster.bootstrap_servers,
            around.topic,
            [NewRecord(None, b"number %d is no event" % number) for number in range(BAD)],
        )
        yield around


def test_too_many_refusals_end_the_process_with_code_6_and_words_on_what_to_do(
    start: Start, around: Surroundings
) -> None:
    process = limited(start, around)

    assert process.wait(seconds=EXIT_SECONDS) == 6
    said = process.stderr
    assert said.startswith("More than 3 refusals within 600 seconds, the last for undecodable.")
    assert "Nothing past them was committed. Put that right and start again" in said
    assert "`segment-liveintent dead-letters list`" in said
    assert "`dead-letters redrive` puts it back" in said
    assert "DEAD_LETTER_LIMIT" in said
    assert "Traceback" not in said + process.stdout


def test_what_was_refused_past_the_limit_is_neither_committed_nor_a_dead_letter(
    start: Start, around: Surroundings
) -> None:
    limited(start, around).wait(seconds=EXIT_SECONDS)

    assert {failure.offset for failure in around.dead_letters()} <= set(range(LIMIT))
    assert sum(around.committed().values()) <= LIMIT


def test_started_again_on_the_same_data_it_stops_again_and_the_topic_is_not_drained(
    start: Start, around: Surroundings
) -> None:
    """Each start gets as far as the limit at most, however often it is started."""
    for starts in (1, 2, 3):
        process = limited(start, around)
        assert process.wait(seconds=EXIT_SECONDS) == 6

        committed = sum(around.committed().values())
        assert committed <= starts * LIMIT
        # A record between its dead letter and its commit is refused once more: twice there, never lost.
        assert {each.offset for each in around.dead_letters()} >= set(range(committed))
        assert len(around.dead_letters()) <= starts * LIMIT


def test_with_a_limit_of_0_there_is_none(start: Start, around: Surroundings) -> None:
    process = start({**around.settings, "DEAD_LETTER_LIMIT": "0"})

    eventually("all of it is dead-lettered", lambda: len(around.dead_letters()) == BAD)
    around.wait_until_all_committed(seconds=EXIT_SECONDS)

    assert process.running
    assert process.metric("records_dead_lettered_total") == BAD


def limited(start: Start, around: Surroundings) -> ServiceProcess:
    return start({**around.settings, "DEAD_LETTER_LIMIT": str(LIMIT)})
