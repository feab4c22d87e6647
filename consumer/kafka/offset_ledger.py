"""Which records are finished, and so what is safe to commit."""

from typing import NamedTuple


class CommitOffset(NamedTuple):
    """The next offset to read from one partition, with the leader epoch of the record before it."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int | None
