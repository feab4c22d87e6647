import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.record_listener import IntakeLimits, IntakeWindow, RecordBatch
from tests.builders import a_record


def a_batch(records: int, *, size_bytes: int = 0) -> RecordBatch:
    return RecordBatch(tuple(a_record(n) for n in range(records)), size_bytes)


@pytest.mark.parametrize(
    ("batch", "full"),
    [
        (a_batch(9, size_bytes=99), False),
        (a_batch(10, size_bytes=0), True),
        (a_batch(1, size_bytes=100), True),
    ],
)
def test_it_is_full_at_either_limit(batch: RecordBatch, full: bool) -> None:
    window = IntakeWindow(IntakeLimits(records=10, size_bytes=100))

    window.handed_over(batch)

    assert window.is_full() is full


def test_it_is_half_empty_only_when_both_records_and_bytes_are() -> None:
    window = IntakeWindow(IntakeLimits(records=10, size_bytes=100))
    many, heavy = a_batch(6, size_bytes=10), a_batch(1, size_bytes=60)

    window.handed_over(many)
    assert not window.is_half_empty()
    window.taken(many)
    window.handed_over(heavy)
    assert not window.is_half_empty()
    window.taken(heavy)
    assert window.is_half_empty()


def test_a_wait_for_room_ends_when_a_batch_is_taken_or_someone_calls() -> None:
    window = IntakeWindow(IntakeLimits(records=1))
    batch = a_batch(1)
    for end_it in (lambda: window.taken(batch), window.wake):
        window.handed_over(batch)
        began = time.monotonic()
        threading.Timer(0.02, end_it).start()

        window.wait_for_room(10)

        assert time.monotonic() - began < 5


def test_a_wait_for_room_ends_by_itself() -> None:
    window = IntakeWindow(IntakeLimits(records=1))
    window.handed_over(a_batch(1))

    window.wait_for_room(0.001)

    assert window.is_full()


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 50)), max_size=20))
def test_taking_all_that_was_handed_over_leaves_it_empty(sizes: list[tuple[int, int]]) -> None:
    window = IntakeWindow(IntakeLimits(records=10, size_bytes=100))
    batches = [a_batch(records, size_bytes=size) for records, size in sizes]
    for batch in batches:
        window.handed_over(batch)

    for batch in batches:
        window.taken(batch)

    assert window.is_half_empty()
    assert not window.is_full()
