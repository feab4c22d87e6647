"""The coordinator goes away while a partition is handed over: the thread that polls must not wait for a session."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.kafka.rebalances import REVOKE_COMMIT_SECONDS
from consumer.sandbox.embedded_kafka import EmbeddedKafka
from tests.contract.kafka_reader import (
    TOPIC,
    Cluster,
    Listener,
    Member,
    produce,
    reading,
    until,
)
from tests.kafka_cluster.real_kafka import RealKafka

# Beyond the bound: one poll, and a loaded machine. Short of it: librdkafka's time-outs are whole milliseconds, rounded down.
SLACK_SECONDS = 2.0
ROUNDING_SECONDS = 0.002
SYNCHRONOUS_SECONDS = 45
"""What a synchronous commit would take: librdkafka's own session.timeout.ms, as under KIP-848 there is no other."""


@dataclass
class Leaving(Listener):
    """Has something done as soon as a revoke has drained."""

    drained: Callable[[], None] = lambda: None
    drained_at: list[float] = field(default_factory=list)

    async def on_revoked(self, partitions: Sequence[PartitionId]) -> Sequence[CommitOffset]:
        last = await super().on_revoked(partitions)
        if not self.drained_at:
            await asyncio.to_thread(self.drained)
            self.drained_at.append(time.monotonic())
        return last


@asynccontextmanager
async def _a_member_that_is_revoked(
    kafka: Cluster, listener: Leaving
) -> AsyncIterator[tuple[Member, Member]]:
    """A member that has read everything, and a second one which is to have a partition of it."""
    async with reading(kafka, listener=listener, group_protocol="consumer") as first:
        await until(lambda: len(first.listener.records) == 10)
        async with reading(kafka, group_protocol="consumer") as second:
            await until(lambda: listener.drained_at, why="a partition is revoked")
            yield first, second


async def _seconds_to_poll_again(member: Member, listener: Leaving) -> float:
    (since,) = listener.drained_at
    polled = member.reader.last_poll
    await until(
        lambda: member.reader.last_poll != polled, seconds=SYNCHRONOUS_SECONDS, why="it polls again"
    )
    return time.monotonic() - since


async def test_a_revoke_whose_coordinator_is_gone_is_over_in_its_own_time_and_loses_nothing(
    embedded_kafka: EmbeddedKafka,
) -> None:
    embedded_kafka.create_topic(TOPIC, partitions=2)
    produce(embedded_kafka, 10, partitions=2)
    listener = Leaving(drained=embedded_kafka.set_broker_down)
    with structlog.testing.capture_logs() as lines:
        async with _a_member_that_is_revoked(embedded_kafka, listener) as (first, second):
            seconds = await _seconds_to_poll_again(first, listener)
            embedded_kafka.set_broker_up()
            await until(lambda: second.listener.owned, why="the second gets its partition")
            await asyncio.to_thread(produce, embedded_kafka, 10, partitions=2)
            await until(lambda: _places(first, second) == set(range(10)), why="all is read")

    assert -ROUNDING_SECONDS <= seconds - REVOKE_COMMIT_SECONDS < SLACK_SECONDS
    assert first.metric("offset_commits_total", result="failed") == 1
    told = [line for line in lines if line["event"].startswith("Offsets of revoked partitions")]
    assert [line["end"] for line in told] == ["unanswered"]


async def test_a_revoke_whose_coordinator_answers_takes_no_time(
    embedded_kafka: EmbeddedKafka,
) -> None:
    embedded_kafka.create_topic(TOPIC, partitions=2)
    produce(embedded_kafka, 10, partitions=2)
    listener = Leaving()
    async with _a_member_that_is_revoked(embedded_kafka, listener) as (first, second):
        seconds = await _seconds_to_poll_again(first, listener)
        await until(lambda: second.listener.owned, why="the second gets its partition")

    assert seconds < REVOKE_COMMIT_SECONDS
    assert first.metric("offset_commits_total", result="ok") >= 1
    assert second.listener.records == []


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_a_real_broker_that_hangs_during_a_revoke_holds_it_up_no_longer(
    tmp_path: Path,
) -> None:
    kafka = await asyncio.to_thread(RealKafka, tmp_path)
    listener = Leaving(drained=lambda: _signal(kafka, signal.SIGSTOP))
    try:
        await asyncio.to_thread(kafka.create_topic, TOPIC, partitions=2)
        await asyncio.to_thread(produce, kafka, 10, partitions=2)
        async with _a_member_that_is_revoked(kafka, listener) as (first, second):
            seconds = await _seconds_to_poll_again(first, listener)
            _signal(kafka, signal.SIGCONT)
            await until(lambda: second.listener.owned, seconds=60, why="the second gets its share")
            await asyncio.to_thread(produce, kafka, 10, partitions=2)
            await until(lambda: _places(first, second) == set(range(10)), seconds=30)
    finally:
        _signal(kafka, signal.SIGCONT)
        await asyncio.to_thread(kafka.stop)

    assert -ROUNDING_SECONDS <= seconds - REVOKE_COMMIT_SECONDS < SLACK_SECONDS
    assert first.metric("offset_commits_total", result="failed") == 1


def _signal(kafka: RealKafka, number: signal.Signals) -> None:
    assert kafka._process is not None
    os.killpg(kafka._process.pid, number)


def _places(*members: Member) -> set[int]:
    """The offsets that were read of both partitions, by whichever member."""
    read = [
        {r.offset for m in members for r in m.listener.records if r.partition == partition}
        for partition in (0, 1)
    ]
    return read[0] & read[1]
