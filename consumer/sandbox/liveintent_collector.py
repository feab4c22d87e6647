"""LiveIntent's collector, `GET /j`, as the stand-in serves it: it takes what a browser would send, and gives no verdict.

It answers 200 whatever it is sent, as the collector seems to do (source: LiveConnect's tests); what was wrong is in
`breaches`. It accepts no cookie and sets none.
"""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web

from consumer.sandbox.faults import ANSWER_KINDS, Faults, Operation
from consumer.sandbox.liveintent_collector_rules import CollectorBreach, breaches_of, event_of
from consumer.sandbox.liveintent_rate import Rate, traffic
from consumer.sandbox.liveintent_wire import Answer, json_answer
from consumer.sandbox.under_faults import DROPPED, response_of, under_fault

AGENT_HEADER = "X-LI-Provided-User-Agent"
_CALLS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class CollectedCall:
    """One call that took effect. Prints nothing of the person."""

    at: float
    """When it came, epoch seconds."""
    query: str = field(repr=False)
    """As it stood in the request line."""
    user_agent: str | None = field(default=None, repr=False)
    """The end user's."""

    @property
    def parameters(self) -> dict[str, str]:
        """Decoded; of a repeated one the last."""
        pairs = (pair.partition("=")[::2] for pair in self.query.split("&"))
        return {name: unquote(value) for name, value in pairs}

    @property
    def event(self) -> dict[str, object]:
        """What `se` holds; empty when it cannot be read."""
        return event_of(self.parameters.get("se")) or {}


class CollectorSandbox:
    """What has been collected. `statuses` counts answers (0: the connection was dropped).

    Two calls that differ in their send time alone are taken for one sent twice: `duplicates`.
    """

    def __init__(self, faults: Faults, *, now: Callable[[], float] = time.time) -> None:
        self._faults = faults
        self._now = now
        self._seen: set[bytes] = set()
        self.calls: deque[CollectedCall] = deque(maxlen=_CALLS_KEPT)
        """The latest."""
        self.breaches: Counter[CollectorBreach] = Counter()
        self.statuses: Counter[int] = Counter()
        self.rate = Rate()
        self.duplicates = 0

    @property
    def distinct(self) -> int:
        """How many different calls took effect."""
        return len(self._seen)

    def summary(self) -> dict[str, object]:
        """The counts, for other processes."""
        return {
            "distinct": self.distinct,
            "duplicates": self.duplicates,
            **traffic(self.rate, self.statuses, self.breaches),
        }

    def routes(self) -> tuple[web.RouteDef, ...]:
        """The one path; the image form, `/p`, is for browsers without scripts."""
        return (web.route("*", "/j", self._answer),)

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.rate.note(self._now())
        fault = self._faults.take(ANSWER_KINDS, Operation.COLLECT, audiences=frozenset())

        async def effect() -> Answer:
            return self._collect(request)

        answer = await under_fault(fault, effect)
        self.statuses[DROPPED if answer is None else answer.status] += 1
        return response_of(request, answer)

    def _collect(self, request: web.Request) -> Answer:
        if request.method != "GET":
            self.breaches[CollectorBreach.NOT_A_GET] += 1
            return json_answer(405, {})
        if "Cookie" in request.headers:
            self.breaches[CollectorBreach.COOKIE_SENT] += 1
        if "Authorization" in request.headers:
            self.breaches[CollectorBreach.TOKEN_SENT] += 1
        now, query = self._now(), request.rel_url.raw_query_string
        self.breaches.update(breaches_of(query, now=now))
        agent = request.headers.get(AGENT_HEADER)
        self.calls.append(CollectedCall(now, query, agent))
        mark = _mark(query, agent)
        self.duplicates += mark in self._seen
        self._seen.add(mark)
        return json_answer(200, {"bakers": []})


def _mark(query: str, agent: str | None) -> bytes:
    """What a repetition has in common with the first: everything but the send time."""
    rest = "&".join(pair for pair in query.split("&") if not pair.startswith("dtstmp="))
    return hashlib.blake2b(f"{rest}\n{agent}".encode(), digest_size=16).digest()
