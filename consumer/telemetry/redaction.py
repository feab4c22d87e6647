"""The last net under the log: masks what looks like a person or a secret.

It is a net, not the method. Nothing of the kind is handed to a logger in the first place (a raw email is hashed as soon
as it is read; tokens live in `Secret`); the net is for what libraries put into their exceptions and messages.
It recognises shapes, so it can miss, and it also masks innocent things of the same shape, such as a git hash.
"""

import re
from collections.abc import Mapping

from structlog.typing import EventDict, WrappedLogger

MASK = "[redacted]"

_SECRET_KEY = re.compile(
    r"api_?key|authori[sz]ation|bearer|cookie|credential|passw|secret|signed_?url|token",
    re.IGNORECASE,
)
# Bounded repetitions: no text, however odd, takes more than linear time.
_SHAPES = (
    # What follows the ? of a URL may sign it; what stands before its @ is a password.
    (re.compile(r"(https?://[^\s?#\"'<>]{0,2000})[?#][^\s\"'<>]*", re.IGNORECASE), rf"\1?{MASK}"),
    (re.compile(r"(\w{1,20}://)[^\s/@\"'<>]{1,500}@"), rf"\1{MASK}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"[^\s@<>()\[\]{},;:\"'=/?&]{1,128}(?:@|%40)[^\W_][\w-]*(?:\.[\w-]+)+"), MASK),
    # MD5, SHA-1 and SHA-256 in hex, and advertising ids.
    (
        re.compile(
            r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE
        ),
        MASK,
    ),
    (
        re.compile(
            r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])",
            re.IGNORECASE,
        ),
        MASK,
    ),
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# LiveIntent's number for a privacy request looks like an advertising id, and is all there is to prove the request by.
_SHOWN_KEY = "transaction_id"
# Deeper than any field of ours; a structure that holds itself ends here.
_DEPTH_MAX = 6


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """A structlog processor: the same line with what looks like a secret or a person masked.

    Runs after exceptions have become text. What is neither text, number, list nor mapping becomes text first.
    """
    return {key: _masked_under(key, value, 0) for key, value in event_dict.items()}


def redacted(text: str) -> str:
    """The text with what looks like a secret or a person masked."""
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def _masked_under(key: str, value: object, depth: int) -> object:
    if _SECRET_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return MASK
    if key == _SHOWN_KEY and isinstance(value, str) and _UUID.fullmatch(value):
        return value
    return _masked(value, depth)


def _masked(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if depth < _DEPTH_MAX:
        if isinstance(value, Mapping):
            return {
                redacted(str(k)): _masked_under(str(k), inner, depth + 1)
                for k, inner in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [_masked(inner, depth + 1) for inner in value]
    return redacted(str(value))
