"""LiveIntent's Audiences API as a local server, with its storage, for tests, demos and rehearsals.

It speaks the published contract and knows nothing of our client. It notes what a client does against the contract
(`breaches`), goes wrong when told to (`faults`), and tells who ended up in an audience (`members`).
"""

import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import TracebackType

from aiohttp import web

from consumer.sandbox.faults import (
    ANSWER_KINDS,
    BodyShape,
    Fault,
    FaultKind,
    Faults,
    Operation,
)
from consumer.sandbox.liveintent_api import ApiMethod, AudiencesApi
from consumer.sandbox.liveintent_breaches import Breach, BreachKind, Refused
from consumer.sandbox.liveintent_call import Call, document_from, integer_from
from consumer.sandbox.liveintent_collector import CollectorSandbox
from consumer.sandbox.liveintent_control import Control
from consumer.sandbox.liveintent_conversions import ConversionsSandbox
from consumer.sandbox.liveintent_privacy import PrivacySandbox
from consumer.sandbox.liveintent_state import (
    AudienceView,
    LiveIntentState,
    SandboxOptions,
    UploadView,
)
from consumer.sandbox.liveintent_storage import Storage
from consumer.sandbox.liveintent_wire import (
    REDIRECT_PATH,
    STORAGE_PATH,
    Answer,
    error_answer,
    storage_error,
)
from consumer.sandbox.under_faults import DROPPED, response_of, under_fault

__all__ = [
    "AudienceView",
    "BodyShape",
    "Breach",
    "BreachKind",
    "Fault",
    "FaultKind",
    "Faults",
    "LiveIntentSandbox",
    "Operation",
    "SandboxOptions",
    "UploadView",
]

_BIGGEST_FILE_BYTES = 1 << 30
_STOP_SECONDS = 0.1  # what unfinished answers get on stop; a fault may hold them for hours
_DEFAULTS = SandboxOptions()

_ROUTES = (
    ("POST", "/search/audiences/v2", Operation.SEARCH, AudiencesApi.search_v2),
    ("POST", "/search/audiences", Operation.SEARCH, AudiencesApi.search_v1),
    ("GET", "/audiences", Operation.LIST, AudiencesApi.list_),
    ("POST", "/audiences", Operation.CREATE, AudiencesApi.create),
    ("GET", "/audiences/{audience_id}", Operation.GET, AudiencesApi.get),
    ("PATCH", "/audiences/{audience_id}", Operation.PATCH, AudiencesApi.patch),
    ("POST", "/audiences/{audience_id}/signed-urls", Operation.MINT, AudiencesApi.mint),
    ("GET", "/audiences/{audience_id}/uploads", Operation.UPLOADS, AudiencesApi.uploads),
    ("GET", "/audiences/{audience_id}/counts", Operation.COUNTS, AudiencesApi.counts),
)


class LiveIntentSandbox:
    """The stand-in. Use it within one event loop; what it remembers outlives a stop, and a start on the same port.

    `requests` counts what was asked by operation and HTTP status (0: the connection was dropped). `breaches` is
    the list itself: a test may clear it. `on_fault` hears of each fault as a request meets it.
    `now` is the stand-in's clock, in epoch seconds.
    """

    def __init__(
        self,
        options: SandboxOptions = _DEFAULTS,
        *,
        now: Callable[[], float] = time.time,
        on_fault: Callable[[Fault, Operation], None] = lambda _fault, _operation: None,
    ) -> None:
        self.options = options
        self.url = ""
        self.requests: Counter[tuple[str, int]] = Counter()
        self.now = now
        self._token = options.token
        self._state = LiveIntentState(options)
        self.breaches: list[Breach] = self._state.breaches
        self.faults = Faults(
            on_clear=lambda: self._state.uploads.release(now()), on_met=on_fault, now=now
        )
        self._api = AudiencesApi(
            self._state, options, faults=self.faults, new_key=secrets.token_urlsafe
        )
        self._storage = Storage(self._state, options, faults=self.faults, now=now)
        self.collector = CollectorSandbox(self.faults, now=now)
        self.conversions = ConversionsSandbox(
            self.faults,
            token=options.conversions_token,
            customer_id=options.conversions_customer_id,
            now=now,
        )
        self.privacy = PrivacySandbox(self.faults, token=options.privacy_token)
        self._recent_requests: deque[float] = deque()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, and return the base URL, such as http://127.0.0.1:43211; port 0 takes a free one."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port).start()
        self.url = f"http://{host}:{runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Close every connection and the port. Safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def members(self, audience_name: str) -> dict[str, set[str]]:
        """Who is in the Active audience of this name, by identifier type; types without members are left out.

        Of several such audiences it is the earliest created, then the lowest id. The sets are copies.
        """
        return self._state.members(audience_name, self.now())

    def audiences(self) -> list[AudienceView]:
        """Every audience, by rising id."""
        return self._state.audience_views(self.now())

    def uploads(self) -> list[UploadView]:
        """Every upload, in the order they were stored."""
        return self._state.upload_views(self.now())

    def rotate_token(self, token: str) -> None:
        """Take this token from now on, and the old one no more."""
        self._token = token

    def add_audience(
        self,
        name: str,
        *,
        status: str = "Active",
        account_id: int | None = None,
        created_at: float | None = None,
    ) -> int:
        """Put an audience there, as if made before or by others; returns its id."""
        return self._state.audiences.add(
            name,
            status=status,
            account_id=account_id,
            created_at=self.now() if created_at is None else created_at,
        ).id

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_BIGGEST_FILE_BYTES)
        for verb, path, operation, method in _ROUTES:
            handler = partial(self._answer_api, operation, method)
            application.router.add_route(verb, path, handler)
        application.router.add_route("PUT", STORAGE_PATH, self._answer_storage)
        application.router.add_route("*", REDIRECT_PATH, self._answer_redirected)
        application.router.add_routes(self.collector.routes())
        application.router.add_routes(self.conversions.routes())
        application.router.add_routes(self.privacy.routes())
        application.router.add_routes(Control(self).routes())
        return application

    async def _answer_api(
        self, operation: Operation, method: ApiMethod, request: web.Request
    ) -> web.Response:
        body = await request.read()
        self._note_rate()
        refusal = self._refusal_of_token(request)
        if refusal is not None:
            return self._send(request, operation, refusal)
        try:
            call = self._call(operation, request, body)
        except Refused as refused:
            answer = error_answer(refused.status, refused.message, BodyShape.BARE)
            return self._send(request, operation, answer)
        fault = self.faults.take(ANSWER_KINDS, operation, audiences=self._api.audiences_meant(call))

        async def effect() -> Answer:
            return self._api.answer(method, replace(call, now=self.now()))

        return self._send(request, operation, await under_fault(fault, effect))

    async def _answer_storage(self, request: web.Request) -> web.Response:
        key = request.query.get("signature", "")
        minted = self._state.uploads.minted(key)
        audiences = frozenset({minted.audience.name} if minted else ())
        body = await request.read()
        refusal = self._storage.refusal_of(request)
        fault = self.faults.take(ANSWER_KINDS, Operation.STORE, audiences=audiences)

        async def effect() -> Answer:
            return refusal or await self._storage.store(key, body)

        return self._send(request, Operation.STORE, await under_fault(fault, effect))

    async def _answer_redirected(self, request: web.Request) -> web.Response:
        self._note(BreachKind.REDIRECT_FOLLOWED, request.method)
        return self._send(request, Operation.STORE, storage_error(403, "AccessDenied"))

    def _call(self, operation: Operation, request: web.Request, body: bytes) -> Call:
        audience_id = request.match_info.get("audience_id")
        return Call(
            operation=operation,
            origin=f"http://{request.host}",
            now=self.now(),
            audience_id=None if audience_id is None else integer_from(audience_id),
            query=request.query,
            document={} if request.method == "GET" else document_from(body),
        )

    def _refusal_of_token(self, request: web.Request) -> Answer | None:
        """A 401, if it must be: a missing token in the shape seen on the wire, a wrong one in the declared one."""
        authorization = request.headers.get("Authorization")
        if authorization is None:
            return error_answer(401, "Token not provided", BodyShape.WRAPPED)
        if authorization != f"Bearer {self._token}":
            return error_answer(401, "Token is not valid", BodyShape.BARE)
        return None

    def _note_rate(self) -> None:
        limit, recent, now = (
            self.options.max_requests_per_second,
            self._recent_requests,
            self.now(),
        )
        recent.append(now)
        while recent[0] <= now - 1:
            recent.popleft()
        if limit is not None and len(recent) > limit:
            self._note(BreachKind.TOO_MANY_REQUESTS, f"{len(recent)} within one second")
            recent.clear()

    def _note(self, kind: BreachKind, detail: str) -> None:
        self.breaches.append(Breach(kind, detail))

    def _send(
        self, request: web.Request, operation: Operation, answer: Answer | None
    ) -> web.Response:
        self.requests[operation, answer.status if answer else DROPPED] += 1
        return response_of(request, answer)
