from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.upload_pages import entries_since, next_page
from tests.unit.liveintent.virtual_time import START

PAGE_SIZE = 3


def an_entry(second: int, *, updated: int | None = None) -> UploadEntry:
    return UploadEntry(
        "Finished",
        "ADD",
        "EMAIL_HASH",
        START + timedelta(seconds=second),
        START + timedelta(seconds=second if updated is None else updated),
        1,
        0,
        0,
    )


def read_all(listed: Sequence[UploadEntry], since_second: int) -> tuple[list[UploadEntry], int]:
    """What a reader that follows `next_page` ends with, and how many pages that took."""
    since = START + timedelta(seconds=since_second)
    chunks = [listed[i : i + PAGE_SIZE] for i in range(0, len(listed), PAGE_SIZE)] or [[]]
    read: dict[int, Sequence[UploadEntry]] = {}
    pages = 1
    while (page := next_page(read, pages=pages, since=since)) is not None:
        assert page not in read
        read[page] = chunks[page - 1]
        pages = len(chunks)
    return entries_since(read, since), len(read)


SECONDS = st.lists(st.integers(0, 60), max_size=40)


@given(SECONDS, st.integers(0, 60))
def test_a_list_newest_first_is_read_completely(seconds: list[int], since: int) -> None:
    listed = [an_entry(second) for second in sorted(seconds, reverse=True)]

    entries, _ = read_all(listed, since)

    assert len(entries) == sum(second >= since for second in seconds)


@given(SECONDS, st.integers(0, 60))
def test_a_list_oldest_first_is_read_completely(seconds: list[int], since: int) -> None:
    listed = [an_entry(second) for second in sorted(seconds)]

    entries, _ = read_all(listed, since)

    assert len(entries) == sum(second >= since for second in seconds)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=40), st.integers(0, 60))
def test_a_list_by_last_update_is_read_completely(
    uploads: list[tuple[int, int]], since: int
) -> None:
    listed = sorted(
        (an_entry(second, updated=second + took) for second, took in uploads),
        key=lambda entry: entry.last_update,
        reverse=True,
    )

    entries, _ = read_all(listed, since)

    assert len(entries) == sum(second >= since for second, _ in uploads)


def test_a_list_in_no_order_is_read_to_the_end() -> None:
    listed = [an_entry(second) for second in [5, 50, 7, 3, 40, 2, 60, 1, 9, 8, 30]]

    entries, pages = read_all(listed, 35)

    assert len(entries) == 3
    assert pages == 4


def test_of_a_long_sorted_list_only_the_new_end_is_read() -> None:
    old = [an_entry(second) for second in range(300)]

    newest_last = read_all(old, 298)
    newest_first = read_all(old[::-1], 298)

    assert (len(newest_last[0]), newest_last[1]) == (2, 2)
    assert (len(newest_first[0]), newest_first[1]) == (2, 2)


def test_an_empty_list_takes_one_look() -> None:
    assert read_all([], 0) == ([], 1)
