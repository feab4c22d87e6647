"""No file is made of records that may be somebody else's by now."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from consumer.liveintent.policies import UploadPolicy
from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.uploader import Finished, Uploader, UploadStage
from tests.unit.liveintent.test_uploader import ADD, KEY, Batch, Bench, hashes


class ScriptedLease:
    """Fails to be renewed so often, and then is."""

    def __init__(self, bench: Bench, *, refusals: int = 0) -> None:
        self._bench = bench
        self.refusals = refusals
        self.held = refusals == 0
        self.asked = 0
        self.on_asked: Callable[[int], None] = lambda _: None

    def holds(self) -> bool:
        return self.held

    async def renew(self) -> bool:
        self.asked += 1
        await self._bench.time.sleep(1)
        self.on_asked(self.asked)
        self.held = self.refusals <= 0
        self.refusals -= 1
        return self.held


class LeasedBench(Bench):
    def __init__(self, *, refusals: int = 0) -> None:
        super().__init__()
        self.lease = ScriptedLease(self, refusals=refusals)
        self.uploader = Uploader(
            self.liveintent,
            self.directory,
            self.metrics,
            policy=UploadPolicy(),
            clock=self.time.clock,
            lease=self.lease,
        )


async def test_no_url_is_asked_for_until_kafka_confirms_that_the_records_are_ours() -> None:
    bench = LeasedBench(refusals=3)
    mints: list[int] = []
    bench.lease.on_asked = lambda _: mints.append(bench.liveintent.calls["mint"])

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()

    assert mints[:4] == [0, 0, 0, 0]
    assert len(bench.liveintent.files) == 1


async def test_the_status_says_that_kafka_is_waited_for() -> None:
    bench = LeasedBench(refusals=1_000_000)
    sending = bench.start(Batch({ADD: hashes(1)}))
    await bench.time.run(bench.time.sleep(30))

    assert bench.uploader.activity[KEY].stage in {UploadStage.CONFIRMING, UploadStage.RESOLVING}
    assert bench.uploader.unconfirmed == 1
    assert bench.liveintent.calls["mint"] == 0
    sending.cancel()
    await asyncio.wait({sending})
    assert bench.uploader.unconfirmed == 0


async def test_a_file_whose_lease_ran_out_after_the_url_was_minted_is_not_made() -> None:
    bench = LeasedBench()
    batch = Batch({ADD: hashes(2)})

    def ours_no_more(asked: int) -> None:
        # The first question is before the mint, the second when the file is about to be made.
        if asked == 2:
            bench.lease.refusals = 1
            batch.held[ADD] = []

    bench.lease.on_asked = ours_no_more

    assert await bench.send(batch) == Finished()

    assert bench.liveintent.calls["mint"] == 1
    assert bench.liveintent.files == []


async def test_a_file_whose_lease_comes_back_is_sent_with_a_new_url() -> None:
    bench = LeasedBench()

    def away_for_a_moment(asked: int) -> None:
        bench.lease.refusals = 1 if asked == 2 else 0

    bench.lease.on_asked = away_for_a_moment

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()

    assert bench.liveintent.calls["mint"] == 2
    assert [file.rows for file in bench.liveintent.files] == [hashes(2)]


@pytest.mark.parametrize("arrived", [False, True], ids=["lost on the way", "stored all the same"])
async def test_a_file_under_way_is_broken_off_when_some_of_its_rows_are_released(
    arrived: bool,
) -> None:
    bench = Bench()
    ours, theirs = hashes(2, of="ours"), hashes(2, of="theirs")
    batch = Batch({ADD: [*ours, *theirs]})
    under_way = asyncio.Event()
    store = bench.liveintent.store

    async def slow_store(audience, url, content, *, rows):  # type: ignore[no-untyped-def]
        bench.liveintent.store = store  # type: ignore[method-assign]
        if arrived:
            await store(audience, url, content, rows=rows)
        else:
            await content()
        under_way.set()
        await asyncio.Event().wait()

    bench.liveintent.store = slow_store  # type: ignore[method-assign]
    sending = bench.start(batch)
    await bench.time.run(under_way.wait())

    batch.held[ADD] = ours
    bench.uploader.interrupt(KEY)

    assert await bench.time.run(_result(sending)) == Finished()
    last = bench.liveintent.files[-1].rows
    assert last == ([*ours, *theirs] if arrived else ours)
    assert len(bench.liveintent.files) == 1


async def test_breaking_off_what_is_not_being_stored_does_nothing() -> None:
    bench = Bench()
    bench.uploader.interrupt(KEY)
    sending = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run(bench.time.sleep(5))  # stored, and followed

    bench.uploader.interrupt(KEY)

    assert await bench.time.run(_result(sending)) == Finished()
    assert len(bench.liveintent.files) == 1


async def test_a_cancelled_upload_stays_cancelled_also_when_it_was_broken_off() -> None:
    bench = Bench()
    under_way = asyncio.Event()

    async def endless(_audience, _url, content, *, rows):  # type: ignore[no-untyped-def]
        await content()
        under_way.set()
        await asyncio.Event().wait()

    bench.liveintent.store = endless  # type: ignore[method-assign]
    sending = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run(under_way.wait())

    bench.uploader.interrupt(KEY)
    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await bench.time.run(_result(sending))


async def test_after_a_take_over_what_others_have_under_way_is_waited_for() -> None:
    bench = Bench()
    await bench.send(Batch({ADD: hashes(1)}))
    bench.liveintent.foreign = [_entry_of_another(bench, status="Running")]
    started = bench.time.seconds

    bench.uploader.look_again()
    sending = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run(bench.time.sleep(60))
    assert len(bench.liveintent.files) == 1

    bench.liveintent.foreign = [_entry_of_another(bench, status="Finished")]
    assert await bench.time.run(_result(sending)) == Finished()
    assert bench.time.seconds > started + 60


async def test_uploads_that_others_start_later_are_not_waited_for() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    first = _entry_of_another(bench, status="Running")
    bench.liveintent.foreign = [first]
    sending = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run(bench.time.sleep(30))

    later = _entry_of_another(bench, status="Running", seconds=10)
    bench.liveintent.foreign = [_entry_of_another(bench, status="Finished"), later]
    await bench.time.run(bench.time.sleep(120))

    assert len(bench.liveintent.files) == 1
    sending.cancel()


def _entry_of_another(bench: Bench, *, status: str, seconds: float = 0) -> UploadEntry:
    at = bench.time.utc_now.replace(minute=0, second=0, microsecond=0) + timedelta(seconds=seconds)
    return UploadEntry(
        status=status, action="REMOVE", upload_type="EMAIL_HASH", schedule_at=at, last_update=at,
        uploaded=1, invalid=0, duplicates=0,
    )  # fmt: skip


async def _result(task: "asyncio.Task[object]") -> object:
    return await task
