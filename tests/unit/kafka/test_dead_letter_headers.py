from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.dead_letter_headers import (
    HEADER_PREFIX,
    Failure,
    Header,
    as_first_read,
    dead_letter_headers,
    failure_of,
    read_failure,
    read_failures,
    without_failures,
)
from consumer.record import Rejected, RejectReason
from tests.builders import a_record


def a_failure(reason: str = "undecodable", headers: Sequence[Header] = ()) -> Failure:
    record = a_record(5, topic="events", partition=2, timestamp_ms=1, headers=tuple(headers))
    rejected = Rejected(RejectReason(reason), "detail", "vip_customers")
    return failure_of(record, rejected, stage="decode", version="1")


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
    audience=texts,
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
    assert read_failures(headers) == happened
    assert len(headers) == len(own) + 10 * len(happened)
    ours = [name for name, _ in headers if name.startswith(HEADER_PREFIX)]
    assert len(ours) == len(set(ours))


def test_earlier_failures_are_numbered_from_the_first() -> None:
    first = dead_letter_headers([("own", b"1")], a_failure("undecodable"))
    second = dead_letter_headers(first, a_failure("too_large", first))
    third = dict(dead_letter_headers(second, a_failure("invalid_event", second)))

    assert third["segment_liveintent.1.reason"] == b"undecodable"
    assert third["segment_liveintent.2.reason"] == b"too_large"
    assert third["segment_liveintent.reason"] == b"invalid_event"
    attempts = [third[f"segment_liveintent.{number}attempt"] for number in ("1.", "2.", "")]
    assert attempts == [b"1", b"2", b"3"]
    assert third["own"] == b"1"


def test_a_record_without_a_time_has_an_empty_header_for_it() -> None:
    record = a_record(timestamp_ms=None)
    rejected = Rejected(RejectReason.UNDECODABLE)
    failure = failure_of(record, rejected, stage="decode", version="1")

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


def test_a_dead_letter_from_before_there_was_a_header_for_the_audience_is_read() -> None:
    old = [
        (name, value)
        for name, value in dead_letter_headers([], a_failure())
        if not name.endswith(".audience")
    ]

    failure = read_failure(old)

    assert failure is not None
    assert failure.audience == ""


def test_an_audience_no_audience_could_be_named_is_masked_where_it_looks_like_a_person() -> None:
    name = "friends of ana.ruiz@example.com"
    nameless = Rejected(RejectReason.INVALID_AUDIENCE_NAME, "bad", name)
    refused = Rejected(
        RejectReason.AUDIENCE_REFUSED, "archived", "0123456789abcdef0123456789abcdef"
    )

    masked = failure_of(a_record(), nameless, stage="rules", version="1")
    plain = failure_of(a_record(), refused, stage="upload", version="1")

    assert masked.audience == "friends of [redacted]"
    assert plain.audience == "0123456789abcdef0123456789abcdef"


def test_a_record_that_was_put_back_stands_where_it_was_first_read() -> None:
    first = dead_letter_headers([("own", b"1")], a_failure())
    second = dead_letter_headers(first, a_failure("too_large", first))
    again = a_record(900, topic="events", partition=2, timestamp_ms=9, headers=tuple(second))

    found = as_first_read(again)

    assert (found.offset, found.timestamp_ms) == (5, 1)
    assert (found.value, found.headers) == (again.value, again.headers)


def test_a_record_that_was_not_put_back_stands_where_it_is() -> None:
    plain = a_record(7, headers=(("own", b"1"),))
    odd = a_record(7, headers=((f"{HEADER_PREFIX}reason", b"x"),))

    assert as_first_read(plain) is plain
    assert as_first_read(odd) is odd
