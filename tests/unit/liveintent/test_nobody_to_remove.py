"""A batch that only removes from an audience LiveIntent does not have."""

import pytest

from consumer.choices import OnArchived, OnDeleted
from consumer.liveintent.audience_directory import Absent, AudienceRefused
from consumer.liveintent.policies import DirectoryPolicy
from consumer.liveintent.upload_outcome import NotFound
from consumer.liveintent.uploader import Finished, NobodyToRemove
from tests.unit.liveintent.fake_liveintent import CREATES_THEN_TIMES_OUT
from tests.unit.liveintent.test_uploader import ADD, KEY, REMOVE, Batch, Bench, hashes

SETTLED_SECONDS = sum(DirectoryPolicy().settle_waits_seconds)


@pytest.mark.parametrize("auto_create", [True, False])
async def test_removing_from_an_audience_liveintent_does_not_have_creates_none(
    auto_create: bool,
) -> None:
    bench = Bench(directory=DirectoryPolicy(auto_create=auto_create))

    assert await bench.send(Batch({REMOVE: hashes(2)})) == NobodyToRemove()

    assert bench.liveintent.audiences == []
    assert bench.sent == []
    assert bench.stored == [], "nothing was stored, so nothing counts as delivered"
    assert bench.uploader.activity == {}


async def test_it_counts_as_absent_only_after_searching_for_as_long_as_the_search_may_lag() -> None:
    bench = Bench()
    bench.liveintent.add(KEY, lag_seconds=SETTLED_SECONDS - 1)

    assert await bench.send(Batch({REMOVE: hashes(2)})) == Finished()

    assert bench.sent == [("REMOVE", "EMAIL_HASH", 2)]
    assert bench.liveintent.calls["create"] == 0


async def test_people_to_add_create_the_audience_though_others_are_to_be_removed() -> None:
    bench = Bench()

    assert await bench.send(Batch({REMOVE: hashes(1), ADD: hashes(2, of="new")})) == Finished()

    assert bench.liveintent.calls["create"] == 1
    assert bench.sent == [("REMOVE", "EMAIL_HASH", 1), ("ADD", "EMAIL_HASH", 2)]


async def test_who_is_added_afterwards_gets_an_audience_and_is_removed_from_it_later() -> None:
    bench = Bench()
    await bench.send(Batch({REMOVE: hashes(1)}))

    assert await bench.send(Batch({ADD: hashes(1)})) == Finished()
    assert await bench.send(Batch({REMOVE: hashes(1)})) == Finished()

    assert bench.liveintent.calls["create"] == 1
    assert bench.sent == [("ADD", "EMAIL_HASH", 1), ("REMOVE", "EMAIL_HASH", 1)]


async def test_an_audience_whose_create_nobody_saw_the_end_of_is_found_before_it_is_called_absent() -> (
    None
):
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 50.0
    bench.liveintent.creates.append(CREATES_THEN_TIMES_OUT)
    adding = bench.start(Batch({ADD: hashes(1)}))
    await bench.time.run_until(2.0)
    adding.cancel()
    await bench.time.settle()

    assert await bench.send(Batch({REMOVE: hashes(1)})) == Finished()
    assert bench.liveintent.calls["create"] == 1


@pytest.mark.parametrize(
    ("status", "policy", "expected"),
    [
        ("Archived", DirectoryPolicy(), "archived"),
        ("Deleted", DirectoryPolicy(), "deleted"),
    ],
)
async def test_an_audience_that_is_archived_or_deleted_is_refused_as_ever(
    status: str, policy: DirectoryPolicy, expected: str
) -> None:
    bench = Bench(directory=policy)
    bench.liveintent.add(KEY, status=status)

    refused = await bench.send(Batch({REMOVE: hashes(1)}))

    assert isinstance(refused, AudienceRefused)
    assert expected in refused.detail


async def test_where_a_deleted_audience_is_to_be_replaced_a_removal_does_not_replace_it() -> None:
    bench = Bench(directory=DirectoryPolicy(on_deleted=OnDeleted.CREATE))
    bench.liveintent.add(KEY, status="Deleted")

    assert await bench.send(Batch({REMOVE: hashes(1)})) == NobodyToRemove()
    assert bench.liveintent.calls["create"] == 0


async def test_where_an_archived_audience_is_to_be_activated_a_removal_activates_it() -> None:
    bench = Bench(directory=DirectoryPolicy(on_archived=OnArchived.ACTIVATE))
    bench.liveintent.add(KEY, status="Archived")

    assert await bench.send(Batch({REMOVE: hashes(1)})) == Finished()


async def test_an_audience_that_is_known_is_not_searched_for_again() -> None:
    bench = Bench()
    await bench.send(Batch({ADD: hashes(1)}))
    searches = bench.liveintent.calls["search_v2"]

    found = await bench.time.run(bench.directory.find(KEY))

    assert not isinstance(found, Absent | AudienceRefused)
    assert bench.liveintent.calls["search_v2"] == searches


async def test_an_audience_that_vanishes_between_two_removals_is_not_created_for_the_second() -> (
    None
):
    bench = Bench()
    audience = bench.liveintent.add(KEY).id
    assert await bench.send(Batch({REMOVE: hashes(1)})) == Finished()
    bench.liveintent.remove(audience)
    bench.liveintent.mints.append(NotFound())

    assert await bench.send(Batch({REMOVE: hashes(1, of="other")})) == NobodyToRemove()

    assert bench.liveintent.calls["create"] == 0
    assert bench.liveintent.audiences == []
    assert len(bench.stored) == 1, "the second counts as removed, not as delivered"
    assert bench.uploader.activity == {}


async def test_an_audience_that_vanishes_after_the_file_was_stored_is_not_created_either() -> None:
    bench = Bench()
    audience = bench.liveintent.add(KEY).id
    bench.liveintent.fates.append("stuck")
    sending = bench.start(Batch({REMOVE: hashes(1)}))
    await bench.time.run_until(10.0)
    assert bench.stored, "the last file is stored"
    bench.liveintent.remove(audience)
    bench.liveintent.listings.append(NotFound())

    assert await bench.end_of(sending) == Finished()

    assert bench.liveintent.calls["create"] == 0
    assert len(bench.stored) == 1


async def test_a_batch_whose_rows_were_all_released_asks_nothing() -> None:
    bench = Bench()

    assert await bench.send(Batch({})) == Finished()
    assert bench.liveintent.calls == {}
