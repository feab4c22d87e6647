"""What HTTP exchanges have in common: a body read to a limit, and a failure in words without address or secret."""

import ssl

import aiohttp

from consumer.segment.registry_answers import Trouble, Unavailable

_CHUNK_BYTES = 2**16


async def body_of(response: aiohttp.ClientResponse, *, longest_bytes: int) -> bytes | None:
    """The whole body; None when it is longer, and then the rest is not read."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        content += chunk
        if len(content) > longest_bytes:
            return None
    return bytes(content)


def unavailable_by(error: aiohttp.ClientError | OSError | ValueError) -> Unavailable:
    """What kept us from an answer. Its time-outs, its connections and its certificates are told apart."""
    tls = _tls_error_in(error)
    if tls is not None:
        return Unavailable(_tls_reason(tls), needs_someone=True, trouble=Trouble.TLS)
    if isinstance(error, aiohttp.InvalidURL):
        return Unavailable("InvalidURL", needs_someone=True, trouble=Trouble.NO_REGISTRY)
    return _passing(error)


def _passing(error: Exception) -> Unavailable:
    """What may well mend itself."""
    match error:
        case TimeoutError():
            return Unavailable("no answer in time", trouble=Trouble.NO_ANSWER)
        case aiohttp.ClientConnectorDNSError():
            # A resolver has outages too, so it is not called an error of ours.
            return Unavailable("the host's name is not known", trouble=Trouble.UNKNOWN_HOST)
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return Unavailable("it hung up", trouble=Trouble.HUNG_UP)
        case aiohttp.ClientConnectionError() | OSError():
            return Unavailable(type(error).__name__, trouble=Trouble.NO_CONNECTION)
        case _:
            return Unavailable(type(error).__name__, trouble=Trouble.OUTAGE)


def _tls_error_in(error: BaseException | None) -> ssl.SSLError | None:
    """What failed in the handshake; aiohttp wraps it. A connection that merely ended is not meant."""
    while error is not None:
        inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
        error = inner if isinstance(inner, BaseException) else error
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return None
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__
    return None


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        # OpenSSL's own words: "self-signed certificate", "certificate has expired", "IP address mismatch, ...".
        return f"TLS: its certificate is not accepted ({error.verify_message.split(',')[0]})"
    return f"TLS: {(error.reason or 'handshake failed').replace('_', ' ').lower()}"
