from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.upload_counts import UploadCounts, counts_of

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
FEW = st.integers(0, 20)


@pytest.mark.parametrize(
    ("counts", "are_ours", "missing"),
    [
        (UploadCounts(10, 10, 0, 0), True, 0),
        (UploadCounts(10, 10, 2, 3), True, 0),  # all are among those uploaded
        (UploadCounts(10, 8, 2, 3), True, 0),  # the invalid ones are not
        (UploadCounts(10, 7, 2, 3), True, 0),  # the duplicates are not
        (UploadCounts(10, 5, 2, 3), True, 0),  # neither are
        (UploadCounts(10, 4, 2, 3), False, 1),
        (UploadCounts(10, 0, 0, 0), False, 10),
        (UploadCounts(10, 11, 0, 0), False, 0),
    ],
)
def test_counts_are_ours_in_whatever_way_they_are_meant(
    counts: UploadCounts, are_ours: bool, missing: int
) -> None:
    assert (counts.are_ours, counts.missing) == (are_ours, missing)


@given(FEW, FEW, FEW, FEW)
def test_counts_with_missing_rows_are_never_ours(
    rows: int, uploaded: int, invalid: int, duplicates: int
) -> None:
    counts = UploadCounts(rows, uploaded, invalid, duplicates)

    assert not (counts.missing and counts.are_ours)
    assert counts.missing <= rows


def test_a_count_below_zero_counts_as_none() -> None:
    entry = UploadEntry("Finished", "ADD", "AAID", MOMENT, MOMENT, -1, -2, -3)

    assert counts_of(entry, rows=4) == UploadCounts(4, 0, 0, 0)
