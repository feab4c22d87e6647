from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.cli.audiences_comparison import (
    Rows,
    UploadSums,
    Verdict,
    rows_by_kind,
    sums_of,
    verdict_on,
)
from consumer.liveintent.policies import Spelling
from consumer.liveintent.shapes import UploadEntry

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
SPELLING = Spelling()


def an_upload(
    action: str = "ADD",
    rows: int = 10,
    *,
    status: str = "Finished",
    invalid: int = 0,
    duplicates: int = 0,
    hours_ago: int = 1,
) -> UploadEntry:
    at = NOW - timedelta(hours=hours_ago)
    return UploadEntry(status, action, "EMAIL_HASH", at, at, rows, invalid, duplicates)


def test_only_finished_uploads_are_added_up() -> None:
    uploads = [
        an_upload(rows=10, invalid=1, duplicates=2, hours_ago=3),
        an_upload("REMOVE", 4),
        an_upload("replace", 5),
        an_upload(rows=100, status="Error"),
        an_upload(rows=100, status="Running"),
        an_upload(rows=100, status="Paused"),
    ]

    assert sums_of(uploads, SPELLING) == UploadSums(
        added=10,
        removed=4,
        other_rows=5,
        invalid=1,
        duplicates=2,
        unfinished=2,
        failed=1,
        oldest=NOW - timedelta(hours=3),
    )


def test_liveintent_may_spell_our_words_in_another_case() -> None:
    sums = sums_of([an_upload("Add", 3), an_upload("remove", 1)], SPELLING)

    assert (sums.added, sums.removed) == (3, 1)


@pytest.mark.parametrize(
    ("size", "sums", "verdict"),
    [
        (None, UploadSums(added=5), Verdict.NOT_COUNTED),
        (0, UploadSums(), Verdict.FITS),
        (5, UploadSums(added=5), Verdict.FITS),
        (6, UploadSums(added=5), Verdict.MORE_THAN_ADDED),
        (6, UploadSums(added=5, other_rows=1), Verdict.FITS),
        (4, UploadSums(added=5), Verdict.FEWER_THAN_ADDED),
        (2, UploadSums(added=5, removed=1, invalid=1, duplicates=1), Verdict.FITS),
        (1, UploadSums(added=5, removed=1, invalid=1, duplicates=1), Verdict.FEWER_THAN_ADDED),
        (5, UploadSums(added=5, removed=3), Verdict.FITS),
    ],
)
def test_a_verdict_says_only_what_can_be_known(
    size: int | None, sums: UploadSums, verdict: Verdict
) -> None:
    assert verdict_on(sums, size) is verdict


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 30), max_size=8)), max_size=12))
def test_who_sends_every_row_once_or_removes_what_was_never_in_is_never_accused_of_more(
    files: list[tuple[bool, set[int]]],
) -> None:
    members: set[int] = set()
    for adds, rows in files:
        members = members | rows if adds else members - rows
    sums = sums_of(
        (an_upload("ADD" if adds else "REMOVE", len(rows)) for adds, rows in files), SPELLING
    )

    assert verdict_on(sums, len(members)) is not Verdict.MORE_THAN_ADDED


@given(st.lists(st.sets(st.integers(0, 50), max_size=10), max_size=8))
def test_files_without_a_common_row_fit_exactly(files: list[set[int]]) -> None:
    seen: set[int] = set()
    sizes = []
    for rows in files:
        sizes.append(len(rows - seen))
        seen |= rows
    sums = sums_of((an_upload(rows=size) for size in sizes), SPELLING)

    assert verdict_on(sums, len(seen)) is Verdict.FITS
    assert verdict_on(sums, len(seen) + 1) is Verdict.MORE_THAN_ADDED


def test_a_services_rows_are_held_against_liveintents_by_action_and_type() -> None:
    stored = {("add", "EMAIL_HASH"): 12, ("remove", "IDFA"): 3}
    uploads = [
        an_upload(rows=10),
        an_upload(rows=0, status="Pending"),
        an_upload("REMOVE", 2),
        an_upload("MERGE", 0, status="Error"),
    ]

    assert rows_by_kind(stored, uploads, SPELLING) == {
        ("MERGE", "EMAIL_HASH"): Rows(0, 0, 0, 1),
        ("add", "EMAIL_HASH"): Rows(12, 10, 1, 0),
        ("remove", "EMAIL_HASH"): Rows(0, 2, 0, 0),
        ("remove", "IDFA"): Rows(3, 0, 0, 0),
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (Rows(5, 5, 0, 0), "equal"),
        (Rows(5, 6, 0, 0), "others upload too"),
        (Rows(5, 4, 1, 1), "not finished everything yet"),
        (Rows(5, 4, 0, 1), "Error"),
        (Rows(5, 4, 0, 0), "repeated rows"),
    ],
)
def test_a_difference_is_told_with_what_it_may_mean(rows: Rows, expected: str) -> None:
    assert expected in rows.in_words
