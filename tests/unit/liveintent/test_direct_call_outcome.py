"""What an answer to a direct call means: what is sent again, and what never is."""

import orjson
import pytest

from consumer.liveintent.direct_call_outcome import direct_call_outcome, refused_events
from consumer.liveintent.shapes import UnexpectedShape
from consumer.liveintent.upload_outcome import (
    Answer,
    Operation,
    OutcomeUnknown,
    Refused,
    RetryCause,
    RetryLater,
    Success,
    TransportFailure,
    Unauthorised,
)

ID = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"
OTHER = "2c5f39cb-3fb2-52e3-994f-1127e4ddb538"


@pytest.mark.parametrize("status", [200, 202, 204, 304])
def test_a_collected_call_is_taken_with_any_2xx_and_with_304(status: int) -> None:
    assert isinstance(direct_call_outcome(Operation.COLLECT, Answer(status, b"x")), Success)


@pytest.mark.parametrize(
    "reply", [TransportFailure.TIMEOUT, TransportFailure.RESET, Answer(504, b"")], ids=str
)
def test_a_collected_call_without_an_answer_is_left_open(reply: Answer | TransportFailure) -> None:
    assert isinstance(direct_call_outcome(Operation.COLLECT, reply), OutcomeUnknown)


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 405, 408, 429, 500, 502, 503])
def test_a_call_the_collector_says_it_did_not_take_is_sent_again(status: int) -> None:
    outcome = direct_call_outcome(Operation.COLLECT, Answer(status, b"", 7.0))

    assert isinstance(outcome, RetryLater)


def test_a_collector_that_cannot_be_reached_got_nothing() -> None:
    outcome = direct_call_outcome(Operation.COLLECT, TransportFailure.UNREACHABLE)

    assert outcome == RetryLater(RetryCause.UNREACHABLE, detail="No answer: unreachable.")


@pytest.mark.parametrize("status", [400, 413, 414, 422, 431])
def test_a_call_the_collector_cannot_read_is_refused(status: int) -> None:
    assert isinstance(direct_call_outcome(Operation.COLLECT, Answer(status, b"")), Refused)


def test_conversions_that_are_all_taken_say_nothing_and_a_part_says_what() -> None:
    said = {"results": [{"eventId": ID, "success": True}]}

    assert direct_call_outcome(Operation.CONVERT, Answer(204, b"")) == Success(None)
    assert direct_call_outcome(Operation.CONVERT, Answer(202, b"")) == Success(None)
    assert direct_call_outcome(Operation.CONVERT, Answer(200, orjson.dumps(said))) == Success(said)
    assert direct_call_outcome(Operation.CONVERT, Answer(200, b"null")) == Success({})
    assert direct_call_outcome(Operation.CONVERT, Answer(200, b"<html>")) == Success({})


@pytest.mark.parametrize("reply", [*TransportFailure, *(Answer(s, b"") for s in (404, 429, 500))])
def test_conversions_that_may_not_have_been_taken_are_sent_again(
    reply: Answer | TransportFailure,
) -> None:
    assert isinstance(direct_call_outcome(Operation.CONVERT, reply), RetryLater)


def test_a_refused_token_is_no_refused_conversion() -> None:
    for status in (401, 403):
        assert isinstance(direct_call_outcome(Operation.CONVERT, Answer(status, b"")), Unauthorised)


@pytest.mark.parametrize(
    "said",
    [
        {"results": [{"eventId": ID, "success": False, "message": "no"}, {"eventId": OTHER, "success": True}]},
        [{"eventId": ID.upper(), "status": "rejected", "error": "no"}, {"eventId": OTHER, "status": "OK"}],
        {"events": [{"eventId": ID, "status": 400, "reason": "no"}, {"eventId": OTHER, "status": 204}]},
        {"errors": [{"eventId": ID, "message": "no"}]},
    ],
    ids=["results", "bare", "events", "errors"],
)  # fmt: skip
def test_events_that_were_not_taken_are_found_in_whichever_shape_they_are_named(
    said: object,
) -> None:
    assert refused_events(said) == {ID: "no"}


def test_an_event_that_was_not_taken_without_a_word_is_refused_all_the_same() -> None:
    (reason,) = refused_events([{"eventId": ID, "success": False, "message": ""}]).values()

    assert reason


def test_a_reason_shows_no_person() -> None:
    said = [{"eventId": ID, "success": False, "message": "bad email ada@example.com"}]

    assert "ada" not in refused_events(said)[ID]


@pytest.mark.parametrize("said", [{}, [], "x", 7, {"results": {}}, [7], [{"eventId": 7}]], ids=str)
def test_an_answer_that_names_no_events_is_not_guessed_at(said: object) -> None:
    with pytest.raises(UnexpectedShape):
        refused_events(said)
