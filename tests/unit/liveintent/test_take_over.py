"""Partitions of others become ours while files of ours are under way: what they left unfinished is waited for all the same."""

import asyncio
from datetime import timedelta

from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.uploader import Finished
from tests.unit.liveintent.test_uploader import ADD, REMOVE, Batch, Bench, hashes

SECONDS_LEFT = 100.0


async def test_a_take_over_while_a_file_of_ours_is_followed_counts_for_the_next_file() -> None:
    bench = Bench()
    first = bench.start(Batch({ADD: hashes(1)}))
    await bench.time.run_until(5)
    assert len(bench.liveintent.files) == 1

    bench.liveintent.foreign = [_of_another(bench, "Running")]
    bench.uploader.look_again()
    assert await bench.time.run(_result(first)) == Finished()
    second = bench.start(Batch({REMOVE: hashes(1)}))
    await bench.time.run_until(bench.time.seconds + SECONDS_LEFT)
    assert len(bench.liveintent.files) == 1

    bench.liveintent.foreign = [_of_another(bench, "Finished")]
    assert await bench.time.run(_result(second)) == Finished()


async def test_a_take_over_while_others_are_waited_for_counts_too() -> None:
    bench = Bench()
    early = _of_another(bench, "Running")
    bench.liveintent.foreign = [early]
    sending = bench.start(Batch({ADD: hashes(1)}))
    await bench.time.run_until(20)

    late = _of_another(bench, "Running", seconds=10)
    bench.liveintent.foreign = [early, late]
    bench.uploader.look_again()
    bench.liveintent.foreign = [_of_another(bench, "Finished"), late]
    await bench.time.run_until(20 + SECONDS_LEFT)
    assert bench.liveintent.files == []

    bench.liveintent.foreign = []
    assert await bench.time.run(_result(sending)) == Finished()


async def test_once_waited_for_the_list_is_remembered_again() -> None:
    bench = Bench()
    bench.uploader.look_again()
    await bench.send(Batch({ADD: hashes(1)}))
    bench.liveintent.foreign = [_of_another(bench, "Running")]
    started = bench.time.seconds

    assert await bench.send(Batch({REMOVE: hashes(1)})) == Finished()
    assert bench.time.seconds - started < SECONDS_LEFT


def _of_another(bench: Bench, status: str, *, seconds: float = 0) -> UploadEntry:
    at = bench.time.utc_now.replace(minute=0, second=0) + timedelta(seconds=seconds)
    return UploadEntry(
        status=status, action="ADD", upload_type="AAID", schedule_at=at, last_update=at,
        uploaded=1, invalid=0, duplicates=0,
    )  # fmt: skip


async def _result(task: "asyncio.Task[object]") -> object:
    return await task
