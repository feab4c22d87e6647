"""The file of one upload: one identifier on each line.

UTF-8 without BOM, LF, no header, no quotes, and a newline after the last row too, so that joining or counting lines
needs no special case. LiveIntent's older guides ask for one column, newline-separated, undecorated; the rest is open.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from consumer.audience.membership import IdentifierType

ROW_BYTES_MAX = 65  # a SHA-256 and its newline
_HASH_LENGTHS = frozenset({32, 40, 64})  # MD5, SHA-1, SHA-256 in hex
_HASH_BYTES = b"0123456789abcdef\n"
# Possessive (`*+`), so that a long file costs no backtracking memory. The case of a device id is a setting.
_DEVICES = re.compile(rb"(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\n)*+")


class UnsendableRow(ValueError):
    """A row is not an identifier of its type. A programming error: identifiers are validated when they are read.

    Raised instead of sending, because the row may be anything, a raw email included. Does not show it.
    """


def hash_file(rows: Sequence[str], identifier_type: IdentifierType) -> bytes:
    """The bytes to upload, in the order of `rows`; never empty.

    Raises UnsendableRow when there is no row or when any is not an identifier of this type.
    """
    if not rows:
        raise UnsendableRow("A file without rows must not be sent.")
    content = ("\n".join(rows) + "\n").encode()
    # The count tells a row with a newline inside from two rows.
    if content.count(b"\n") != len(rows) or not _are_identifiers(rows, content, identifier_type):
        message = f"A row among {len(rows)} is not a valid {identifier_type}."
        raise UnsendableRow(message)
    return content


def rows_that_fit(rows: Sequence[str], *, max_rows: int, max_bytes: int) -> int:
    """How many of the first rows one file holds. `max_bytes` is more than any row takes."""
    count = min(len(rows), max_rows)
    if count * ROW_BYTES_MAX <= max_bytes:
        return count  # as a rule, and without a look at half a million rows
    return bisect_right(list(accumulate(len(row) + 1 for row in rows[:count])), max_bytes)


def _are_identifiers(rows: Sequence[str], content: bytes, identifier_type: IdentifierType) -> bool:
    # Half a million hashes are usual, and we are on the event loop: two passes in C, not one match for each row.
    if identifier_type is IdentifierType.EMAIL_HASH:
        return _HASH_LENGTHS.issuperset(map(len, rows)) and not content.translate(None, _HASH_BYTES)
    return _DEVICES.fullmatch(content) is not None
