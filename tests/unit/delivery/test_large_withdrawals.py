"""One deletion at thousands of audiences: nobody else waits for it, and a partition that leaves takes all of it along."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from consumer import withdrawing as withdrawing_module
from consumer.audience.membership import MembershipChange
from consumer.kafka.offset_ledger import Entry
from consumer.record import IgnoreReason
from consumer.segment.record_reading import RecordReading, read_record
from consumer.withdrawing import REMOVALS_A_TURN, Withdrawing
from tests.scenarios.withdrawals import deletion
from tests.segment_events import ORIGIN, event_of, every_audience
from tests.unit.delivery.parts import PARTITIONS, Parts, delivering, withdrawing

AUDIENCES = [f"audience_{number:05}" for number in range(10_000)]
ANA, BEN = "ana@example.com", "ben@example.com"


def everything(_: MembershipChange) -> bool:
    return True


class Turns:
    """Counts the event loop's turns, and what was put into lanes in each."""

    def __init__(self, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self.accepted: Counter[int] = Counter()
        self._ticking = asyncio.create_task(self._tick())
        accept = parts.delivery.accept

        def counted(change: MembershipChange, entry: Entry) -> None:
            self.accepted[self.number] += 1
            accept(change, entry)

        monkeypatch.setattr(parts.delivery, "accept", counted)

    async def _tick(self) -> None:
        while True:
            self.number += 1
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._ticking.cancel()


def followed(
    following: Withdrawing, parts: Parts, reading: RecordReading, *, partition: int = 0, offset: int = 0
) -> Entry:  # fmt: skip
    entry = parts.entry(partition=partition, offset=offset)
    entry.started = True
    asked = following.asked_by(reading)
    parts.ledger.split(entry, asked.parts)
    following.follow(asked, entry, admits=everything)
    return entry


def deletion_of(*emails: str) -> RecordReading:
    return read_record([event_of(deletion(email)) for email in emails], every_audience(), ORIGIN)


async def test_a_deletion_at_ten_thousand_audiences_never_takes_more_than_its_share_of_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with delivering(flush_seconds=1_000) as parts:
        following = withdrawing(parts, *AUDIENCES)
        turns = Turns(parts, monkeypatch)
        followed(following, parts, deletion_of(ANA))
        await following.catch_up()
        turns.stop()

        assert sum(turns.accepted.values()) == len(AUDIENCES)
        assert max(turns.accepted.values()) <= REMOVALS_A_TURN
        assert [lane.waiting_rows for lane in parts.delivery.lanes] == [3] * len(AUDIENCES)
        assert not following.is_behind


async def test_many_small_deletions_share_one_turn_s_share(monkeypatch: pytest.MonkeyPatch) -> None:
    async with delivering(flush_seconds=1_000) as parts:
        following = withdrawing(parts, *AUDIENCES[:200])
        turns = Turns(parts, monkeypatch)
        for offset in range(20):
            followed(following, parts, deletion_of(f"person{offset}@example.com"), offset=offset)
            await following.catch_up()
        turns.stop()

        assert sum(turns.accepted.values()) == 4_000
        assert max(turns.accepted.values()) <= REMOVALS_A_TURN


@pytest.mark.parametrize("turns_before_it_leaves", [0, 1, 2, 3])
async def test_a_half_made_withdrawal_is_dropped_whole_with_its_partition_and_others_go_on(
    turns_before_it_leaves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawing_module, "REMOVALS_A_TURN", 10)
    async with delivering(flush_seconds=1_000) as parts:
        following = withdrawing(parts, *AUDIENCES[:35])
        leaves = followed(following, parts, deletion_of(ANA), partition=0)
        stays = followed(following, parts, deletion_of(BEN), partition=1)
        catching_up = asyncio.create_task(following.catch_up())
        for _ in range(turns_before_it_leaves):
            await asyncio.sleep(0)

        parts.ledger.stop_taking([PARTITIONS[0]])
        await following.release([PARTITIONS[0]], drain_seconds=0.0)
        parts.ledger.revoke([PARTITIONS[0]])
        await catching_up

        waiting = [lane.waiting_rows for lane in parts.delivery.lanes]
        assert waiting == [3] * 35, "one person's three hashes in every lane, and nobody else's"
        assert leaves.released
        assert stays.parts_left == 35
        assert (parts.ledger.books.released, parts.ledger.books.pending) == (1, 1)


async def test_a_lost_partition_s_withdrawal_is_not_followed_any_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(withdrawing_module, "REMOVALS_A_TURN", 10)
    async with delivering(flush_seconds=1_000) as parts:
        following = withdrawing(parts, *AUDIENCES[:35])
        followed(following, parts, deletion_of(ANA))
        catching_up = asyncio.create_task(following.catch_up())
        await asyncio.sleep(0)
        parts.ledger.revoke([PARTITIONS[0]])
        following.let_go({PARTITIONS[0]})
        await catching_up

        assert list(parts.delivery.lanes) == []
        assert len(parts.delivery.lanes.audiences()) == 10
        assert not following.is_behind


async def test_what_a_cancelled_call_did_not_put_the_next_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(withdrawing_module, "REMOVALS_A_TURN", 10)
    async with delivering(flush_seconds=1_000) as parts:
        following = withdrawing(parts, *AUDIENCES[:35])
        entry = followed(following, parts, deletion_of(ANA))
        first = asyncio.create_task(following.catch_up())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        await following.catch_up()

        lanes = list(parts.delivery.lanes)
        assert [lane.waiting_rows for lane in lanes] == [3] * 35
        assert all(a.audience < b.audience for a, b in pairwise(lanes))
        assert entry.parts_left == 35


async def test_removals_a_replay_does_not_repeat_finish_the_record_all_the_same() -> None:
    async with delivering() as parts:
        following = withdrawing(parts, "one", "other")
        entry = parts.entry()
        asked = following.asked_by(deletion_of(ANA))
        parts.ledger.split(entry, asked.parts)
        following.follow(asked, entry, admits=lambda _: False)
        await following.catch_up()

        assert parts.ledger.books.ignored == {IgnoreReason.NOT_REPLAYED: 1}
        assert parts.metric("changes_finished_total", outcome="not_replayed") == 2
