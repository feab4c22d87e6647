"""Direct calls over HTTP: one keep-alive pool for every sink. Nothing is judged here."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientResponse
from yarl import URL

from consumer.liveintent.http_reply import (
    Reply,
    answer_of,
    answer_with,
    status_class,
    transport_failure,
)
from consumer.liveintent.http_session import exchange_timeout, plain_session
from consumer.liveintent.policies import Timeouts
from consumer.liveintent.upload_outcome import Answer, Operation
from consumer.telemetry.metrics import Metrics

DIRECT_CALL_TIMEOUTS = Timeouts(connect_seconds=5.0, read_seconds=15.0, request_seconds=20.0)
_UNWANTED_MAX_BYTES = 64 * 1024


class DirectHttp:
    """The pool. Use as an async context manager, within one event loop.

    Every method makes one exchange and returns what came of it: it neither raises for a status or a broken connection, nor
    retries, nor follows a redirect, nor keeps a cookie, nor logs. Safe to cancel; what was sent by then was sent.
    """

    def __init__(
        self, metrics: Metrics, *, concurrency: int, timeouts: Timeouts = DIRECT_CALL_TIMEOUTS
    ) -> None:
        """`concurrency` is the most connections to one host."""
        self._metrics = metrics
        self._concurrency = concurrency
        self._timeout = exchange_timeout(timeouts)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = plain_session(
            aiohttp.TCPConnector(limit=0, limit_per_host=self._concurrency)
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, operation: Operation, url: URL, headers: Mapping[str, str]) -> Reply:
        """GET, for the status alone: once it is there, it does not matter whether the body comes."""
        request = self._http().get(
            url, headers=headers, allow_redirects=False, timeout=self._timeout
        )
        return await self._exchange(operation, request, _status_of)

    async def post(
        self, operation: Operation, url: URL, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        """POST this body."""
        request = self._http().post(
            url, data=body, headers=headers, allow_redirects=False, timeout=self._timeout
        )
        return await self._exchange(operation, request, answer_of)

    async def _exchange(
        self,
        operation: Operation,
        request: AbstractAsyncContextManager[ClientResponse],
        read: Callable[[ClientResponse], Awaitable[Answer]],
    ) -> Reply:
        started = time.perf_counter()
        reply: Reply
        try:
            async with request as response:
                reply = await read(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # Never passed on: aiohttp's messages carry the URL, and the collector's is about a person.
            reply = transport_failure(error)
        self._metrics.liveintent_request_seconds.labels(operation).observe(
            time.perf_counter() - started
        )
        self._metrics.liveintent_requests.labels(operation, status_class(reply)).inc()
        return reply

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("DirectHttp is used before it was entered or after it closed.")
        return self._session


async def _status_of(response: ClientResponse) -> Answer:
    """The answer without its body, which is read away so that the connection can be used again."""
    size_bytes = 0
    try:
        async for chunk in response.content.iter_any():
            size_bytes += len(chunk)
            if size_bytes > _UNWANTED_MAX_BYTES:
                break  # a new connection costs less than the rest
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()
    return answer_with(response, b"")
