"""What a schema registry may answer, and what to make of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import quote

from consumer.segment.json_text import BadJson, parse_json

GUIDS_PATH = "/schemas/guids/"
_PASSING_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Trouble(StrEnum):
    """What kept a registry from answering, as far as it tells somebody what to do."""

    OUTAGE = "outage"
    NO_ANSWER = "no answer in time"
    NO_CONNECTION = "no connection"
    HUNG_UP = "hung up"
    UNKNOWN_HOST = "unknown host"
    TLS = "tls"
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    NO_REGISTRY = "no registry"
    NO_GUIDS = "no guids"
    TOKEN_ENDPOINT = "token endpoint"  # noqa: S105 - a word, no secret
    REFUSED = "refused"


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
    trouble: Trouble = field(default=Trouble.OUTAGE, compare=False)
    """What kind of thing `reason` tells of."""


Answer = Found | NotFound | Unavailable


def understood(path: str, status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """What a registry's HTTP answer to GET `path` says."""
    body = _json_object(content)
    if status == HTTPStatus.OK:
        return _found(body) or not_a_registry("not a registry's answer")
    if status == HTTPStatus.NOT_FOUND:
        if _is_registrys_not_found(body):
            return NotFound()
        if path.startswith(GUIDS_PATH):
            # An older registry has no such path; Apicurio 2.6, for one.
            return Unavailable(
                "HTTP 404: it does not know schemas by GUID",
                needs_someone=True,
                trouble=Trouble.NO_GUIDS,
            )
        return not_a_registry(f"HTTP {status}")
    return Unavailable(
        f"HTTP {status}",
        retry_after_seconds=retry_after_seconds(headers),
        needs_someone=status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING_STATUSES,
        trouble=_trouble_of(status),
    )


def not_a_registry(reason: str) -> Unavailable:
    """Something answers, and it is no registry."""
    return Unavailable(reason, needs_someone=True, trouble=Trouble.NO_REGISTRY)


def _trouble_of(status: int) -> Trouble:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Trouble.UNAUTHORISED
        case HTTPStatus.FORBIDDEN:
            return Trouble.FORBIDDEN
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING_STATUSES:
            return Trouble.OUTAGE
        case _:
            return Trouble.REFUSED


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


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; 0 without one. A date is held against the server's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, wait.total_seconds())
