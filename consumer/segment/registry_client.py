"""One HTTP exchange with a schema registry of Confluent's API, and what it came to."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote

import aiohttp

from consumer.segment.json_text import BadJson, parse_json
from consumer.telemetry.metrics import Metrics

_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
_PASSING_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class SchemaReference:
    """A schema that another one uses types of, by its place in the registry."""

    subject: str
    version: int

    @property
    def path(self) -> str:
        """Where the registry has it."""
        return f"/subjects/{quote(self.subject, safe='')}/versions/{self.version}"

    def __str__(self) -> str:
        return f"version {self.version} of subject {self.subject}"


@dataclass(frozen=True, slots=True)
class Found:
    """A schema as the registry holds it."""

    text: str = field(repr=False)
    schema_type: str
    references: tuple[SchemaReference, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """The registry says that it has no such schema, subject or version."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """There was no answer to the question: an outage, a refusal, or something else than a registry."""

    reason: str
    """For people: a status, or the kind of error. Never an address, which may hold a password."""
    retry_after_seconds: float = 0.0
    needs_someone: bool = False
    """Whether waiting alone will hardly mend it: a password, a right, a wrong address."""


def no_authorization() -> str | None:
    """For a registry that asks for none."""
    return None


def basic_authorization(user_name: str, password: str) -> str:
    """The Authorization header for a user name and password."""
    return "Basic " + b64encode(f"{user_name}:{password}".encode()).decode()


def bearer_authorization(token: str) -> str:
    """The Authorization header for a token."""
    return f"Bearer {token}"


class RegistryClient:
    """Asks a schema registry.

    `authorization` gives the Authorization header and is asked before every request, so that a changed secret
    takes effect. The session stays the caller's to close.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        authorization: Callable[[], str | None] = no_authorization,
        timeout_seconds: float = 10.0,
        metrics: Metrics | None = None,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._authorization = authorization
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._metrics = metrics

    async def get(self, path: str) -> Found | NotFound | Unavailable:
        """What the registry says to GET `path`, which begins with a slash and is quoted already.

        Never raises for what a network or a server does.
        """
        try:
            answer = await self._exchange(path)
        except TimeoutError:
            answer = Unavailable("no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            answer = Unavailable(type(error).__name__)
        if self._metrics is not None:
            self._metrics.schema_requests.labels(_RESULTS[type(answer)]).inc()
        return answer

    async def _exchange(self, path: str) -> Found | NotFound | Unavailable:
        headers = {"Accept": _ACCEPT}
        authorization = self._authorization()
        if authorization is not None:
            headers["Authorization"] = authorization
        async with self._session.get(
            self._url + path, headers=headers, timeout=self._timeout
        ) as response:
            return _understood(response.status, response.headers, await response.read())


_RESULTS: Mapping[type, str] = {Found: "ok", NotFound: "not_found", Unavailable: "failed"}


def _understood(
    status: int, headers: Mapping[str, str], content: bytes
) -> Found | NotFound | Unavailable:
    body = _json_object(content)
    if status == HTTPStatus.OK:
        return _found(body) or Unavailable("not a registry's answer", needs_someone=True)
    if status == HTTPStatus.NOT_FOUND and _is_registrys_not_found(body):
        return NotFound()
    return Unavailable(
        f"HTTP {status}",
        retry_after_seconds=_retry_after_seconds(headers),
        needs_someone=status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING_STATUSES,
    )


def _found(body: Mapping[str, object]) -> Found | None:
    match body:
        case {"schema": str(text)}:
            pass
        case _:
            return None
    schema_type, listed = body.get("schemaType"), body.get("references")
    references: list[SchemaReference] = []
    for reference in listed if isinstance(listed, list) else []:
        match reference:
            case {"subject": str(subject), "version": int(version)}:
                references.append(SchemaReference(subject, version))
            case _:
                return None
    # Left out for Avro (source: Confluent's API reference).
    return Found(text, schema_type if isinstance(schema_type, str) else "AVRO", tuple(references))


def _is_registrys_not_found(body: Mapping[str, object]) -> bool:
    """Whether a 404 is about the schema, and not about the address.

    A registry gives such an answer a code of its own, 40401 to 40403; a wrong path, a proxy, or a registry that
    does not know the path give another or none (source: Confluent's API reference). Only the former may cost a
    record.
    """
    code = body.get("error_code")
    return isinstance(code, int) and code // 100 == HTTPStatus.NOT_FOUND


def _json_object(content: bytes) -> Mapping[str, object]:
    """What the body holds; empty when it is not an object of JSON."""
    try:
        body = parse_json(content)
    except BadJson:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; 0 without one. A date is held against the server's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, wait.total_seconds())
