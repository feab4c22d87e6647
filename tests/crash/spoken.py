"""Finds personal data and secrets in what the processes said."""

import re
from collections.abc import Collection, Iterator

_HEX = re.compile(r"[0-9a-f]{32,}")
_DEVICE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH_LENGTHS = (32, 40, 64)
# Every invented address is under this domain, and nothing else is.
_EMAIL = re.compile(r"\S@(?:mail\.)?example\.com")


def secrets_spoken(text: str, rows: Collection[str], literal: Collection[str]) -> Iterator[str]:
    """Name the kind of each secret found; `rows` are hashes and device ids, `literal` anything else, such as tokens."""
    lower = text.lower()
    known = {row.lower() for row in rows}
    for _ in _EMAIL.findall(lower):
        yield "an email"
    for run in _HEX.findall(lower):
        if any(piece in known for piece in _pieces(run)):
            yield "a hash"
    for device_id in _DEVICE_ID.findall(lower):
        if device_id in known:
            yield "a device id"
    for secret in literal:
        if secret in text:
            yield "a token or signature"


def _pieces(run: str) -> Iterator[str]:
    """Whatever in a run of hex digits could be a hash."""
    for length in _HASH_LENGTHS:
        for start in range(len(run) - length + 1):
            yield run[start : start + length]
