"""The storage behind signed URLs: what it takes, and what it refuses.

LiveIntent's is undocumented; this one minds what object storage that presigns URLs minds.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from consumer.sandbox.faults import UPLOAD_KINDS, Faults, Operation
from consumer.sandbox.liveintent_breaches import Breach, BreachKind, Refused
from consumer.sandbox.liveintent_packing import unpacked
from consumer.sandbox.liveintent_rows import Rows, read_rows
from consumer.sandbox.liveintent_state import LiveIntentState, SandboxOptions
from consumer.sandbox.liveintent_uploads import UploadRequest
from consumer.sandbox.liveintent_wire import Answer, storage_error


class Storage:
    """One file per signed URL, once, before it expires."""

    def __init__(
        self,
        state: LiveIntentState,
        options: SandboxOptions,
        *,
        faults: Faults,
        now: Callable[[], float],
    ) -> None:
        self._state = state
        self._options = options
        self._faults = faults
        self._now = now

    def refusal_of(self, request: web.Request) -> Answer | None:
        """What storage has against the headers of a PUT, if anything; it is noted."""
        headers = request.headers
        if "Content-Type" in headers and self._options.content_type_is_breach:
            self._note(BreachKind.CONTENT_TYPE_ON_PUT, headers["Content-Type"])
        if "Authorization" in headers:
            self._note(BreachKind.AUTHORIZATION_SENT_TO_STORAGE, "PUT")
            return storage_error(400, "InvalidArgument")
        if request.content_length is None or "Transfer-Encoding" in headers:
            self._note(BreachKind.CHUNKED_PUT, "Content-Length is missing")
            return storage_error(411, "MissingContentLength")
        return None

    async def store(self, key: str, body: bytes) -> Answer:
        """Take a file in under the key of a signed URL."""
        uploads = self._state.uploads
        try:
            wanted = uploads.claim(key, self._now())
        except Refused as refused:
            return storage_error(refused.status, refused.message)
        # Off the loop: a big file takes a moment, and other requests must not wait for it.
        rows = await asyncio.to_thread(_read, body, wanted)
        fault = self._faults.take(
            UPLOAD_KINDS, Operation.STORE, audiences=frozenset({wanted.audience.name})
        )
        uploads.store(wanted, rows, self._now(), fault=fault)
        return Answer(200, content_type="application/xml")

    def _note(self, kind: BreachKind, detail: str) -> None:
        self._state.breaches.append(Breach(kind, detail))


def _read(body: bytes, wanted: UploadRequest) -> Rows:
    return read_rows(unpacked(body, wanted.upload_name), wanted.identifier_type)
