"""Asking the Privacy API until it has decided, in virtual time against the stand-in's judgement of what is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest
import structlog
from prometheus_client import CollectorRegistry

from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.privacy import Accepted, LetGo, PrivacyApi
from consumer.liveintent.privacy_request import PrivacyAction, PrivacyRequest, PrivacyTerms
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import (
    Answer,
    Refused,
    RetryLater,
    TransportFailure,
    Unauthorised,
)
from consumer.telemetry.metrics import Metrics
from tests.unit.liveintent.virtual_time import VirtualTime

Reply = Answer | TransportFailure
REQUEST = PrivacyRequest(PrivacyAction.ERASURE, ("0" * 32,), "events-0-1")
ACCEPTED = Answer(202, b'{"transactionId": "t-1"}')
ERROR = Answer(503, b"{}")


@dataclass
class ScriptedClient:
    """Gives its replies in order, the last one for ever."""

    replies: list[Reply]
    asked: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def submit_privacy_request(self, token: str, request: Mapping[str, object]) -> Reply:
        self.asked.append((token, request))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def test_privacy_request(self, token: str, request: Mapping[str, object]) -> Reply:
        return await self.submit_privacy_request(token, request)


class PlainToken:
    """What is provided at this moment, once it was read. Without the threads of the real one."""

    def __init__(self, provided: Callable[[], str | None]) -> None:
        self._provided = provided
        self._read = provided()

    async def value(self) -> str | None:
        return self._read

    async def read_again(self) -> bool:
        before, self._read = self._read, self._provided()
        return before != self._read


class Asking:
    """A Privacy API in virtual time."""

    def __init__(self, *replies: Reply, token: Callable[[], str | None] = lambda: "token") -> None:
        self.time = VirtualTime(lambda: 0.99)
        self.client = ScriptedClient(list(replies))
        self.metrics = Metrics(CollectorRegistry())
        self.api = PrivacyApi(
            cast("LiveIntentClient", self.client),
            cast("Token", PlainToken(token)),
            PrivacyTerms(),
            self.metrics,
            requests_per_second=2.0,
            clock=self.time.clock,
        )

    async def submit(
        self, *, is_wanted: Callable[[], bool] = lambda: True
    ) -> Accepted | Refused | LetGo:
        return await self.time.run(self.api.submit(REQUEST, is_wanted=is_wanted))

    def held(self, cause: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "segment_liveintent_privacy_requests_held", {"cause": cause}
        )


async def test_a_request_that_is_taken_has_liveintents_number() -> None:
    asking = Asking(ACCEPTED)

    assert await asking.submit() == Accepted("t-1")
    ((token, body),) = asking.client.asked
    assert (token, body["action"]) == ("token", "ERASURE")
    assert asking.api.held is None


@pytest.mark.parametrize(
    "failure",
    [
        ERROR,
        Answer(500, b""),
        Answer(429, b"{}", retry_after_seconds=7),
        Answer(404, b"{}"),
        Answer(302, b""),
        Answer(200, b"{}"),
        Answer(202, b"{}"),
        Answer(202, b"no json"),
        TransportFailure.TIMEOUT,
        TransportFailure.RESET,
        TransportFailure.UNREACHABLE,
    ],
)
async def test_whatever_is_no_refusal_of_the_request_is_waited_out(failure: Reply) -> None:
    asking = Asking(failure, failure, ACCEPTED)

    assert await asking.submit() == Accepted("t-1")
    assert len(asking.client.asked) == 3
    assert (asking.api.held, asking.held("failing")) == (None, 0)


async def test_retry_after_is_honoured() -> None:
    asking = Asking(Answer(429, b"{}", retry_after_seconds=100), ACCEPTED)

    await asking.submit()

    assert asking.time.seconds >= 100


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refusal_of_the_request_is_final(status: int) -> None:
    asking = Asking(Answer(status, b'{"message": "no"}'))

    refused = await asking.submit()

    assert isinstance(refused, Refused)
    assert str(refused) == f"{status} no"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_told_once_and_replaced_without_waiting_long(status: int) -> None:
    replaced_at = 200.0
    provided = ["old"]
    asking = Asking(Answer(status, b"{}"), token=lambda: provided[0])

    def is_wanted() -> bool:
        if asking.time.seconds >= replaced_at:
            provided[0] = "new"
            asking.client.replies[0] = ACCEPTED
        return True

    with structlog.testing.capture_logs() as lines:
        assert await asking.submit(is_wanted=is_wanted) == Accepted("t-1")

    assert {token for token, _ in asking.client.asked} == {"old", "new"}
    assert asking.time.seconds <= replaced_at + 6
    assert [each["log_level"] for each in lines] == ["error", "info"]
    assert asking.held("unauthorised") == 0


async def test_what_is_not_wanted_any_more_is_let_go_within_a_second_of_an_outage() -> None:
    asking = Asking(ERROR)
    still_wanted = [True] * 4

    def is_wanted() -> bool:
        return bool(still_wanted and still_wanted.pop())

    assert await asking.submit(is_wanted=is_wanted) == LetGo()
    assert len(asking.client.asked) == 1
    assert asking.time.seconds <= 1


async def test_nothing_is_asked_for_what_was_never_wanted() -> None:
    asking = Asking(ACCEPTED)

    assert await asking.submit(is_wanted=lambda: False) == LetGo()
    assert asking.client.asked == []


async def test_while_nothing_is_taken_it_says_since_when_and_why() -> None:
    asking = Asking(ERROR)
    task = asking.api.submit(REQUEST, is_wanted=lambda: asking.time.seconds < 60)
    with structlog.testing.capture_logs() as lines:
        await asking.time.run(task)

    held = asking.api.held
    assert held is not None
    assert held.held_seconds >= 59
    assert held.reason == "server_error: 503"
    assert asking.held("failing") == 1
    assert [each["event"] for each in lines] == [
        "LiveIntent's Privacy API keeps failing; privacy requests wait."
    ]


async def test_requests_are_paced() -> None:
    asking = Asking(ACCEPTED)
    for _ in range(12):
        await asking.submit()

    assert asking.time.seconds >= 5


async def test_a_rehearsal_is_made_once_whatever_comes_of_it() -> None:
    assert await Asking(ACCEPTED).api.rehearse(REQUEST) == Accepted("t-1")
    assert isinstance(await Asking(ERROR).api.rehearse(REQUEST), RetryLater)
    assert isinstance(await Asking(Answer(403, b"")).api.rehearse(REQUEST), Unauthorised)
    assert isinstance(
        await Asking(ACCEPTED, token=lambda: None).api.rehearse(REQUEST), Unauthorised
    )
    assert isinstance(await Asking(ACCEPTED, token=lambda: None).api.attempt(REQUEST), Unauthorised)
