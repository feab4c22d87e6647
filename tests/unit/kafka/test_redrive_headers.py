import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.dead_letter_headers import (
    dead_letter_headers,
    failure_of,
    read_failure,
    without_failures,
)
from consumer.kafka.redrive_headers import (
    Place,
    marker_headers,
    read_marker,
    redriven_from,
    redriven_headers,
)
from consumer.record import Rejected, RejectReason
from tests.builders import a_record

places = st.builds(Place, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
BAD = Rejected(RejectReason.UNDECODABLE)


@given(places)
def test_a_place_is_read_back_from_its_text(place: Place) -> None:
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["", "1", "1:", ":1", "-1:2", "1:-2", "1: 2", "1:2:3", "+1:2", "a:b", "\u0661:\u0662", "1:2\n"],
)
def test_what_is_no_place_is_not_taken_for_one(text: str) -> None:
    assert Place.parse(text) is None


@given(places)
def test_a_marker_names_the_dead_letter_that_was_put_back_and_is_none_itself(place: Place) -> None:
    headers = marker_headers(place)

    assert read_marker(headers) == place
    assert read_failure(headers) is None
    assert without_failures(headers) == []


def test_a_marker_that_names_no_place_marks_nothing() -> None:
    assert read_marker([("segment_liveintent.redriven", b"everything")]) is None
    assert read_marker([("segment_liveintent.redriven", None)]) is None
    assert read_marker([]) is None


def test_a_record_is_put_back_with_all_its_headers_and_with_which_dead_letter_it_was() -> None:
    dead = dead_letter_headers(
        [("own", b"1"), ("none", None)], failure_of(a_record(), BAD, stage="decode", version="1")
    )

    put_back = redriven_headers(dead, topic="dead", place=Place(3, 14))

    assert put_back == [*dead, ("segment_liveintent.redriven_from", b"dead:3:14")]
    assert redriven_from(put_back) == "dead:3:14"
    assert redriven_from(dead) is None


def test_put_back_and_failed_again_a_record_tells_of_both_failures_and_of_every_way_back() -> None:
    record = a_record(headers=(("own", b"1"),))
    for place in (Place(0, 1), Place(0, 9)):
        dead = dead_letter_headers(
            record.headers, failure_of(record, BAD, stage="decode", version="1")
        )
        record = a_record(headers=tuple(redriven_headers(dead, topic="dead", place=place)))
    last = dict(
        dead_letter_headers(record.headers, failure_of(record, BAD, stage="decode", version="1"))
    )

    assert last["segment_liveintent.1.redriven_from"] == b"dead:0:1"
    assert last["segment_liveintent.2.redriven_from"] == b"dead:0:9"
    assert last["segment_liveintent.attempt"] == b"3"
    assert "segment_liveintent.redriven_from" not in last


def test_a_record_whose_producer_copied_a_marker_is_a_dead_letter_like_any_other() -> None:
    copied = a_record(headers=tuple(marker_headers(Place(0, 1))))

    dead = dead_letter_headers(copied.headers, failure_of(copied, BAD, stage="decode", version="1"))

    assert read_marker(dead) is None
    assert read_failure(dead) is not None
