"""What an answer to direct calls means: the table of what is retried, beside that of the Audiences API. Pure.

Sources: LiveConnect (the collector takes a call with 2xx or 304, and says no more); Datafly's connector for the Conversions
API (204 for all events, 200 for a part of them).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from consumer.liveintent.shapes import UnexpectedShape
from consumer.liveintent.upload_outcome import (
    Answer,
    Operation,
    Outcome,
    OutcomeUnknown,
    Refused,
    RetryCause,
    RetryLater,
    Success,
    TransportFailure,
    Unauthorised,
    outcome_of,
    safe_text,
)

_TOO_LONG = (HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
_TAKEN = frozenset({"ok", "success", "accepted", "processed"})
_NOT_SAID = "LiveIntent took a part of the request, and not this event"


def direct_call_outcome(operation: Operation, reply: Answer | TransportFailure) -> Outcome[Any]:
    """Return what the reply to a direct call means. A success carries None when everything was taken, else what was said."""
    if operation is Operation.COLLECT:
        return _collected(operation, reply)
    if isinstance(reply, Answer) and 200 <= reply.status < 300:
        return Success(_said(reply.body) if reply.status == 200 else None, reply.date)
    return outcome_of(operation, reply)


def refused_events(said: object) -> Mapping[str, str]:
    """Return the event ids that an answer says were not taken, with the reason; `said` is the JSON of a partial answer.

    How LiveIntent names them is not published. Read are an array of objects with `eventId`, by itself or within `results`,
    `events` or `errors`, of which each says `success` or `status`, or is in `errors`. Raises UnexpectedShape for all else.
    """
    in_errors = isinstance(said, dict) and "errors" in said
    results = said
    if isinstance(said, dict):
        results = next(
            (said[name] for name in ("results", "events", "errors") if name in said), None
        )
    if not isinstance(results, list) or not results:
        raise UnexpectedShape("results", "an array of events")
    refused: dict[str, str] = {}
    for result in results:
        event_id = result.get("eventId") if isinstance(result, dict) else None
        if not isinstance(event_id, str):
            raise UnexpectedShape("eventId", "a text")
        if not _is_taken(result, unsaid=not in_errors):
            refused[event_id.lower()] = _reason(result)
    return refused


def _collected(operation: Operation, reply: Answer | TransportFailure) -> Outcome[Any]:
    if isinstance(reply, TransportFailure):
        return _unanswered(operation, reply)
    if 200 <= reply.status < 300 or reply.status == HTTPStatus.NOT_MODIFIED:
        return Success(None, reply.date)
    if reply.status == HTTPStatus.GATEWAY_TIMEOUT:
        # A gateway passed it on and heard nothing.
        return OutcomeUnknown(
            RetryCause.SERVER_ERROR, "It answered 504.", reply.retry_after_seconds
        )
    if reply.status in _TOO_LONG:
        return Refused(reply.status, "", "It is too long.")
    outcome = outcome_of(operation, reply)
    if isinstance(outcome, Unauthorised):
        # There is no token that could be put right: it does not want calls from us, or not from here.
        detail = f"It answered {reply.status}."
        return RetryLater(RetryCause.UNEXPECTED_ANSWER, reply.retry_after_seconds, detail)
    return outcome


def _unanswered(operation: Operation, failure: TransportFailure) -> Outcome[Any]:
    if failure is TransportFailure.UNREACHABLE:
        return outcome_of(operation, failure)
    # It may have been counted, and there is no id to know it by: sent again, it could be counted twice.
    return OutcomeUnknown(RetryCause(failure.value), f"No answer: {failure.value}.")


def _said(body: bytes) -> object:
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return {} if said is None else said


def _is_taken(result: Mapping[str, object], *, unsaid: bool) -> bool:
    if isinstance(success := result.get("success"), bool):
        return success
    status = result.get("status")
    if isinstance(status, int):
        return 200 <= status < 300
    return status.lower() in _TAKEN if isinstance(status, str) else unsaid


def _reason(result: Mapping[str, object]) -> str:
    for name in ("message", "error", "reason"):
        if isinstance(text := result.get(name), str) and text:
            return safe_text(text)
    return _NOT_SAID
