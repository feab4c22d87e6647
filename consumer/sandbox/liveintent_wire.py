"""How the stand-in's answers are written (source: LiveIntent's published OpenAPI)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from consumer.sandbox.faults import BodyShape, Fault, FaultKind
from consumer.sandbox.liveintent_audiences import Audience
from consumer.sandbox.liveintent_uploads import FINISHED, Upload

STORAGE_PATH = "/_storage/file"
"""Where signed URLs lead: to the same server, for there is no other."""
REDIRECT_PATH = "/_storage/elsewhere"
"""Where faults redirect to; nobody may come."""

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. The body is not printed: it may hold a signed URL."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, document: object) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(document).encode())


def error_answer(
    status: int, message: str, shape: BodyShape, *, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An error. Bare is what the OpenAPI declares; the array was seen on an unauthenticated call."""
    error: JsonObject = {
        "httpStatus": status,
        "message": message,
        "errorCode": _error_code(status),
    }
    match shape:
        case BodyShape.BARE:
            return Answer(status, json.dumps(error).encode(), headers=headers)
        case BodyShape.WRAPPED:
            return Answer(status, json.dumps({"errors": [error]}).encode(), headers=headers)
        case BodyShape.TEXT:
            return Answer(status, message.encode(), "text/plain", headers)
        case BodyShape.EMPTY:
            return Answer(status, b"", "text/plain", headers)


def storage_error(status: int, code: str) -> Answer:
    """An error as object storage writes one."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return Answer(status, body.encode(), "application/xml")


def fault_answer(fault: Fault) -> Answer:
    """The answer a fault gives instead of the true one."""
    match fault.kind:
        case FaultKind.UNAUTHORIZED_BARE:
            return error_answer(401, "Token is not valid", BodyShape.BARE)
        case FaultKind.UNAUTHORIZED_WRAPPED:
            return error_answer(401, "Token is not valid", BodyShape.WRAPPED)
        case FaultKind.STORAGE_403:
            return storage_error(403, "AccessDenied")
        case _:
            return error_answer(
                fault.status, "A fault asked for this", fault.body, headers=tuple(_headers(fault))
            )


def _headers(fault: Fault) -> Iterator[tuple[str, str]]:
    if isinstance(fault.retry_after, str):
        yield "Retry-After", fault.retry_after
    elif fault.retry_after is not None:
        yield "Retry-After", f"{fault.retry_after:g}"
    if 300 <= fault.status < 400:
        yield "Location", REDIRECT_PATH


def audience_document(audience: Audience) -> JsonObject:
    """AudienceData."""
    return {
        "id": audience.id,
        "name": audience.name,
        "accountId": audience.account_id,
        "dataProviderId": audience.data_provider_id,
        "status": audience.status,
        "createdAt": timestamp(audience.created_at),
        "updatedAt": timestamp(audience.updated_at),
        "metadata": audience.metadata,
    }


def upload_document(upload: Upload) -> JsonObject:
    """AudienceUpload. Nothing in it leads back to the signed URL; the counters stay 0 until it is Finished."""
    counted = upload.status == FINISHED
    return {
        "status": upload.status,
        "action": upload.request.action,
        "uploadType": upload.request.identifier_type,
        "scheduleAt": timestamp(upload.stored_at),
        "lastUpdate": timestamp(upload.updated_at),
        "uploadedHashesCount": upload.rows.count if counted else 0,
        "invalidHashesCount": upload.rows.invalid_count if counted else 0,
        "estimatedDuplicateCount": upload.rows.duplicate_count if counted else 0,
        "notificationEmail": upload.request.notification_email,
    }


def counts_document(audience: Audience, now: float) -> JsonObject:
    """AudienceCounts: one entry, for today. Half of the members were seen in the exchange, we say."""
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    total = audience.member_count
    return {"entries": [{"date": today, "totalCount": total, "matchCount": total // 2}]}


def offset_page(entries: Sequence[JsonObject], page: int, page_size: int) -> JsonObject:
    """One page of a whole list. A page behind the last is empty."""
    start = (page - 1) * page_size
    return {
        "entries": entries[start : start + page_size],
        "page": page,
        "pageSize": page_size,
        "pages": -(-len(entries) // page_size),
        "totalCount": len(entries),
    }


def timestamp(epoch_seconds: float) -> str:
    """A date-time in UTC, down to the millisecond."""
    text = datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _error_code(status: int) -> str:
    """A code in the manner of the only one that was seen, `unauthorized`; the others are not published."""
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "_")
    except ValueError:
        return "error"
