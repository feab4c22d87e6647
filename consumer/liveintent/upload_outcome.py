"""What an answer of LiveIntent means for us: the one table of what is retried and what is not.

Sources: LiveIntent's published OpenAPI (statuses, the bare error object), and answers seen on its API (the same
object inside an `errors` list). It publishes no error codes, so codes are shown to people and never branched on.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import orjson

T = TypeVar("T")

MESSAGE_MAX = 200
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//\S+", re.IGNORECASE)
# Long enough to be a token, a signature or a hash; LiveIntent's own words are shorter.
_SECRET = re.compile(r"[A-Za-z0-9_+/=.~%-]{24,}")
_EMAIL = re.compile(r"\S+@\S+")


class Host(StrEnum):
    """Which of LiveIntent's hosts an operation speaks to."""

    API = "api"
    STORAGE = "storage"
    COLLECTOR = "collector"
    CONVERSIONS = "conversions"

    @property
    def wants_token(self) -> bool:
        """Whether our token goes there: the collector asks for none, and a signed URL is its own authority."""
        return self in (Host.API, Host.CONVERSIONS)


class Operation(StrEnum):
    """The operations we use. The value is the metric label and the log field."""

    SEARCH_V2 = "search_audiences_v2"
    SEARCH_V1 = "search_audiences"
    LIST = "list_audiences"
    CREATE = "create_audience"
    READ = "get_audience"
    UPDATE = "update_audience"
    MINT = "create_signed_url"
    UPLOADS = "list_uploads"
    COUNTS = "get_counts"
    STORE = "put_file"
    COLLECT = "collect"
    CONVERT = "convert"
    PRIVACY_REQUEST = "submit_privacy_request"
    PRIVACY_TEST = "test_privacy_request"

    @property
    def host(self) -> Host:
        """Files and direct calls go to hosts of their own, everything else to the API."""
        return _HOSTS.get(self, Host.API)


_HOSTS = {
    Operation.STORE: Host.STORAGE,
    Operation.COLLECT: Host.COLLECTOR,
    Operation.CONVERT: Host.CONVERSIONS,
}


class TransportFailure(StrEnum):
    """No answer came."""

    UNREACHABLE = "unreachable"
    """No connection was made: nothing was sent."""
    TIMEOUT = "timeout"
    RESET = "reset"


class RetryCause(StrEnum):
    """Why a request is sent again later."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RESET = "reset"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNEXPECTED_ANSWER = "unexpected_answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status. `date` is the server's clock, from its Date header."""

    status: int
    body: bytes = field(repr=False)
    retry_after_seconds: float | None = None
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Success(Generic[T]):
    """Done. `value` is what the answer says."""

    value: T = field(repr=False)
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Nothing is wrong with what was asked; ask again."""

    cause: RetryCause
    retry_after_seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unauthorised:
    """Our token is missing, wrong, or expired: nothing we ask can succeed until it is put right."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """LiveIntent will never take this request as it is."""

    status: int
    code: str
    message: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.status), self.code, self.message) if part)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The audience the request names does not exist (any more)."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class SignedUrlRefused:
    """Storage does not take the file at this URL; a new URL is needed."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """A create that may or may not have happened: look before asking again."""

    cause: RetryCause
    detail: str = ""
    retry_after_seconds: float | None = None


Outcome = (
    Success[T] | RetryLater | Unauthorised | Refused | NotFound | SignedUrlRefused | OutcomeUnknown
)

_ABOUT_ONE_AUDIENCE = frozenset(
    {Operation.READ, Operation.UPDATE, Operation.MINT, Operation.UPLOADS, Operation.COUNTS}
)
# Everything else a client can be told (402, 405, 407, 451, ...) is about how we are set up, not about the data.
_ABOUT_THE_DATA = frozenset({400, 409, 413, 415, 422})


def outcome_of(operation: Operation, reply: Answer | TransportFailure) -> Outcome[Any]:
    """What `reply` to `operation` means. A success carries the parsed JSON, None after a PUT."""
    if isinstance(reply, TransportFailure):
        return _put_off(operation, RetryCause(reply.value), detail=f"No answer: {reply.value}.")
    if 200 <= reply.status < 300:
        return _success(operation, reply)
    if operation is Operation.STORE:
        return _storage_outcome(reply)
    return _api_outcome(operation, reply)


def unexpected(operation: Operation, detail: str) -> RetryLater | OutcomeUnknown:
    """What an answer without the shape LiveIntent publishes means."""
    return _put_off(operation, RetryCause.UNEXPECTED_ANSWER, detail=detail)


def _success(operation: Operation, answer: Answer) -> Outcome[Any]:
    if operation is Operation.STORE:
        return Success(None, answer.date)
    try:
        return Success(orjson.loads(answer.body), answer.date)
    except orjson.JSONDecodeError:
        return unexpected(operation, f"Status {answer.status} with a body that is not JSON.")


def _storage_outcome(answer: Answer) -> Outcome[Any]:
    """Storage's own rule: it knows neither our token nor our data, so a fresh URL is all that can help."""
    if _is_passing(answer.status):
        return _retry_later(answer)
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _refused(answer)
    if 300 <= answer.status < 400:
        return unexpected(Operation.STORE, f"Storage redirects ({answer.status}).")
    return SignedUrlRefused(f"Storage answered {answer.status}.")


def _api_outcome(operation: Operation, answer: Answer) -> Outcome[Any]:
    status = answer.status
    if status in {401, 403}:
        return Unauthorised(str(_refused(answer)))
    if operation is Operation.CREATE and (status in {408, 409} or status >= 500):
        # 409: somebody has this name already; a search tells who.
        return OutcomeUnknown(
            RetryCause.SERVER_ERROR, str(_refused(answer)), answer.retry_after_seconds
        )
    if _is_passing(status):
        return _retry_later(answer)
    if status in {404, 410} and operation in _ABOUT_ONE_AUDIENCE:
        return NotFound(str(_refused(answer)))
    if status in _ABOUT_THE_DATA:
        return _refused(answer)
    return RetryLater(
        RetryCause.UNEXPECTED_ANSWER, answer.retry_after_seconds, str(_refused(answer))
    )


def _is_passing(status: int) -> bool:
    return status in {408, 425, 429} or status >= 500


def _retry_later(answer: Answer) -> RetryLater:
    limited = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    cause = RetryCause.RATE_LIMITED if limited else RetryCause.SERVER_ERROR
    return RetryLater(cause, answer.retry_after_seconds, str(_refused(answer)))


def _put_off(
    operation: Operation, cause: RetryCause, *, detail: str
) -> RetryLater | OutcomeUnknown:
    sent = cause is not RetryCause.UNREACHABLE
    if operation is Operation.CREATE and sent:
        return OutcomeUnknown(cause, detail)
    return RetryLater(cause, detail=detail)


def _refused(answer: Answer) -> Refused:
    """The answer's own words, in whichever of the known shapes they come, shortened and without secrets."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return Refused(answer.status, "", safe_text(answer.body.decode(errors="replace")))
    if isinstance(body, dict) and isinstance(body.get("errors"), list) and body["errors"]:
        body = body["errors"][0]
    if isinstance(body, dict):
        code, message = body.get("errorCode"), body.get("message")
        return Refused(
            answer.status,
            safe_text(code) if isinstance(code, str) else "",
            safe_text(message) if isinstance(message, str) else "",
        )
    return Refused(answer.status, "", safe_text(body) if isinstance(body, str) else "")


def safe_text(text: str) -> str:
    """`text` on one line, shortened, without URLs, email addresses, and anything long enough to be a secret."""
    line = " ".join(text[: 4 * MESSAGE_MAX].split())
    for pattern, stand_in in ((_URL, "<url>"), (_EMAIL, "<email>"), (_SECRET, "<hidden>")):
        line = pattern.sub(stand_in, line)
    return line if len(line) <= MESSAGE_MAX else line[: MESSAGE_MAX - 1] + "…"
