"""HTTP calls as spans, by OpenTelemetry's semantic conventions for HTTP clients.

`url.full`, which they ask for, is left out: a signed URL lets whoever reads it write to our audience.
"""

from contextlib import AbstractContextManager

from aiohttp import hdrs
from yarl import URL

from consumer.liveintent.http_reply import Reply
from consumer.liveintent.upload_outcome import Answer, Operation, RetryLater
from consumer.telemetry.tracing import Span, span_here

_ROUTES = {
    Operation.SEARCH_V2: (hdrs.METH_POST, "/search/audiences/v2"),
    Operation.SEARCH_V1: (hdrs.METH_POST, "/search/audiences"),
    Operation.LIST: (hdrs.METH_GET, "/audiences"),
    Operation.CREATE: (hdrs.METH_POST, "/audiences"),
    Operation.READ: (hdrs.METH_GET, "/audiences/{id}"),
    Operation.UPDATE: (hdrs.METH_PATCH, "/audiences/{id}"),
    Operation.MINT: (hdrs.METH_POST, "/audiences/{id}/signed-urls"),
    Operation.UPLOADS: (hdrs.METH_GET, "/audiences/{id}/uploads"),
    Operation.COUNTS: (hdrs.METH_GET, "/audiences/{id}/counts"),
    Operation.STORE: (hdrs.METH_PUT, "{signed-url}"),
    Operation.PRIVACY_REQUEST: (hdrs.METH_POST, "/data-subject-requests"),
    Operation.PRIVACY_TEST: (hdrs.METH_POST, "/data-subject-requests/test"),
}


def http_span(operation: Operation, url: URL) -> AbstractContextManager[Span]:
    """One exchange of this operation, under what it is made for. Of the URL it shows host and port."""
    method, template = _ROUTES[operation]
    return span_here().call(
        f"{method} {template}",
        {
            "http.request.method": method,
            "url.template": template,
            "server.address": url.host or "",
            "server.port": url.port or 0,
            "liveintent.operation": operation.value,
        },
    )


def note_reply(span: Span, reply: Reply) -> None:
    """Tell the span what came of the exchange."""
    if isinstance(reply, Answer):
        span.note({"http.response.status_code": reply.status})
        if reply.status >= 400:
            span.failed(str(reply.status))
    else:
        span.failed(reply.value)


def note_retry(operation: Operation, why: RetryLater, *, wait_seconds: float) -> None:
    """Tell what a call is made for that it will be made again."""
    span_here().event(
        "retry",
        {
            "liveintent.operation": operation.value,
            "cause": why.cause.value,
            "wait_seconds": round(wait_seconds, 1),
        },
    )
