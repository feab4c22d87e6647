"""LiveIntent's Privacy API as the stand-in serves it: requests are taken, one person each, and nothing else can be asked.

Source: LiveIntent's published OpenAPI: 202 with a transaction id; 401 without a token, 403 with a wrong one. It declares no
400; a body it cannot mean anything by gets one here. Whether all values of a request are one person's cannot be seen.
"""

import re
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiohttp import web

from consumer.sandbox.faults import ANSWER_KINDS, BodyShape, Faults, Operation
from consumer.sandbox.liveintent_breaches import Refused
from consumer.sandbox.liveintent_call import document_from, text_or_none_at
from consumer.sandbox.liveintent_wire import Answer, JsonObject, error_answer, json_answer
from consumer.sandbox.under_faults import DROPPED, response_of, under_fault

_PATH = "/data-subject-requests"
_REQUESTS_KEPT: Final = 10_000
_ACTIONS: Final = frozenset({"RESTRICT", "ERASURE"})
_INTERNAL_ACTIONS: Final = frozenset({"ACCESS"})
_JURISDICTIONS: Final = frozenset({"US_PRIVACY", "EU_PRIVACY"})
_FIELDS: Final = frozenset(
    {"action", "emailHashes", "liveIntentFpcs", "jurisdiction", "scope", "submitter", "callback"}
)
_NUMBERED: Final = frozenset({"advertiser", "publisher", "media_group"})
_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")


class PrivacyBreach(StrEnum):
    """What a caller must not do."""

    INTERNAL_ONLY = "internal_only"
    """It asked for what is for LiveIntent's own use."""
    EMAIL_IN_SUBMITTER = "email_in_submitter"
    NOT_A_HASH = "not_a_hash"
    UNKNOWN_FIELD = "unknown_field"


@dataclass(frozen=True, slots=True)
class PrivacyRequestView:
    """One request that was accepted for good."""

    transaction_id: str
    action: str
    email_hashes: tuple[str, ...] = field(repr=False)
    jurisdiction: str | None
    scope: Mapping[str, object] | None
    submitter: str | None


class PrivacySandbox:
    """What was requested. `statuses` counts answers of both endpoints (0: the connection was dropped)."""

    def __init__(
        self,
        faults: Faults,
        *,
        token: str,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._faults = faults
        self._new_id = new_id
        self.token = token
        self.requests: deque[PrivacyRequestView] = deque(maxlen=_REQUESTS_KEPT)
        """The latest; a request that was sent twice is there twice."""
        self.rehearsals = 0
        """Requests that were only tested."""
        self.breaches: Counter[PrivacyBreach] = Counter()
        self.statuses: Counter[int] = Counter()

    def summary(self) -> dict[str, object]:
        """The counts, for other processes."""
        return {
            "requests": dict(Counter(request.action for request in self.requests)),
            "rehearsals": self.rehearsals,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "breaches": dict(self.breaches),
        }

    def routes(self) -> tuple[web.RouteDef, ...]:
        """The two endpoints for partners, and those that are LiveIntent's own."""
        return (
            web.post(_PATH, self._submit),
            web.post(f"{_PATH}/test", self._rehearse),
            web.get(f"{_PATH}/{{transaction_id}}", self._refuse_internal),
            web.get("/data-subject-report/{transaction_id}", self._refuse_report),
            web.post("/search/data-subject-requests", self._refuse_internal),
        )

    async def _submit(self, request: web.Request) -> web.Response:
        def accept(document: JsonObject) -> str:
            transaction_id = self._new_id()
            self.requests.append(_view(transaction_id, document))
            return transaction_id

        return await self._answer(request, Operation.PRIVACY, accept)

    async def _rehearse(self, request: web.Request) -> web.Response:
        def accept(_document: JsonObject) -> str:
            self.rehearsals += 1
            return self._new_id()

        return await self._answer(request, Operation.PRIVACY_TEST, accept)

    async def _refuse_internal(self, request: web.Request) -> web.Response:
        self.breaches[PrivacyBreach.INTERNAL_ONLY] += 1
        refusal = self._refusal_of_token(request)
        return self._send(request, refusal or _error(403, "For internal use only"))

    async def _refuse_report(self, request: web.Request) -> web.Response:
        """Its authority is a signature in the link, not the token; nobody outside LiveIntent has one."""
        self.breaches[PrivacyBreach.INTERNAL_ONLY] += 1
        return self._send(request, _error(403, "Invalid signature or link expired"))

    async def _answer(
        self, request: web.Request, operation: Operation, accept: Callable[[JsonObject], str]
    ) -> web.Response:
        body = await request.read()
        refusal = self._refusal_of_token(request)
        if refusal is not None:
            return self._send(request, refusal)
        fault = self._faults.take(ANSWER_KINDS, operation, audiences=frozenset())

        async def effect() -> Answer:
            try:
                document = document_from(body)
                self._check(document)
            except Refused as refused:
                return _error(refused.status, refused.message)
            return json_answer(202, {"transactionId": accept(document)})

        return self._send(request, await under_fault(fault, effect))

    def _refusal_of_token(self, request: web.Request) -> Answer | None:
        authorization = request.headers.get("Authorization")
        if authorization is None:
            return _error(401, "Missing bearer token")
        if authorization != f"Bearer {self.token}":
            return _error(403, "Invalid or expired bearer token")
        return None

    def _check(self, document: JsonObject) -> None:
        """Raise Refused for a body that is not a request of a partner."""
        if document.keys() - _FIELDS:
            self.breaches[PrivacyBreach.UNKNOWN_FIELD] += 1
        action = document.get("action")
        if action in _INTERNAL_ACTIONS or document.get("callback") is not None:
            self.breaches[PrivacyBreach.INTERNAL_ONLY] += 1
            raise Refused(403, "For internal use only")
        if action not in _ACTIONS:
            raise Refused(400, "action")
        self._check_person(document)
        if document.get("jurisdiction") not in (None, *_JURISDICTIONS):
            raise Refused(400, "jurisdiction")
        submitter = text_or_none_at(document, "submitter")
        if "@" in (submitter or ""):
            self.breaches[PrivacyBreach.EMAIL_IN_SUBMITTER] += 1
        _check_scope(document.get("scope"))

    def _check_person(self, document: JsonObject) -> None:
        hashes = _texts(document, "emailHashes")
        if not hashes and not _texts(document, "liveIntentFpcs"):
            raise Refused(400, "One of emailHashes and liveIntentFpcs must not be empty")
        if not all(_HASH.fullmatch(each) for each in hashes):
            self.breaches[PrivacyBreach.NOT_A_HASH] += 1
            raise Refused(400, "emailHashes")

    def _send(self, request: web.Request, answer: Answer | None) -> web.Response:
        self.statuses[DROPPED if answer is None else answer.status] += 1
        return response_of(request, answer)


def _check_scope(scope: object) -> None:
    """A flat object with its kind under `entity_type`; the wrapped form is for answers only."""
    match scope:
        case None | {"entity_type": "global"}:
            return
        case {"entity_type": str(kind), "id": int(number)} if (
            kind in _NUMBERED and not isinstance(number, bool) and -(2**31) <= number < 2**31
        ):
            return
    raise Refused(400, "scope")


def _texts(document: JsonObject, name: str) -> list[str]:
    values = document.get(name, [])
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise Refused(400, name)
    if len(set(values)) < len(values):
        raise Refused(400, f"{name} must be unique")
    return values


def _view(transaction_id: str, document: JsonObject) -> PrivacyRequestView:
    jurisdiction, scope = document.get("jurisdiction"), document.get("scope")
    submitter = document.get("submitter")
    return PrivacyRequestView(
        transaction_id=transaction_id,
        action=str(document["action"]),
        email_hashes=tuple(_texts(document, "emailHashes")),
        jurisdiction=jurisdiction if isinstance(jurisdiction, str) else None,
        scope=scope if isinstance(scope, dict) else None,
        submitter=submitter if isinstance(submitter, str) else None,
    )


def _error(status: int, message: str) -> Answer:
    return error_answer(status, message, BodyShape.BARE)
