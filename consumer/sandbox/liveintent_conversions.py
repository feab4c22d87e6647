"""LiveIntent's Conversions API, `POST /conversions/{customerId}`, as the stand-in serves it.

Sources: LiveIntent's conversions guide (the path, the bearer token, the fields), Datafly's connector (100 events a request,
204 for all of them, 200 for a part). How a 200 names the events is not published: here it is an object with `results`.
LiveIntent is taken to count an event id once.
"""

import json
import re
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from aiohttp import web

from consumer.sandbox.faults import ANSWER_KINDS, BodyShape, FaultKind, Faults, Operation
from consumer.sandbox.liveintent_breaches import Refused
from consumer.sandbox.liveintent_rate import Rate, traffic
from consumer.sandbox.liveintent_wire import Answer, JsonObject, error_answer, json_answer
from consumer.sandbox.under_faults import DROPPED, response_of, under_fault

EVENTS_MAX: Final = 100
_EVENTS_KEPT: Final = 1_000
_SOURCES: Final = frozenset({"web", "app"})
_FIELDS: Final = frozenset(
    {"eventId", "pixelId", "eventTime", "source", "userData", "purchaseData"}
)
_USER_FIELDS: Final = frozenset({"sha2", "md5", "ip", "ua"})
_PURCHASE_FIELDS: Final = frozenset({"currency", "value", "sourceUrl"})
_HASH_LENGTHS: Final = {"sha2": 64, "md5": 32}
_HEX = re.compile(r"[0-9a-f]+")
_EMAIL = re.compile(r"[^\s\"@]+(?:@|%40)[^\s\"@]+\.[^\s\"@]+")


class ConversionsBreach(StrEnum):
    """What a caller must not do."""

    COOKIE_SENT = "cookie_sent"
    UNKNOWN_FIELD = "unknown_field"
    RAW_EMAIL = "raw_email"
    EVENT_CHANGED = "event_changed"
    """An event id came again with another content."""


class ConversionsSandbox:
    """What has been converted. `statuses` counts answers (0: the connection was dropped).

    `repeated` counts events that came again with an id known already, and so changed nothing.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        token: str,
        customer_id: str = "7001",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._faults = faults
        self._now = now
        self.token = token
        self.customer_id = customer_id
        self._seen: dict[bytes, int] = {}
        self.events: deque[JsonObject] = deque(maxlen=_EVENTS_KEPT)
        """The latest that were new."""
        self.breaches: Counter[ConversionsBreach] = Counter()
        self.statuses: Counter[int] = Counter()
        self.rate = Rate()
        self.repeated = 0

    @property
    def distinct(self) -> int:
        """How many events count."""
        return len(self._seen)

    def summary(self) -> dict[str, object]:
        """The counts, for other processes."""
        return {
            "distinct": self.distinct,
            "repeated": self.repeated,
            **traffic(self.rate, self.statuses, self.breaches),
        }

    def routes(self) -> tuple[web.RouteDef, ...]:
        """The one path."""
        return (web.post("/conversions/{customer_id}", self._answer),)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.rate.note(self._now())
        answer: Answer | None = self._refusal_of(request)
        if answer is None:
            fault = self._faults.take(ANSWER_KINDS, Operation.CONVERT, audiences=frozenset())
            partial = fault is not None and fault.kind is FaultKind.PARTIAL

            async def effect() -> Answer:
                return self._convert(body, refused=1 if partial else 0)

            answer = await under_fault(None if partial else fault, effect)
        self.statuses[DROPPED if answer is None else answer.status] += 1
        return response_of(request, answer)

    def _refusal_of(self, request: web.Request) -> Answer | None:
        if "Cookie" in request.headers:
            self.breaches[ConversionsBreach.COOKIE_SENT] += 1
        authorization = request.headers.get("Authorization")
        if authorization is None:
            return error_answer(401, "Token not provided", BodyShape.WRAPPED)
        if authorization != f"Bearer {self.token}":
            return error_answer(401, "Token is not valid", BodyShape.BARE)
        if request.match_info["customer_id"] != self.customer_id:
            return error_answer(404, "No such customer", BodyShape.BARE)
        return None

    def _convert(self, body: bytes, *, refused: int) -> Answer:
        """Take every event that is as it should be, but for the first `refused`."""
        try:
            events = _events_from(body)
        except Refused as error:
            return error_answer(error.status, error.message, BodyShape.BARE)
        results: list[JsonObject] = []
        for place, event in enumerate(events):
            trouble = "A fault asked for this" if place < refused else _trouble_with(event)
            if not trouble:
                self._take(event)
            results.append(
                {"eventId": event.get("eventId"), "success": not trouble, "message": trouble}
            )
        if all(result["success"] for result in results):
            return Answer(204)
        return json_answer(200, {"results": results})

    def _take(self, event: JsonObject) -> None:
        self._note_breaches(event)
        mark = uuid.UUID(str(event["eventId"])).bytes
        content = hash(json.dumps(event, sort_keys=True))
        known = self._seen.get(mark)
        if known is None:
            self._seen[mark] = content
            self.events.append(event)
            return
        self.repeated += 1
        if known != content:
            self.breaches[ConversionsBreach.EVENT_CHANGED] += 1

    def _note_breaches(self, event: JsonObject) -> None:
        groups = (
            (event, _FIELDS),
            (event.get("userData"), _USER_FIELDS),
            (event.get("purchaseData"), _PURCHASE_FIELDS),
        )
        if any(isinstance(fields, dict) and fields.keys() - known for fields, known in groups):
            self.breaches[ConversionsBreach.UNKNOWN_FIELD] += 1
        if _EMAIL.search(json.dumps(event)):
            self.breaches[ConversionsBreach.RAW_EMAIL] += 1


def _events_from(body: bytes) -> list[JsonObject]:
    try:
        events = json.loads(body)
    except ValueError:
        raise Refused(400, "The body is not JSON") from None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise Refused(400, "The body is not an array of events")
    if not 1 <= len(events) <= EVENTS_MAX:
        raise Refused(400, f"The array must hold 1 to {EVENTS_MAX} events")
    return events


def _trouble_with(event: JsonObject) -> str:
    """Why the event cannot be counted; empty when it can."""
    if not _is_uuid(event.get("eventId")):
        return "eventId must be a UUID"
    if not _is_whole(event.get("pixelId")):
        return "pixelId must be a whole number"
    # Milliseconds would be the year 50000.
    if not _is_whole(event.get("eventTime")) or not 0 < int(str(event["eventTime"])) < 10**11:
        return "eventTime must be epoch seconds"
    if event.get("source") not in _SOURCES:
        return "source is unknown"
    return _trouble_with_user(event.get("userData")) or _trouble_with_purchase(
        event.get("purchaseData", {})
    )


def _trouble_with_user(user: object) -> str:
    if not isinstance(user, dict) or not all(isinstance(value, str) for value in user.values()):
        return "userData must be an object of texts"
    for name, length in _HASH_LENGTHS.items():
        value = user.get(name)
        if value is not None and (len(value) != length or not _HEX.fullmatch(value)):
            return f"userData.{name} is no hash"
    return ""


def _trouble_with_purchase(purchase: object) -> str:
    if not isinstance(purchase, dict):
        return "purchaseData must be an object"
    value = purchase.get("value")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        return "purchaseData.value must be a number"
    return ""


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
