from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.membership import IdentifierType
from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.upload_tracking import (
    Doubtful,
    Sighting,
    Sought,
    Unfinished,
    Unlisted,
    UploadErrored,
    UploadFinished,
    UploadTracker,
    all_ended,
    identity_of,
)
from tests.unit.liveintent.virtual_time import START

SOUGHT = Sought(action="ADD", identifier_type="EMAIL_HASH", since=START, rows=10)


def an_entry(status: str = "Finished", *, second: float = 5, **changes: object) -> UploadEntry:
    moment = START + timedelta(seconds=second)
    entry = UploadEntry(status, "ADD", "EMAIL_HASH", moment, moment, 10, 0, 0)
    return replace(entry, **changes)  # type: ignore[arg-type]


def a_tracker(**changes: object) -> UploadTracker:
    return UploadTracker(replace(SOUGHT, **changes), list(IdentifierType))  # type: ignore[arg-type]


def look(*entries: UploadEntry, **changes: object) -> Sighting:
    return a_tracker(**changes).look(entries)


@pytest.mark.parametrize(
    "entry",
    [
        an_entry(action="REMOVE"),
        an_entry(upload_type="AAID"),
        an_entry(second=-1),
    ],
)
def test_an_upload_of_another_action_type_or_time_is_not_ours(entry: UploadEntry) -> None:
    assert look(entry) == Unlisted()


@pytest.mark.parametrize(
    "entry",
    [
        an_entry(),
        an_entry("FINISHED"),
        an_entry(action="add"),
        an_entry(upload_type="email_hash"),
        an_entry(upload_type="CSV"),
        an_entry(upload_type=""),
        an_entry(second=0),
        an_entry(uploaded=7, invalid=3),
        an_entry(uploaded=8, duplicates=2),
    ],
)
def test_spelling_and_counts_do_not_hide_our_upload(entry: UploadEntry) -> None:
    assert look(entry) == UploadFinished(entry)


def test_an_upload_of_another_size_may_be_anothers() -> None:
    other = an_entry(uploaded=3)

    assert look(other) == Doubtful(other)
    assert look(other, ours := an_entry(second=9)) == UploadFinished(ours)
    assert look(other, an_entry("Running", second=9)) == Unfinished("Running")
    blind = UploadTracker(SOUGHT, list(IdentifierType), counts_tell=False)
    assert blind.look([other]) == UploadFinished(other)


def test_another_that_took_our_place_makes_room_when_its_size_shows() -> None:
    tracker = a_tracker()
    assert tracker.look([an_entry("Running")]) == Unfinished("Running")
    other, ours = an_entry(uploaded=3), an_entry("Running", second=9)

    assert tracker.look([other]) == Doubtful(other)
    assert tracker.look([other, ours]) == Unfinished("Running")
    assert tracker.look([other, done := an_entry(second=9)]) == UploadFinished(done)


def test_all_have_ended_when_as_many_as_were_stored_are_listed_and_done() -> None:
    twice = replace(SOUGHT, puts=2)
    one, two = an_entry("Error"), an_entry(second=9)

    assert not all_ended([one], twice, list(IdentifierType))
    assert not all_ended([one, an_entry("Running", second=9)], twice, list(IdentifierType))
    assert not all_ended([one, an_entry(action="REMOVE")], twice, list(IdentifierType))
    assert all_ended([one, two], twice, list(IdentifierType))


def test_a_finished_upload_of_a_size_that_was_never_stored_is_another_replicas() -> None:
    of_two_or_three = replace(SOUGHT, sizes=frozenset({2, 3}))
    kinds = list(IdentifierType)

    for uploaded, is_ours in [(1, False), (2, True), (3, True), (4, False)]:
        entry = replace(an_entry(), uploaded=uploaded)
        assert all_ended([entry], of_two_or_three, kinds) == is_ours
        assert all_ended([entry], SOUGHT, kinds)
        assert all_ended([entry], replace(of_two_or_three, sizes=frozenset()), kinds)
    assert all_ended([replace(an_entry("Error"), uploaded=0)], of_two_or_three, kinds)
    # Another's that is finished neither counts as ours nor hides that ours is not.
    others = replace(an_entry(), uploaded=9)
    assert not all_ended([others, an_entry("Running", second=9)], of_two_or_three, kinds)


def test_an_upload_that_was_there_before_ours_is_not_ours() -> None:
    earlier = an_entry(second=1)

    assert look(earlier, known=frozenset({identity_of(earlier)})) == Unlisted()


@pytest.mark.parametrize("status", ["Pending", "Running", "Paused", "", "finished?"])
def test_any_status_that_is_no_end_is_waited_for(status: str) -> None:
    assert look(an_entry(status)) == Unfinished(status)


def test_an_error_is_an_error() -> None:
    entry = an_entry("Error", uploaded=0)

    assert look(entry) == UploadErrored(entry)


def test_all_candidates_must_end_before_ours_has() -> None:
    assert look(an_entry("Finished"), an_entry("Running", second=6)) == Unfinished("Running")


def test_of_two_ends_only_the_one_with_our_rows_counts_as_success() -> None:
    error = an_entry("Error", second=6)

    assert look(error, ours := an_entry(uploaded=10)) == UploadFinished(ours)
    assert look(error, an_entry(uploaded=9)) == UploadErrored(error)
    assert look(error, less := an_entry(uploaded=7, invalid=2, duplicates=1)) == UploadFinished(
        less
    )


def test_of_two_finished_ones_ours_is_the_one_with_our_rows() -> None:
    other, ours = an_entry(uploaded=5), an_entry(uploaded=10, second=9)

    assert look(other, ours) == UploadFinished(ours)


def test_an_upload_that_comes_later_neither_delays_ours_nor_passes_for_it() -> None:
    tracker = a_tracker()
    tracker.look([an_entry("Running")])
    foreign = an_entry("Running", second=50)

    assert tracker.look([an_entry("Running"), replace(foreign, status="Finished")]) == Unfinished(
        "Running"
    )
    assert tracker.look([foreign, ours := an_entry("Finished")]) == UploadFinished(ours)


def test_two_uploads_of_one_moment_must_both_end() -> None:
    tracker = a_tracker()

    assert tracker.look([an_entry("Finished"), an_entry("Running")]) == Unfinished("Running")
    assert isinstance(tracker.look([an_entry("Finished"), an_entry("Finished")]), UploadFinished)


def test_a_candidate_that_leaves_the_list_keeps_its_last_word() -> None:
    tracker = a_tracker()
    tracker.look([an_entry("Finished"), an_entry("Running", second=6)])

    assert tracker.look([an_entry("Finished")]) == Unfinished("Running")


def test_candidates_that_all_left_the_list_make_room_for_others() -> None:
    tracker = a_tracker()
    tracker.look([an_entry("Pending")])
    moved = an_entry("Finished", second=8)

    assert tracker.look([]) == Unfinished("Pending")
    assert tracker.look([moved]) == UploadFinished(moved)


def test_a_file_stored_twice_waits_for_both_its_uploads() -> None:
    tracker = a_tracker(puts=2)
    tracker.look([an_entry("Running")])

    assert tracker.look([an_entry("Finished"), an_entry("Pending", second=9)]) == Unfinished(
        "Pending"
    )


def test_a_url_that_stored_nothing_may_stay_pending_for_ever() -> None:
    unused, ours = an_entry("Pending", second=1, uploaded=0), an_entry("Finished")
    tracker = a_tracker(unused_urls=1)

    assert tracker.look([unused]) == Unfinished("Pending")
    assert tracker.look([unused, an_entry("Running")]) == Unfinished("Pending")
    assert tracker.look([unused, ours]) == UploadFinished(ours)
    assert look(unused, ours) == Unfinished("Pending")


STATUSES = st.sampled_from(["Pending", "Running", "Finished", "Error", "Paused"])


@given(
    st.lists(
        st.tuples(STATUSES, st.integers(-3, 20), st.sampled_from(["ADD", "REMOVE"])), max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_list_does_not_matter(
    listed: list[tuple[str, int, str]], random: object
) -> None:
    entries = [an_entry(status, second=at, action=action) for status, at, action in listed]
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert type(look(*entries)) is type(look(*shuffled))


@given(st.lists(st.tuples(STATUSES, st.integers(0, 20)), min_size=1, max_size=5))
def test_no_end_is_told_while_a_candidate_is_open(listed: list[tuple[str, int]]) -> None:
    sighting = look(*(an_entry(status, second=at) for status, at in listed))
    ended = all(status in {"Finished", "Error"} for status, _ in listed)

    assert isinstance(sighting, UploadFinished | UploadErrored) == ended
