"""A call to LiveIntent that was made once and not decided, as a finding."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from consumer.cli.checks.findings import Check, Finding, failed
from consumer.liveintent.single_attempt import Undecided
from consumer.liveintent.upload_outcome import RetryCause, RetryLater, Unauthorised

T = TypeVar("T")

_CHECK_URL = "Check LIVEINTENT_URL, and that this machine may connect there: name, port, certificate, egress rules."
_TRY_LATER = "Try again later, and see LiveIntent's status page. The service itself would wait."

_WORDS: Mapping[RetryCause, tuple[str, str]] = {
    RetryCause.UNREACHABLE: ("no connection could be made", _CHECK_URL),
    RetryCause.TIMEOUT: ("no answer in time", _CHECK_URL),
    RetryCause.RESET: ("the connection broke before the answer", _TRY_LATER),
    RetryCause.RATE_LIMITED: (
        "too many requests",
        "Try again later; if it stays so, lower LIVEINTENT_REQUESTS_PER_SECOND.",
    ),
    RetryCause.SERVER_ERROR: ("an error of LiveIntent's own", _TRY_LATER),
    RetryCause.UNEXPECTED_ANSWER: (
        "what answers is not LiveIntent's Audiences API",
        "Check LIVEINTENT_URL; ask your LiveIntent contact for the right one.",
    ),
}
_NO_ANSWER = frozenset({RetryCause.UNREACHABLE, RetryCause.TIMEOUT, RetryCause.RESET})


async def once(call: Awaitable[T], *, seconds: float) -> T | RetryLater | Unauthorised:
    """What the call comes to within `seconds`, or why that is not known."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except Undecided as undecided:
        return undecided.outcome
    except TimeoutError:
        return RetryLater(RetryCause.TIMEOUT)


def trouble_finding(
    check: Check, outcome: RetryLater | Unauthorised, *, subject: str | None = None
) -> Finding:
    """What went wrong, and what to do about it."""
    if isinstance(outcome, Unauthorised):
        return failed(
            check,
            f"LiveIntent does not accept our API key: {outcome.detail}",
            subject=subject,
            advice="Put the API Key that LiveIntent support issued for you into LIVEINTENT_API_KEY, or into the file "
            "that LIVEINTENT_API_KEY_FILE names.",
        )
    what, advice = _WORDS[outcome.cause]
    told = "" if outcome.cause in _NO_ANSWER or not outcome.detail else f": {outcome.detail}"
    return failed(check, what + told, subject=subject, advice=advice)
