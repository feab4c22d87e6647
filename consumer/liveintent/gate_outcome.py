"""What the outcome of a call tells the gates it passed through."""

from typing import Any

from consumer.liveintent.gate import Passage
from consumer.liveintent.upload_outcome import (
    NotFound,
    Outcome,
    OutcomeUnknown,
    Refused,
    RetryCause,
    RetryLater,
    Success,
    Unauthorised,
)


def tell_host(passage: Passage, outcome: Outcome[Any]) -> None:
    """Say whether the host answered."""
    match outcome:
        case RetryLater(cause=RetryCause.RATE_LIMITED):
            passage.answered()  # well enough to count our requests
        case RetryLater() | OutcomeUnknown():
            passage.failed(f"{outcome.cause.value}: {outcome.detail}")
        case _:
            passage.answered()


def tell_authorisation(passage: Passage, outcome: Outcome[Any]) -> None:
    """Say whether the token was taken."""
    match outcome:
        case Unauthorised(detail):
            passage.failed(detail)
        case Success() | Refused() | NotFound():
            passage.answered()
        case _:
            pass  # an outage in between says nothing about the token
