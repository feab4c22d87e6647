from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.dead_letter_headers import (
    HEADER_PREFIX,
    Failure,
    dead_letter_headers,
    failure_of,
    read_failure,
    without_failures,
)
from consumer.record import Rejected, RejectReason
from tests.builders import a_record


def a_failure(reason: str = "undecodable", *, attempt: int = 1) -> Failure:
    record = a_record(5, topic="events", partition=2, timestamp_ms=1)
    rejected = Rejected(RejectReason(reason), "detail")
    return failure_of(record, rejected, stage="decode", attempt=attempt, version="1")


texts = st.text(st.characters(codec="utf-8"), max_size=20)
failures = st.builds(
    Failure,
    reason=texts,
    stage=texts,
    detail=texts,
    topic=texts,
    partition=st.integers(0, 2**31),
    offset=st.integers(0, 2**63),
    timestamp_ms=st.none() | st.integers(0, 2**63),
    attempt=st.integers(1, 100),
    version=texts,
)
own_headers = st.lists(
    st.tuples(
        texts.filter(lambda name: not name.startswith(HEADER_PREFIX)), st.none() | st.binary()
    )
)


@given(own_headers, st.lists(failures, min_size=1, max_size=4))
def test_the_newest_failure_is_read_back_and_nothing_of_the_record_or_of_earlier_ones_is_lost(
    own: list[tuple[str, bytes | None]], happened: list[Failure]
) -> None:
    headers = own
    for failure in happened:
        headers = dead_letter_headers(headers, failure)

    assert read_failure(headers) == happened[-1]
    assert without_failures(headers) == own
    assert len(headers) == len(own) + 9 * len(happened)
    ours = [name for name, _ in headers if name.startswith(HEADER_PREFIX)]
    assert len(ours) == len(set(ours))


def test_earlier_failures_are_numbered_from_the_first() -> None:
    first = dead_letter_headers([("own", b"1")], a_failure("undecodable"))
    second = dead_letter_headers(first, a_failure("too_large", attempt=2))
    third = dict(dead_letter_headers(second, a_failure("invalid_event", attempt=3)))

    assert third["segment_liveintent.1.reason"] == b"undecodable"
    assert third["segment_liveintent.2.reason"] == b"too_large"
    assert third["segment_liveintent.reason"] == b"invalid_event"
    assert third["own"] == b"1"


def test_a_record_without_a_time_has_an_empty_header_for_it() -> None:
    record = a_record(timestamp_ms=None)
    rejected = Rejected(RejectReason.UNDECODABLE)
    failure = failure_of(record, rejected, stage="decode", attempt=1, version="1")

    headers = dead_letter_headers([], failure)

    assert dict(headers)["segment_liveintent.timestamp_ms"] == b""
    assert read_failure(headers) == failure


def test_headers_that_are_not_ours_tell_of_no_failure() -> None:
    assert read_failure([("own", b"x")]) is None
    assert read_failure([(f"{HEADER_PREFIX}reason", b"x")]) is None
    broken = [
        (name, b"x" if name.endswith("offset") else value)
        for name, value in dead_letter_headers([], a_failure())
    ]
    assert read_failure(broken) is None


def test_a_header_that_only_resembles_ours_is_kept_as_it_is() -> None:
    headers = dead_letter_headers([("segment_liveintent.a.b.c", b"1")], a_failure())

    assert headers[0] == ("segment_liveintent.a.b.c", b"1")
