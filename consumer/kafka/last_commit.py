"""What the reader commits before its thread ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from consumer.kafka.offset_ledger import CommitOffset


@dataclass(slots=True)
class LastCommit:
    """What to commit before the thread ends, and until when to try. Clock of `now`."""

    offsets: Sequence[CommitOffset]
    deadline: float
    settled: bool = False

    def answered(self, error: Exception | None) -> None:
        """Take the answer to one attempt."""
        self.settled = error is None
