import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.liveintent.upload_outcome import (
    MESSAGE_MAX,
    Answer,
    Host,
    NotFound,
    Operation,
    OutcomeUnknown,
    Refused,
    RetryCause,
    RetryLater,
    SignedUrlRefused,
    Success,
    TransportFailure,
    Unauthorised,
    outcome_of,
    safe_text,
)

ERROR = {"httpStatus": 400, "message": "Invalid request parameters.", "errorCode": "bad_request"}
AUDIENCE_OPERATIONS = [
    Operation.READ,
    Operation.UPDATE,
    Operation.MINT,
    Operation.UPLOADS,
    Operation.COUNTS,
]
API_OPERATIONS = [operation for operation in Operation if operation.host is Host.API]


def an_answer(status: int, body: object = None, *, retry_after: float | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Answer(status, raw, retry_after)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ERROR, Refused(400, "bad_request", "Invalid request parameters.")),
        ({"errors": [ERROR]}, Refused(400, "bad_request", "Invalid request parameters.")),
        (b"Bad Request", Refused(400, "", "Bad Request")),
        (b"", Refused(400, "", "")),
        ({"errors": []}, Refused(400, "", "")),
        ({"errors": ["no"]}, Refused(400, "", "no")),
        ({"message": 7, "errorCode": None}, Refused(400, "", "")),
        ([1], Refused(400, "", "")),
        (b"\xff\xfe", Refused(400, "", "\ufffd\ufffd")),
    ],
)
def test_every_shape_of_an_error_is_read(body: object, expected: Refused) -> None:
    assert outcome_of(Operation.MINT, an_answer(400, body)) == expected


@pytest.mark.parametrize("operation", API_OPERATIONS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_nobodys_data(operation: Operation, status: int) -> None:
    assert isinstance(outcome_of(operation, an_answer(status, {"errors": [ERROR]})), Unauthorised)


@pytest.mark.parametrize("operation", API_OPERATIONS)
def test_too_many_requests_is_retried_when_the_server_says(operation: Operation) -> None:
    outcome = outcome_of(operation, an_answer(429, ERROR, retry_after=9))

    assert isinstance(outcome, RetryLater)
    assert (outcome.cause, outcome.retry_after_seconds) == (RetryCause.RATE_LIMITED, 9)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504])
def test_a_create_that_failed_midway_is_unknown(status: int) -> None:
    assert isinstance(outcome_of(Operation.CREATE, an_answer(status, ERROR)), OutcomeUnknown)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
@pytest.mark.parametrize("operation", [o for o in Operation if o is not Operation.CREATE])
def test_failures_of_the_server_are_retried(operation: Operation, status: int) -> None:
    outcome = outcome_of(operation, an_answer(status, ERROR))

    assert isinstance(outcome, RetryLater)
    assert outcome.cause is RetryCause.SERVER_ERROR


@pytest.mark.parametrize("failure", list(TransportFailure))
@pytest.mark.parametrize("operation", list(Operation))
def test_only_a_create_that_may_have_been_sent_is_unknown(
    operation: Operation, failure: TransportFailure
) -> None:
    sent = failure is not TransportFailure.UNREACHABLE
    expected = OutcomeUnknown if operation is Operation.CREATE and sent else RetryLater

    outcome = outcome_of(operation, failure)

    assert isinstance(outcome, expected)


@pytest.mark.parametrize("operation", AUDIENCE_OPERATIONS)
def test_an_audience_that_is_gone_is_told_apart(operation: Operation) -> None:
    assert isinstance(outcome_of(operation, an_answer(404, ERROR)), NotFound)


@pytest.mark.parametrize(
    "operation", [Operation.SEARCH_V2, Operation.SEARCH_V1, Operation.LIST, Operation.CREATE]
)
@pytest.mark.parametrize("status", [301, 402, 404, 405, 407, 451])
def test_a_wrong_address_is_waited_out_not_blamed_on_the_data(
    operation: Operation, status: int
) -> None:
    outcome = outcome_of(operation, an_answer(status, ERROR))

    assert isinstance(outcome, RetryLater)
    assert outcome.cause is RetryCause.UNEXPECTED_ANSWER


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_can_never_be_taken_is_refused(status: int) -> None:
    assert isinstance(outcome_of(Operation.CREATE, an_answer(status, ERROR)), Refused)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_storage_that_refuses_a_url_needs_another_url(status: int) -> None:
    assert isinstance(outcome_of(Operation.STORE, an_answer(status, b"<Error/>")), SignedUrlRefused)


def test_storage_that_redirects_is_not_followed_but_retried() -> None:
    assert isinstance(outcome_of(Operation.STORE, an_answer(307, b"")), RetryLater)


def test_a_file_too_large_for_storage_is_refused() -> None:
    assert isinstance(outcome_of(Operation.STORE, an_answer(413, b"")), Refused)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_of_storage_is_success_whatever_its_body(status: int) -> None:
    assert outcome_of(Operation.STORE, an_answer(status, b"<xml/>")) == Success(None)


def test_a_success_carries_the_json() -> None:
    assert outcome_of(Operation.READ, an_answer(200, {"id": 1})) == Success({"id": 1})


def test_a_success_that_is_no_json_is_a_failure_of_the_server() -> None:
    page = an_answer(200, b"<html>maintenance</html>")

    assert isinstance(outcome_of(Operation.UPLOADS, page), RetryLater)
    assert isinstance(outcome_of(Operation.CREATE, page), OutcomeUnknown)


@pytest.mark.parametrize(
    "secret",
    [
        "https://storage.example/u/1?X-Amz-Signature=abc",
        "//storage.example/u?sig=1",
        "ada@example.com",
        "3e3417d7ef77d5932a6734b916515ed5",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.payload",
    ],
)
def test_an_error_text_shows_no_secret(secret: str) -> None:
    outcome = outcome_of(Operation.MINT, an_answer(400, {"message": f"Cannot use {secret} now"}))

    assert isinstance(outcome, Refused)
    assert secret not in str(outcome)
    assert outcome.message.startswith("Cannot use <")


@given(st.text())
def test_a_safe_text_is_one_short_line(text: str) -> None:
    safe = safe_text(text)

    assert len(safe) <= MESSAGE_MAX
    assert "\n" not in safe


@given(
    operation=st.sampled_from(list(Operation)),
    status=st.integers(100, 599),
    body=st.binary(max_size=80),
)
def test_every_answer_means_something(operation: Operation, status: int, body: bytes) -> None:
    outcome = outcome_of(operation, Answer(status, body))

    if not 200 <= status < 300:
        assert not isinstance(outcome, Success)


def test_an_answer_does_not_print_its_body() -> None:
    assert "sig=secret" not in repr(Answer(201, b'{"signedUrl": "http://x/?sig=secret"}'))
    assert "sig=secret" not in repr(Success("http://x/?sig=secret"))
