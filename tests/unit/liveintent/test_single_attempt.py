import pytest
from prometheus_client import CollectorRegistry

from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import LiveIntentLimits
from consumer.liveintent.single_attempt import SingleAttempts, Undecided
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
)
from consumer.telemetry.metrics import Metrics


class Scripted:
    """Gives one reply to every call, and counts the calls."""

    def __init__(self, reply: Answer | TransportFailure) -> None:
        self.reply = reply
        self.calls = 0

    async def __call__(self, _token: str) -> Answer | TransportFailure:
        self.calls += 1
        return self.reply


def single_attempts() -> SingleAttempts:
    clock = Clock()
    token = Token(lambda: "token", clock=clock)
    return SingleAttempts(token, LiveIntentLimits(), Metrics(CollectorRegistry()), clock=clock)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (TransportFailure.UNREACHABLE, RetryCause.UNREACHABLE),
        (Answer(503, b""), RetryCause.SERVER_ERROR),
        (Answer(429, b"", retry_after_seconds=3600.0), RetryCause.RATE_LIMITED),
    ],
)
async def test_what_the_service_would_try_again_is_tried_once(
    reply: Answer | TransportFailure, expected: RetryCause
) -> None:
    call = Scripted(reply)

    with pytest.raises(Undecided) as undecided:
        await single_attempts().decide(Operation.LIST, call, lambda body: body)

    assert isinstance(undecided.value.outcome, RetryLater)
    assert undecided.value.outcome.cause is expected
    assert call.calls == 1


async def test_a_refused_token_is_not_waited_for() -> None:
    call = Scripted(Answer(401, b'{"message": "Token is not valid"}'))

    with pytest.raises(Undecided, match="Token is not valid") as undecided:
        await single_attempts().decide(Operation.LIST, call, lambda body: body)

    assert isinstance(undecided.value.outcome, Unauthorised)
    assert call.calls == 1


async def test_a_decided_answer_is_given_as_the_service_would_have_it() -> None:
    exchange = single_attempts()

    found = await exchange.decide(Operation.LIST, Scripted(Answer(200, b"[1]")), lambda body: body)
    refused = await exchange.decide(Operation.LIST, Scripted(Answer(400, b"no")), lambda body: body)

    assert found == Success([1])
    assert refused == Refused(400, "", "no")
