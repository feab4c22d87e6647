"""Tokens for a schema registry, by OAuth's client credentials (source: RFC 6749, section 4.4)."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote_plus

import aiohttp

from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.registry_answers import Trouble, Unavailable, retry_after_seconds
from consumer.segment.registry_authorization import bearer_authorization
from consumer.segment.registry_http import body_of, unavailable_by

# A token is not used in its last half minute, or last fifth when it lives shorter: clocks differ, requests take time.
_MARGIN_SECONDS = 30.0
_MARGIN_SHARE = 0.2
# For a server that does not say how long its token lives; a 401 renews it sooner.
_UNSTATED_LIFE_SECONDS = 300.0
_LONGEST_ANSWER_BYTES = 2**18
_HEADER = "Authorization"


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where tokens come from, and for whom."""

    url: str
    client_id: str
    secret: Callable[[], str] = field(repr=False)
    """The client's secret as it is now; may block."""
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    header: str = field(repr=False)
    made_with: str = field(repr=False)
    good_until: float


class ClientCredentials:
    """A bearer token that is asked for once, kept until shortly before it expires, and renewed when it is refused.

    A secret that changed gets a new token at once. However many ask, one request for a token is under way.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: TokenEndpoint,
        *,
        extra_headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._extra_headers = dict(extra_headers or {})
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._now = now
        self._token: _Token | None = None
        self._one_at_a_time = asyncio.Lock()

    async def headers(self) -> Mapping[str, str] | Unavailable:
        """The token in its header, or why there is none. Safe to cancel."""
        async with self._one_at_a_time:
            secret = await asyncio.to_thread(self._endpoint.secret)
            token = self._token
            if token is None or token.made_with != secret or self._now() >= token.good_until:
                fetched = await self._fetch(secret)
                if isinstance(fetched, Unavailable):
                    return fetched
                token = self._token = fetched
        return {_HEADER: token.header, **self._extra_headers}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Forget the token, unless a newer one took its place meanwhile. Always worth asking again."""
        if self._token is not None and self._token.header == headers.get(_HEADER):
            self._token = None
        return True

    async def _fetch(self, secret: str) -> _Token | Unavailable:
        form = {"grant_type": "client_credentials"}
        if self._endpoint.scope:
            form["scope"] = self._endpoint.scope
        # The header is what every server must take (source: RFC 6749, section 2.3.1).
        user, password = quote_plus(self._endpoint.client_id), quote_plus(secret)
        credentials = b64encode(f"{user}:{password}".encode()).decode()
        asked_at = self._now()
        try:
            async with self._session.post(
                self._endpoint.url,
                data=form,
                headers={_HEADER: f"Basic {credentials}", "Accept": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                content = await body_of(response, longest_bytes=_LONGEST_ANSWER_BYTES) or b""
                return self._understood(
                    response.status, response.headers, content, secret, asked_at
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = unavailable_by(error)
            return _no_token(failure.reason, needs_someone=failure.needs_someone)

    def _understood(
        self, status: int, headers: Mapping[str, str], content: bytes, secret: str, asked_at: float
    ) -> _Token | Unavailable:
        if status != HTTPStatus.OK:
            passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {
                HTTPStatus.TOO_MANY_REQUESTS,
                HTTPStatus.REQUEST_TIMEOUT,
            }
            return _no_token(
                f"HTTP {status}",
                needs_someone=not passing,
                retry_after=retry_after_seconds(headers),
            )
        match _json(content):
            case {"access_token": str(token), "token_type": str(kind)} if kind.lower() != "bearer":
                return _no_token("a token that is not a bearer's", needs_someone=bool(token))
            case {"access_token": str(token), "expires_in": int() | float() as life} if _usable(
                token
            ):
                return self._token_of(token, secret, asked_at + _used_for(float(life)))
            case {"access_token": str(token)} if _usable(token):
                return self._token_of(token, secret, asked_at + _UNSTATED_LIFE_SECONDS)
            case _:
                return _no_token("not a token endpoint's answer", needs_someone=True)

    @staticmethod
    def _token_of(token: str, secret: str, good_until: float) -> _Token:
        return _Token(bearer_authorization(token), secret, good_until)


def _used_for(life_seconds: float) -> float:
    return life_seconds - min(_MARGIN_SECONDS, life_seconds * _MARGIN_SHARE)


def _usable(token: str) -> bool:
    """Whether it can stand in a header."""
    return token.isascii() and token.isprintable() and bool(token) and " " not in token


def _no_token(reason: str, *, needs_someone: bool, retry_after: float = 0.0) -> Unavailable:
    return Unavailable(
        f"the token endpoint: {reason}",
        retry_after_seconds=retry_after,
        needs_someone=needs_someone,
        trouble=Trouble.TOKEN_ENDPOINT,
    )


def _json(content: bytes) -> object:
    try:
        return parse_json(content)
    except BadJson:
        return None
