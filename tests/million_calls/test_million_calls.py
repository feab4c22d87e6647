"""The run of a million calls, with five thousand of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consumer.choices import DirectCallSink
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.million_calls.run import Load, Result, run, table_of, wrong_with

CALLS = 5_000
RATE = 2_000


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    with EmbeddedCluster() as cluster:
        yield cluster


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("sink", DirectCallSink)
def test_thousands_of_calls_are_counted_once_each_whatever_goes_wrong_on_the_way(
    cluster: KafkaCluster, tmp_path: Path, sink: DirectCallSink
) -> None:
    load = Load(calls=CALLS, sink=sink, requests_per_second=RATE)
    result = run(load, cluster, tmp_path / "service", tell=lambda _: None)

    assert wrong_with(result) == []
    assert f"{CALLS:,} to the {sink}" in table_of(result)


def test_a_run_that_lost_repeated_or_hurried_calls_says_so() -> None:
    load = Load(calls=10, sink=DirectCallSink.COLLECTOR, requests_per_second=5, concurrency=1)
    books = {
        "records_consumed_total": 10.0,
        "records_delivered_total": 10.0,
        "records_ignored_total": 0.0,
        "records_dead_lettered_total": 0.0,
        "records_released_total": 0.0,
        "records_pending": 0.0,
    }
    good = Result(
        load=load, seconds=10, peak_bytes=0, books=books, outcomes={"perhaps_delivered": 2.0}, answers_lost=2,
        distinct=10, repeated=0, requests=10, most_per_second=5, breaches={}, committed=10, exit_code=0,
    )  # fmt: skip
    bad = (
        replace(good, distinct=9),
        replace(good, repeated=1),
        replace(good, most_per_second=12),
        replace(good, requests=100),
        replace(good, committed=9),
        replace(good, breaches={"raw_email": 1}),
        replace(good, exit_code=1),
        replace(good, books={**books, "records_delivered_total": 9.0}),
        replace(good, outcomes={}),
    )

    assert wrong_with(good) == []
    assert all(wrong_with(each) for each in bad)
