"""Thousands of audiences, each sent to now and then: what is kept of them, and how often they are looked at."""

import asyncio
from dataclasses import replace

from consumer.audience.membership import AudienceKey
from consumer.liveintent.policies import UploadPolicy
from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.turns import Line
from consumer.liveintent.uploader import Finished
from tests.unit.liveintent.test_uploader import ADD, Batch, Bench, hashes
from tests.unit.liveintent.virtual_time import START

_FOREIGN = UploadEntry("Running", "ADD", "EMAIL_HASH", START, START, 0, 0, 0)
MANY = [AudienceKey(f"audience_{number}") for number in range(40)]


async def test_little_is_kept_of_audiences_that_were_sent_to_long_ago() -> None:
    bench = Bench()
    for audience in MANY:
        assert await bench.send(_batch(audience)) == Finished()
        await bench.time.run(bench.time.sleep(300))
    listings = bench.uploader._tools.listings

    assert len(listings._last) == len(listings._waited_for) < 6
    assert len(listings._strays) == 0
    assert len(bench.uploader._locks) == len(bench.directory._locks) == 0


async def test_what_was_forgotten_is_looked_at_again_before_the_next_file() -> None:
    bench = Bench()
    for audience in MANY[:10]:
        await bench.send(_batch(audience))
        await bench.time.run(bench.time.sleep(300))
    looks = bench.liveintent.calls["uploads"]

    assert await bench.send(_batch(MANY[0])) == Finished()
    assert bench.liveintent.calls["uploads"] == looks + 3  # one before it, two at 15 and 37.5 s


async def test_a_file_sets_out_without_waiting_behind_looks_at_files_that_are_under_way() -> None:
    bench = Bench()
    bench.liveintent.foreign = [replace(_FOREIGN, schedule_at=bench.time.utc_now)]
    sending = bench.start(_batch(MANY[0]))
    await bench.time.run_until(60)

    assert bench.liveintent.looks[0] is Line.EXPRESS
    assert set(bench.liveintent.looks[1:]) == {Line.ORDINARY}  # for others' uploads to end

    bench.liveintent.foreign = []
    assert await bench.time.run(_result(sending)) == Finished()
    assert set(bench.liveintent.looks[1:]) == {Line.ORDINARY}


async def test_many_files_together_are_looked_at_no_more_often_than_the_policy_says() -> None:
    bench = Bench(policy=replace(UploadPolicy(), looks_per_second=0.5))
    bench.liveintent.processing_seconds = 200.0
    sending = [bench.start(_batch(audience)) for audience in MANY]
    await bench.time.run_until(30)
    looks = bench.liveintent.calls["uploads"]

    assert len(bench.liveintent.files) == len(MANY)

    await bench.time.run_until(130)

    assert bench.liveintent.calls["uploads"] - looks <= 0.5 * 100 + len(MANY)
    for each in sending:
        assert await bench.time.run(_result(each)) == Finished()


async def _result(task: "asyncio.Task[object]") -> object:
    return await task


def _batch(audience: AudienceKey) -> Batch:
    return Batch({ADD: hashes(1)}, audience=audience)
