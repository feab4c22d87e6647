"""One method for each operation of LiveIntent's Audiences API, one HTTP exchange each. Nothing is judged here.

Paths and bodies follow LiveIntent's published OpenAPI; the PUT to
a signed URL is not in it and follows what such storage needs: Content-Length, no redirect, nobody's credentials.
"""

import io
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import aiohttp
import orjson
from aiohttp import ClientResponse, ClientTimeout, hdrs
from yarl import URL

from consumer.liveintent.http_reply import (
    Reply,
    answer_of,
    status_class,
    transport_failure,
)
from consumer.liveintent.http_session import exchange_timeout, plain_session
from consumer.liveintent.http_spans import http_span, note_reply
from consumer.liveintent.policies import StoreHeaders, Timeouts
from consumer.liveintent.shapes import AudienceId, UploadRequest
from consumer.liveintent.upload_outcome import Operation, TransportFailure
from consumer.telemetry.metrics import Metrics

Json = Mapping[str, object]


class LiveIntentClient:
    """LiveIntent's operations over HTTP. Use as an async context manager, within one event loop.

    Every method makes one exchange and returns what came of it: it neither raises for a status or a broken
    connection, nor retries, nor logs. Safe to cancel; a cancelled request may have reached LiveIntent.
    """

    def __init__(
        self,
        api_url: str,
        metrics: Metrics,
        *,
        timeouts: Timeouts | None = None,
        store_headers: StoreHeaders | None = None,
    ) -> None:
        timeouts = timeouts or Timeouts()
        self._api_url = URL(api_url.rstrip("/"))
        self._metrics = metrics
        self._store_headers = store_headers or StoreHeaders()
        self._api_timeout = exchange_timeout(timeouts)
        self._timeouts = timeouts
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = plain_session()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Requests under way fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def search_audiences_v2(self, token: str, account_id: int, search: Json) -> Reply:
        """POST /search/audiences/v2: a page, by cursor."""
        path = f"/search/audiences/v2?accountId={account_id}"
        return await self._api(Operation.SEARCH_V2, token, hdrs.METH_POST, path, search)

    async def search_audiences(self, token: str, account_id: int, search: Json) -> Reply:
        """POST /search/audiences: a page, by number."""
        path = f"/search/audiences?accountId={account_id}"
        return await self._api(Operation.SEARCH_V1, token, hdrs.METH_POST, path, search)

    async def list_audiences(self, token: str, *, page: int, page_size: int) -> Reply:
        """GET /audiences: a page of everything the token may see."""
        path = f"/audiences?page={page}&pageSize={page_size}"
        return await self._api(Operation.LIST, token, hdrs.METH_GET, path)

    async def create_audience(self, token: str, audience: Json) -> Reply:
        """POST /audiences. Not idempotent: LiveIntent has no idempotency key."""
        return await self._api(Operation.CREATE, token, hdrs.METH_POST, "/audiences", audience)

    async def get_audience(self, token: str, audience: AudienceId) -> Reply:
        """GET /audiences/{id}."""
        return await self._api(Operation.READ, token, hdrs.METH_GET, f"/audiences/{audience}")

    async def update_audience(self, token: str, audience: AudienceId, update: Json) -> Reply:
        """PATCH /audiences/{id}: its name or its status."""
        path = f"/audiences/{audience}"
        return await self._api(Operation.UPDATE, token, hdrs.METH_PATCH, path, update)

    async def create_signed_url(
        self, token: str, audience: AudienceId, upload: UploadRequest
    ) -> Reply:
        """POST /audiences/{id}/signed-urls: where to put one file. No notification email is ever asked for."""
        body = {
            "identifierType": upload.identifier_type,
            "action": upload.action,
            "uploadName": upload.upload_name,
        }
        path = f"/audiences/{audience}/signed-urls"
        return await self._api(Operation.MINT, token, hdrs.METH_POST, path, body)

    async def list_uploads(
        self, token: str, audience: AudienceId, *, page: int, page_size: int
    ) -> Reply:
        """GET /audiences/{id}/uploads: a page, in an order LiveIntent does not tell."""
        path = f"/audiences/{audience}/uploads?page={page}&pageSize={page_size}"
        return await self._api(Operation.UPLOADS, token, hdrs.METH_GET, path)

    async def get_counts(self, token: str, audience: AudienceId) -> Reply:
        """GET /audiences/{id}/counts."""
        path = f"/audiences/{audience}/counts"
        return await self._api(Operation.COUNTS, token, hdrs.METH_GET, path)

    async def submit_privacy_request(self, token: str, request: Json) -> Reply:
        """POST /data-subject-requests, at the Privacy API's host. Not idempotent, and harmless when repeated."""
        path = "/data-subject-requests"
        return await self._api(Operation.PRIVACY_REQUEST, token, hdrs.METH_POST, path, request)

    async def test_privacy_request(self, token: str, request: Json) -> Reply:
        """POST /data-subject-requests/test: the request and the token are checked, nothing is kept."""
        path = "/data-subject-requests/test"
        return await self._api(Operation.PRIVACY_TEST, token, hdrs.METH_POST, path, request)

    async def put_file(self, signed_url: str, content: bytes) -> Reply:
        """PUT the file to a signed URL: with its length, and without our token."""
        headers = dict(self._store_headers.extra)
        if self._store_headers.content_type is not None:
            headers[hdrs.CONTENT_TYPE] = self._store_headers.content_type
        try:
            url = URL(signed_url, encoded=True)  # requoting would break the signature
        except ValueError:
            return TransportFailure.UNREACHABLE
        request = self._http().put(
            url,
            # A stream with a known length; aiohttp writes raw bytes of this size in one go, and warns.
            data=io.BytesIO(content),
            headers=headers,
            # A signature may cover Content-Type; aiohttp would add one.
            skip_auto_headers=(hdrs.CONTENT_TYPE,),
            allow_redirects=False,
            # No sock_read: nothing is read while a large file is being written.
            timeout=ClientTimeout(
                total=self._timeouts.storing_seconds(len(content)),
                sock_connect=self._timeouts.connect_seconds,
            ),
        )
        return await self._exchange(Operation.STORE, url, request)

    async def _api(
        self,
        operation: Operation,
        token: str,
        method: str,
        path: str,
        body: Json | None = None,
    ) -> Reply:
        headers = {hdrs.AUTHORIZATION: f"Bearer {token}", hdrs.ACCEPT: "application/json"}
        if body is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        url = URL(f"{self._api_url}{path}")
        request = self._http().request(
            method,
            url,
            data=None if body is None else orjson.dumps(body),
            headers=headers,
            # A redirect would carry the token to another host.
            allow_redirects=False,
            timeout=self._api_timeout,
        )
        return await self._exchange(operation, url, request)

    async def _exchange(
        self, operation: Operation, url: URL, request: AbstractAsyncContextManager[ClientResponse]
    ) -> Reply:
        started = time.perf_counter()
        reply: Reply
        with http_span(operation, url) as span:
            try:
                async with request as response:
                    reply = await answer_of(response)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                # Never passed on: aiohttp's messages and exceptions carry the URL, a signed one included.
                reply = transport_failure(error)
            note_reply(span, reply)
        self._metrics.liveintent_request_seconds.labels(operation).observe(
            time.perf_counter() - started
        )
        self._metrics.liveintent_requests.labels(operation, status_class(reply)).inc()
        return reply

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("LiveIntentClient is used before it was entered or after it closed.")
        return self._session
