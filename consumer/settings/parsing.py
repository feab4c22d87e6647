"""From an environment variable's text to a value, or to a sentence that says what is expected.

Each parser takes the text (or a default, which it lets pass) and raises ValueError with the end of a sentence that
begins with the setting's name.
"""

import ipaddress
import json
import re
from datetime import datetime
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from consumer.choices import FirstStart
from consumer.settings.secret import Secret

# The same rule as consumer.audience.membership.is_audience_name, which this layer may not import; a test holds
# the two together.
AUDIENCE_NAME_MAX = 128
AUDIENCE_NAME = re.compile(r"[A-Za-z0-9 _.:-]+")
EVERY_AUDIENCE = "*"

KAFKA_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# The same rule as consumer.kafka.replay_marker.is_replay_id, which this layer may not import; a test holds them together.
REPLAY_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_TEXT = re.compile(r"[!-~]+")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")


def _comma_list(given: object) -> object:
    """Names between commas, in order, each once."""
    if not isinstance(given, str):
        return given
    return tuple(dict.fromkeys(name for item in given.split(",") if (name := item.strip())))


def _not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("must name at least one")
    return names


def _audience_names(names: tuple[str, ...]) -> tuple[str, ...]:
    refused = [n for n in names if n != EVERY_AUDIENCE and not AUDIENCE_NAME.fullmatch(n)]
    if refused:
        message = (
            f"has names LiveIntent cannot take: {', '.join(map(repr, refused))}. A name has letters A to Z, digits, "
            "space and _ . : - only"
        )
        raise ValueError(message)
    return names


def _kafka_topics(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not KAFKA_TOPIC.fullmatch(name):
            message = f"has a name no topic can have: {name!r}. Patterns are not supported; name each topic"
            raise ValueError(message)
    return names


def _kafka_topic(name: str) -> str:
    return _kafka_topics((name,))[0]


def _replay_id(name: str) -> str:
    if not REPLAY_ID.fullmatch(name):
        raise ValueError("must be 1 to 40 lower-case letters, digits and inner hyphens")
    return name


def _plain_text(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise ValueError("must be one line of text")
    return text


def _secret_text(secret: Secret) -> Secret:
    if not _TEXT.fullmatch(secret.read()):
        raise ValueError("must be one line of text")
    return secret


def _header_word(text: str) -> str:
    if not _HEADER_TEXT.fullmatch(text):
        raise ValueError("must be one word of printable ASCII, without spaces or line breaks")
    return text


def _header_secret(secret: Secret) -> Secret:
    """A secret that travels in an Authorization header."""
    if secret.read().lower().startswith("bearer "):
        raise ValueError("must be the token alone, without the word Bearer before it")
    if not _HEADER_TEXT.fullmatch(secret.read()):
        raise ValueError("must be one word of printable ASCII, without spaces or line breaks")
    return secret


def _url(text: str) -> str:
    """The base of an HTTP service, without a slash at the end."""
    parts = _split(text)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL that begins with https:// or http:// and names a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if parts.query or parts.fragment or any(c.isspace() for c in text):
        raise ValueError("must end with the path: no ? or #, no spaces")
    return text.rstrip("/")


def _urls(texts: tuple[str, ...]) -> tuple[str, ...]:
    return _not_empty(tuple(_url(text) for text in texts))


def _split(text: str) -> SplitResult | None:
    """None when the host or the port cannot be read."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _encrypted_url(text: str) -> str:
    """Like `_url`, and nothing but this machine is spoken to in clear: a token travels there."""
    url = _url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts):
        raise ValueError(
            "must begin with https:// (http:// is for this machine only: the token goes there)"
        )
    return url


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first_start(given: str) -> FirstStart | datetime:
    if given in set(FirstStart):
        return FirstStart(given)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = (
            "must be earliest, latest, or a date and time with its zone such as 2026-01-31T08:00:00Z, "
            f"not {given!r}"
        )
        raise ValueError(message)
    return moment


def _upper(given: object) -> object:
    return given.upper() if isinstance(given, str) else given


def texts_by_name(text: str) -> dict[str, str]:
    """The members of a JSON object, every value as text: true for true, 500 for 500.

    The text may hold a password: no message quotes it.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        where = (
            f" (line {error.lineno}, column {error.colno})"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        message = f"must be a JSON object, and is not JSON{where}"
        raise ValueError(message) from None
    if not isinstance(given, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004 - pydantic collects ValueError
    for name, value in given.items():
        if not isinstance(value, str | int | float):
            message = f"must have text, numbers or booleans as values; {name!r} has not"
            raise ValueError(message)  # noqa: TRY004 - as above
    return {n: v if isinstance(v, str) else json.dumps(v) for n, v in given.items()}


def _parsed_texts(given: object) -> object:
    return texts_by_name(given) if isinstance(given, str) else given


def _http_headers(headers: dict[str, str]) -> dict[str, str]:
    if any(not _HEADER_NAME.fullmatch(n) or not _TEXT.fullmatch(v) for n, v in headers.items()):
        raise ValueError("must hold names and values that HTTP headers can have")
    if "content-type" in {name.lower() for name in headers}:
        raise ValueError("must not hold Content-Type: set UPLOAD_CONTENT_TYPE")
    return headers


Names = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]
AudienceNames = Annotated[Names, AfterValidator(_audience_names)]
KafkaTopics = Annotated[Names, AfterValidator(_not_empty), AfterValidator(_kafka_topics)]
KafkaTopic = Annotated[str, AfterValidator(_kafka_topic)]
HttpHeaders = Annotated[
    dict[str, str], BeforeValidator(_parsed_texts), AfterValidator(_http_headers)
]
ReplayId = Annotated[str, AfterValidator(_replay_id)]
FirstStartPoint = Annotated[FirstStart | datetime, BeforeValidator(_first_start)]
Line = Annotated[str, AfterValidator(_plain_text)]
SecretLine = Annotated[Secret, AfterValidator(_secret_text)]
HeaderWord = Annotated[str, AfterValidator(_header_word)]
HeaderSecret = Annotated[Secret, AfterValidator(_header_secret)]
Url = Annotated[str, AfterValidator(_url)]
Urls = Annotated[Names, AfterValidator(_urls)]
EncryptedUrl = Annotated[str, AfterValidator(_encrypted_url)]
UpperCase = BeforeValidator(_upper)
CommaList = BeforeValidator(_comma_list)
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
