"""What a record weighs in memory from the moment it is read: the one number the memory budget counts.

tests/memory measures, for every shape of record it knows, that none of the figures is too low. Pure.
"""

from typing import Final

from consumer.record import KafkaRecord

UNFINISHED_BYTES: Final = 1_900
"""An unfinished record besides its bytes: the Python objects around it, and what its changes share, such as the hashes
of an email."""
CHANGE_BYTES: Final = 600
"""What each change adds: itself, its place in a lane, its rows in a file, the message ids it has superseded."""
EVENT_BYTES: Final = 1_200
"""What each event of a container file adds beside its changes, from the second on: what they share, such as the hashes."""
HEADER_BYTES: Final = 250
"""A header besides its bytes."""
FINISHED_BYTES: Final = 300
"""A finished record above an unfinished one: only its place in the ledger is kept."""


def parts_weight_bytes(parts: int, events: int) -> int:
    """What the parts of a record add, once it is known how many they are, and of how many of its events."""
    return parts * CHANGE_BYTES + max(0, events - 1) * EVENT_BYTES


def unfinished_weight_bytes(record: KafkaRecord) -> int:
    """What a record weighs before it is known how many changes it makes."""
    size_bytes = record.size_bytes
    # A thirty-second for what the allocator rounds up: from 128 KiB on, whole pages.
    rounding = size_bytes // 32
    headers = len(record.headers) * HEADER_BYTES
    return size_bytes + rounding + headers + UNFINISHED_BYTES
