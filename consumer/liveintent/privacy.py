"""LiveIntent's Privacy API: requests to erase or restrict one person, repeated until LiveIntent has decided.

202 is all that can be had: whether a request was carried out is for LiveIntent's internal use only. A request that is sent
twice is two requests there, which is harmless, and nothing is ever taken back.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.gate import Held
from consumer.liveintent.pacing import TokenBucket
from consumer.liveintent.privacy_request import (
    PrivacyRequest,
    PrivacyTerms,
    body_of,
    read_transaction_id,
)
from consumer.liveintent.retry_schedule import RetrySchedule
from consumer.liveintent.shapes import UnexpectedShape
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import (
    Answer,
    Operation,
    Refused,
    RetryCause,
    RetryLater,
    Success,
    TransportFailure,
    Unauthorised,
    outcome_of,
)
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

WARN_AFTER_ATTEMPTS = 3
_LOOK_AGAIN_SECONDS = 1.0
_TOKEN_LOOK_AGAIN_SECONDS = 5.0
_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Accepted:
    """LiveIntent took the request, under this number of its own."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """Nobody waits for the request any more. It may have been accepted all the same."""


Undecided = RetryLater | Unauthorised


class PrivacyApi:
    """Submits requests. One at a time: whoever waits behind one that fails waits for the same outage."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        client: LiveIntentClient,
        token: Token,
        terms: PrivacyTerms,
        metrics: Metrics,
        *,
        requests_per_second: float,
        clock: Clock,
        schedule: RetrySchedule | None = None,
    ) -> None:
        """`client` speaks to the Privacy API's host, with a token of its own."""
        self._client = client
        self._token = token
        self._terms = terms
        self._metrics = metrics
        self._clock = clock
        self._schedule = schedule or RetrySchedule()
        self._bucket = TokenBucket(per_second=requests_per_second, now=clock.now())
        self._held: tuple[float, float, Undecided] | None = None

    @property
    def held(self) -> Held | None:
        """Since when and why LiveIntent takes no request, as far as the last one told; None when it does."""
        if self._held is None:
            return None
        since, next_try, why = self._held
        now = self._clock.now()
        kind = "token refused" if isinstance(why, Unauthorised) else why.cause.value
        return Held(now - since, max(0.0, next_try - now), f"{kind}: {why.detail}")

    async def submit(
        self, request: PrivacyRequest, *, is_wanted: Callable[[], bool]
    ) -> Accepted | Refused | LetGo:
        """Ask until LiveIntent accepts or refuses it, however long an outage lasts, or until it is not wanted any more.

        Safe to cancel; what was sent by then may have been accepted.
        """
        for attempt in itertools.count():
            await self._turn(is_wanted)
            if not is_wanted():
                return LetGo()
            outcome = await self.attempt(request)
            if isinstance(outcome, RetryLater | Unauthorised):
                await self._put_off(outcome, is_wanted, attempt=attempt)
                continue
            self._answered()
            return outcome
        raise AssertionError  # pragma: no cover - the loop has no end

    async def attempt(self, request: PrivacyRequest) -> Accepted | Refused | Undecided:
        """One exchange."""
        operation = Operation.PRIVACY_REQUEST
        token = await self._token.value()
        if token is None:
            return Unauthorised("No token could be read.")
        body = body_of(request, self._terms)
        return _accepted(operation, await self._client.submit_privacy_request(token, body))

    async def rehearse(self, request: PrivacyRequest) -> Accepted | Refused | Undecided:
        """One exchange with the endpoint that checks a request and the token, and keeps nothing."""
        operation = Operation.PRIVACY_TEST
        token = await self._token.value()
        if token is None:
            return Unauthorised("No token could be read.")
        body = body_of(request, self._terms)
        return _accepted(operation, await self._client.test_privacy_request(token, body))

    async def _turn(self, is_wanted: Callable[[], bool]) -> None:
        while is_wanted() and (wait := self._bucket.wait_seconds(self._clock.now())) > 0:
            await self._clock.sleep(min(wait, _LOOK_AGAIN_SECONDS))
        if is_wanted():
            self._bucket.take(self._clock.now())

    async def _put_off(
        self, why: Undecided, is_wanted: Callable[[], bool], *, attempt: int
    ) -> None:
        asked = why.retry_after_seconds if isinstance(why, RetryLater) else None
        wait = self._schedule.wait_seconds(
            attempt, jitter=self._clock.random(), retry_after_seconds=asked
        )
        self._failed(why, wait, attempt=attempt)
        until = self._clock.now() + wait
        look_at_token = self._clock.now() + _TOKEN_LOOK_AGAIN_SECONDS
        while is_wanted() and (left := until - self._clock.now()) > 0:
            await self._clock.sleep(min(left, _LOOK_AGAIN_SECONDS))
            if isinstance(why, Unauthorised) and self._clock.now() >= look_at_token:
                if await self._token.read_again():
                    return
                look_at_token = self._clock.now() + _TOKEN_LOOK_AGAIN_SECONDS

    def _failed(self, why: Undecided, wait: float, *, attempt: int) -> None:
        now, is_refused = self._clock.now(), isinstance(why, Unauthorised)
        self._held = (now if self._held is None else self._held[0], now + wait, why)
        self._metrics.of_withdrawals.requests_held.labels("unauthorised").set(is_refused)
        self._metrics.of_withdrawals.requests_held.labels("failing").set(not is_refused)
        if is_refused and attempt == 0:
            log.error(
                "LiveIntent's Privacy API refuses our token; privacy requests wait until it is replaced.",
                reason=why.detail,
            )  # fmt: skip
        elif not is_refused and attempt + 1 == WARN_AFTER_ATTEMPTS:
            log.warning(
                "LiveIntent's Privacy API keeps failing; privacy requests wait.",
                attempts=attempt + 1, reason=why.detail, wait_seconds=round(wait, 1),
            )  # fmt: skip

    def _answered(self) -> None:
        if self._held is None:
            return
        self._held = None
        self._metrics.of_withdrawals.requests_held.labels("unauthorised").set(0)
        self._metrics.of_withdrawals.requests_held.labels("failing").set(0)
        log.info("LiveIntent's Privacy API takes requests again.")


def _accepted(
    operation: Operation, reply: Answer | TransportFailure
) -> Accepted | Refused | Undecided:
    match outcome_of(operation, reply):
        case Success(value) if isinstance(reply, Answer) and reply.status == _ACCEPTED:
            try:
                return Accepted(read_transaction_id(value))
            except UnexpectedShape as error:
                return RetryLater(RetryCause.UNEXPECTED_ANSWER, detail=str(error))
        case Refused() | RetryLater() | Unauthorised() as outcome:
            return outcome
        case _:
            status = reply.status if isinstance(reply, Answer) else reply.value
            return RetryLater(RetryCause.UNEXPECTED_ANSWER, detail=f"It answered {status}.")
