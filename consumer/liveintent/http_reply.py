"""From what aiohttp gives, or raises, to an answer or the way in which none came."""

from datetime import UTC, datetime

import aiohttp
from aiohttp import ClientResponse, hdrs

from consumer.liveintent.retry_schedule import read_http_date, read_retry_after
from consumer.liveintent.upload_outcome import Answer, TransportFailure

USER_AGENT = "segment-liveintent"
ANSWER_MAX_BYTES = 16 * 1024 * 1024

Reply = Answer | TransportFailure


async def answer_of(response: ClientResponse) -> Answer:
    """Return the answer with its body. Raises what aiohttp raises when the body does not come."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > ANSWER_MAX_BYTES:
            break  # cut short, it is no JSON, and treated as an answer of the wrong shape
    return answer_with(response, bytes(body))


def answer_with(response: ClientResponse, body: bytes) -> Answer:
    """Return the answer that began so, with this body."""
    date = read_http_date(response.headers.get(hdrs.DATE))
    return Answer(
        status=response.status,
        body=body,
        retry_after_seconds=read_retry_after(
            response.headers.get(hdrs.RETRY_AFTER), now=date or datetime.now(UTC)
        ),
        date=date,
    )


def transport_failure(error: Exception) -> TransportFailure:
    """Tell how no answer came: above all, whether anything was sent."""
    never_sent = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
    if isinstance(error, never_sent):
        return TransportFailure.UNREACHABLE
    if isinstance(error, TimeoutError):
        return TransportFailure.TIMEOUT
    return TransportFailure.RESET


def status_class(reply: Reply) -> str:
    """Return the metric label of a reply."""
    return f"{reply.status // 100}xx" if isinstance(reply, Answer) else reply.value
