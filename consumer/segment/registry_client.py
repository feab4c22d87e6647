"""One HTTP exchange with a schema registry of Confluent's API, and what it came to."""

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import aiohttp

from consumer.segment.registry_answers import (
    Answer,
    Found,
    NotFound,
    SchemaReference,
    Unavailable,
    not_a_registry,
    understood,
)
from consumer.segment.registry_authorization import (
    Authorization,
    SecretAuthorization,
    basic_authorization,
    bearer_authorization,
    no_authorization,
)
from consumer.segment.registry_http import body_of, unavailable_by
from consumer.telemetry.metrics import Metrics

__all__ = [
    "Found",
    "NotFound",
    "RegistryClient",
    "SchemaReference",
    "Unavailable",
    "basic_authorization",
    "bearer_authorization",
    "no_authorization",
]

_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
# Confluent's own limit for a schema is 1 MB unless it was raised; a server that sends more is not read to its end.
LARGEST_ANSWER_BYTES = 16 * 2**20


async def _nothing_to_refresh() -> None:
    """For connections that rest on no files."""


class RegistryClient:
    """Asks a schema registry, at one of several addresses.

    The address that answered last is asked first; when it gives no answer, each of the others once. Only when none
    does is the registry unavailable. `authorization` says who asks, before every request; `refresh` is awaited
    before every question. The session stays the caller's to close.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *urls: str,
        authorization: Authorization | None = None,
        refresh: Callable[[], Awaitable[None]] = _nothing_to_refresh,
        timeout_seconds: float = 10.0,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._urls = [url.rstrip("/") for url in urls]
        self._first = 0
        self._authorization = authorization or SecretAuthorization(no_authorization)
        self._refresh = refresh
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._metrics = metrics
        self._now = now

    @property
    def url(self) -> str:
        """The address that is asked first: the one that answered last."""
        return self._urls[self._first]

    async def get(self, path: str) -> Answer:
        """What the registry says to GET `path`, which begins with a slash and is quoted already.

        Never raises for what a network or a server does. Safe to cancel.
        """
        await self._refresh()
        failures: list[Unavailable] = []
        first = self._first
        for offset in range(len(self._urls)):
            i = (first + offset) % len(self._urls)
            answer = await self._counted(self._urls[i], path)
            if not isinstance(answer, Unavailable):
                self._first = i
                return answer
            failures.append(answer)
        return _all_together(failures)

    async def _counted(self, url: str, path: str) -> Answer:
        began = self._now()
        answer = await self._asked(url, path)
        if self._metrics is not None:
            self._metrics.schema_requests.labels(_RESULTS[type(answer)]).inc()
            self._metrics.schema_request_seconds.observe(self._now() - began)
        return answer

    async def _asked(self, url: str, path: str) -> Answer:
        answer: Answer = Unavailable("HTTP 401", needs_someone=True)
        # Twice at most: a token of OAuth may have been withdrawn before its time.
        for _ in range(2):
            headers = await self._authorization.headers()
            if isinstance(headers, Unavailable):
                return headers
            try:
                status, answer = await self._exchange(url, path, headers)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                return unavailable_by(error)
            if status != HTTPStatus.UNAUTHORIZED or not self._authorization.refused(headers):
                return answer
        return answer

    async def _exchange(
        self, url: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Answer]:
        async with self._session.get(
            url + path, headers={"Accept": _ACCEPT, **headers}, timeout=self._timeout
        ) as response:
            content = await body_of(response, longest_bytes=LARGEST_ANSWER_BYTES)
            if content is None:
                return response.status, not_a_registry("an answer larger than any schema")
            return response.status, understood(path, response.status, response.headers, content)


_RESULTS: Mapping[type, str] = {Found: "ok", NotFound: "not_found", Unavailable: "failed"}


def _all_together(failures: list[Unavailable]) -> Unavailable:
    """What to say when no address gave an answer: every reason once, and the shortest of the waits asked for."""
    if len(failures) == 1:
        return failures[0]
    # What somebody must act on comes first, and decides what is advised.
    failures = sorted(failures, key=lambda failure: not failure.needs_someone)
    return Unavailable(
        "; ".join(dict.fromkeys(failure.reason for failure in failures)),
        retry_after_seconds=min(failure.retry_after_seconds for failure in failures),
        needs_someone=failures[0].needs_someone,
        trouble=failures[0].trouble,
    )
