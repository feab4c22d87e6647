"""Repeats a call to LiveIntent until it is decided: pacing, circuits, token and retries around one exchange.

An outage is waited out, however long it lasts: no call is given up, so no record is dead-lettered for one.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from consumer.liveintent.circuit import CIRCUIT_SCHEDULE, Circuit
from consumer.liveintent.clock import Clock
from consumer.liveintent.gate import Gate, Held, Passage
from consumer.liveintent.gate_outcome import tell_authorisation, tell_host
from consumer.liveintent.http_spans import note_retry
from consumer.liveintent.pacing import Pacing
from consumer.liveintent.policies import LiveIntentLimits
from consumer.liveintent.retry_schedule import RetrySchedule
from consumer.liveintent.shapes import UnexpectedShape
from consumer.liveintent.token import Token
from consumer.liveintent.turns import Line
from consumer.liveintent.upload_outcome import (
    Answer,
    Host,
    NotFound,
    Operation,
    Outcome,
    OutcomeUnknown,
    Refused,
    RetryLater,
    SignedUrlRefused,
    Success,
    TransportFailure,
    Unauthorised,
    outcome_of,
    unexpected,
)
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

T = TypeVar("T")
AUDIENCES = (Host.API, Host.STORAGE)
"""The hosts of the Audiences API."""
Judge = Callable[[Operation, Answer | TransportFailure], Outcome[Any]]
"""What a reply to an operation means."""
Send = Callable[[str], Awaitable[Answer | TransportFailure | None]]
"""Makes one HTTP exchange with the given token; None when there is nothing to send any more."""

WARN_AFTER_ATTEMPTS = 3
# One that can go when a slot gets free, and one that can go when that one cannot, as its line has had its turn.
WAITING_FOR_EACH_SLOT = 2
TOKEN_LOOK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The caller had nothing to send any more when its turn came. Nothing was sent."""


Decided = Success[T] | Refused | NotFound | SignedUrlRefused | OutcomeUnknown | Withdrawn
"""What repeating cannot change."""


class Blocked(StrEnum):
    """Why nothing is sent to LiveIntent."""

    UNAUTHORISED = "unauthorised"
    CIRCUIT_OPEN = "circuit_open"
    ASKED_TO_WAIT = "asked_to_wait"
    """By Retry-After. No outage: what can be read meanwhile is worth reading."""


@dataclass(frozen=True, slots=True)
class Health:
    """How calls to a host fare. `blocked` is None when they go through. Durations are as of now.

    `is_certain` is false while the few audiences whose calls failed may be the only ones.
    """

    blocked: Blocked | None = None
    host: Host | None = None
    blocked_seconds: float = 0.0
    next_try_seconds: float = 0.0
    last_error: str = ""
    is_certain: bool = True


class Exchange:
    """The one way to some of LiveIntent's hosts, of which one at most wants the token. Every lane shares it."""

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        token: Token,
        limits: LiveIntentLimits,
        metrics: Metrics,
        *,
        clock: Clock,
        schedule: RetrySchedule | None = None,
        circuit_schedule: RetrySchedule = CIRCUIT_SCHEDULE,
        hosts: Sequence[Host] = AUDIENCES,
        judge: Judge = outcome_of,
    ) -> None:
        self._judge = judge
        self._token_host = next((host for host in hosts if host.wants_token), None)
        self._token = token
        self._clock = clock
        self._schedule = schedule or RetrySchedule()
        self._metrics = metrics
        self._pacing = {
            host: Pacing(
                requests_per_second=limits.requests_per_second,
                concurrency=limits.concurrency,
                clock=clock,
                on_turn=self._turned,
            )
            for host in hosts
        }
        self._waiting_max = WAITING_FOR_EACH_SLOT * limits.concurrency
        self.on_turn: Callable[[], None] = lambda: None
        """Called whenever there may be more `room`."""
        self._gates = {
            host: Gate(
                Circuit(schedule=circuit_schedule),
                clock=clock,
                on_change=self._host_change(host),
            )
            for host in hosts
        }
        # A circuit too: one refusal is enough to hold everyone back, and one call then finds out.
        self._authorisation = Gate(
            Circuit(failures_to_open=1, schedule=circuit_schedule),
            clock=clock,
            on_change=self._authorisation_changed,
            changed=token.read_again,
            look_again_seconds=TOKEN_LOOK_AGAIN_SECONDS,
        )
        for host in hosts:
            metrics.circuit_open.labels(host).set(0)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Where calls go."""
        return tuple(self._gates)

    @property
    def obstacles(self) -> tuple[Health, ...]:
        """Everything that holds calls back now, for /readyz and /status. Holds no secret."""
        found = [(Blocked.UNAUTHORISED, self._token_host, self._authorisation.held)]
        found += [(Blocked.CIRCUIT_OPEN, host, gate.held) for host, gate in self._gates.items()]
        found += [(Blocked.ASKED_TO_WAIT, host, each.held) for host, each in self._pacing.items()]
        return tuple(
            Health(
                blocked,
                host,
                held.held_seconds,
                held.next_try_seconds,
                held.reason,
                held.is_certain,
            )
            for blocked, host, held in found
            if held is not None
        )

    @property
    def health(self) -> Health:
        """The first obstacle that only LiveIntent, or a new token, can clear away. A wait it asked for is none."""
        outages = (each for each in self.obstacles if each.blocked is not Blocked.ASKED_TO_WAIT)
        return next(outages, Health())

    @property
    def room(self) -> int:
        """How many more files may set out: as many calls wait for their turn as keeps every slot in use, and no more.

        Who is asked to wait before it has begun can still take with it what comes meanwhile. A file that sleeps, or is with
        LiveIntent, does not wait for a turn, so however many are slow there is room for others.
        """
        waiting = sum(pacing.waiting(Line.EXPRESS) for pacing in self._pacing.values())
        return max(0, self._waiting_max - waiting)

    async def decide(
        self,
        operation: Operation,
        send: Send,
        read: Callable[[Any], T],
        *,
        caller: str = "",
        line: Line = Line.EXPRESS,
    ) -> Decided[T]:
        """Call until the answer is one that repeating cannot change; waits for ever on an outage.

        `caller` is the audience it is about, if any: what fails for one alone holds back no other. `read` turns the answer's JSON into a value; UnexpectedShape from it counts as a failure of LiveIntent.
        Safe to cancel, but a cancelled create may have happened.
        """
        for attempt in itertools.count():
            outcome = await self.attempt(operation, send, read, caller=caller, line=line)
            if isinstance(outcome, RetryLater):
                await self.put_off(operation, outcome, attempt=attempt)
            elif not isinstance(outcome, Unauthorised):  # the gate makes the next attempt wait
                return outcome
        raise AssertionError  # pragma: no cover - the loop has no end

    async def attempt(
        self,
        operation: Operation,
        send: Send,
        read: Callable[[Any], T],
        *,
        caller: str = "",
        line: Line = Line.EXPRESS,
    ) -> Outcome[T] | Withdrawn:
        """One exchange, once it is its turn in `line` and LiveIntent is well as far as we know."""
        pacing = self._pacing[operation.host]
        async with (
            pacing.slot(line),
            self._authorised(operation) as authorised,
            self._gates[operation.host].passage(caller) as passage,
        ):
            token = await self._token.value() if operation.host.wants_token else ""
            if token is None:
                outcome: Outcome[T] = Unauthorised("No token could be read.")
            else:
                reply = await send(token)
                if reply is None:
                    return Withdrawn()
                outcome = _read(operation, self._judge(operation, reply), read)
                tell_host(passage, outcome)
            if authorised is not None and not await self._is_outdated(token, outcome):
                tell_authorisation(authorised, outcome)
        if isinstance(outcome, RetryLater | OutcomeUnknown):
            self._hold(operation.host, outcome.retry_after_seconds, outcome.detail)
        return outcome

    async def put_off(self, operation: Operation, why: RetryLater, *, attempt: int) -> None:
        """Wait before attempt number `attempt + 1`, counted from 0."""
        wait = self._schedule.wait_seconds(
            attempt, jitter=self._clock.random(), retry_after_seconds=why.retry_after_seconds
        )
        self._metrics.liveintent_retries.labels(operation, why.cause).inc()
        note_retry(operation, why, wait_seconds=wait)
        # Once for each stubborn call. Single failures are the business of the metric, outages that of the circuit.
        write = log.warning if attempt + 1 == WARN_AFTER_ATTEMPTS else log.debug
        write(
            "A call to LiveIntent keeps failing.",
            operation=operation.value,
            attempts=attempt + 1,
            cause=why.cause.value,
            detail=why.detail,
            wait_seconds=round(wait, 1),
        )
        await self._clock.sleep(wait)

    def _turned(self) -> None:
        self.on_turn()

    def _hold(self, host: Host, asked_seconds: float | None, reason: str) -> None:
        """Hold back everyone: the limit is on our token, not on the lane that met it."""
        wait = self._schedule.wait_seconds(0, jitter=0.0, retry_after_seconds=asked_seconds)
        if wait > 0 and self._pacing[host].hold(wait, reason):
            log.warning("LiveIntent asks us to wait.", host=host.value, wait_seconds=round(wait, 1))

    async def _is_outdated(self, token: str | None, outcome: Outcome[Any] | Withdrawn) -> bool:
        """Whether a token was refused that is not in use any more: rotated by the book, and no reason for an alarm."""
        return (
            isinstance(outcome, Unauthorised)
            and token is not None
            and await self._token.is_replaced(token)
        )

    def _authorised(self, operation: Operation) -> AbstractAsyncContextManager[Passage | None]:
        return self._authorisation.passage() if operation.host.wants_token else nullcontext()

    def _host_change(self, host: Host) -> Callable[[Held | None], None]:
        def changed(held: Held | None) -> None:
            self._metrics.circuit_open.labels(host).set(held is not None)
            if held is None:
                log.info("LiveIntent answers again.", host=host.value)
            else:
                log.warning(
                    "LiveIntent keeps failing; calls are held back.",
                    host=host.value,
                    reason=held.reason,
                    wait_seconds=round(held.next_try_seconds, 1),
                )

        return changed

    def _authorisation_changed(self, held: Held | None) -> None:
        host = "" if self._token_host is None else self._token_host.value
        if held is None:
            self._metrics.unauthorised.dec()
            log.info("LiveIntent accepts our API key again.", host=host)
        else:
            self._metrics.unauthorised.inc()
            log.error(
                "LiveIntent refuses our API key; nothing is sent until it is replaced.",
                host=host,
                reason=held.reason,
                wait_seconds=round(held.next_try_seconds, 1),
            )


def _read(operation: Operation, outcome: Outcome[Any], read: Callable[[Any], T]) -> Outcome[T]:
    if not isinstance(outcome, Success):
        return outcome
    try:
        return Success(read(outcome.value), outcome.date)
    except UnexpectedShape as error:
        return unexpected(operation, str(error))
