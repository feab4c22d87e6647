"""Which partitions make no progress: the judgement, without a clock or a connection.

Burrow's rules (source: its evaluator), fitted to us. Whatever is not caught up must move its committed offset now and
then; one that has not moved it for a time is stalled. An offset that went backwards is a replay, and told apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from consumer.kafka.offset_ledger import PartitionId


class Progress(StrEnum):
    """How a partition gets on."""

    CAUGHT_UP = "caught_up"
    """Everything is read, finished and committed."""
    MOVING = "moving"
    REPLAYING = "replaying"
    """It moves, and has not come back yet to where it was before its offset was set back."""
    HELD = "held"
    """Nothing is meant to move: the process is stopping."""
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one partition at one moment."""

    committed: int | None
    """The next offset the group would read; None while that is not known."""
    is_settled: bool
    """Whether everything is known to be read, finished and committed. Not to know is a no."""
    is_held: bool = False
    """Whether nothing is meant to move at this moment."""
    replays_to: int | None = None
    """Where it was before its offset was set back, if it was."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict on one partition. `since` is when it last moved or had nothing to do, on the caller's clock."""

    progress: Progress
    since: float
    still_seconds: float
    """How long the committed offset has stood still with something left to do; 0 with nothing left."""


class _Trail(NamedTuple):
    committed: int | None
    since: float


class StallDetector:
    """Follows partitions from look to look. What is not in a look is forgotten."""

    def __init__(self, after_seconds: float) -> None:
        """`after_seconds` is how long a partition with something left to do may stand still."""
        self._after_seconds = after_seconds
        self._trails: dict[PartitionId, _Trail] = {}

    def look(
        self, sights: Mapping[PartitionId, Sight], *, now: float
    ) -> dict[PartitionId, Standing]:
        """The verdict on every partition in sight. `now` never goes back."""
        self._trails = {
            partition: _followed(self._trails.get(partition), sight, now)
            for partition, sight in sights.items()
        }
        return {
            partition: self._standing(sight, self._trails[partition].since, now)
            for partition, sight in sights.items()
        }

    def _standing(self, sight: Sight, since: float, now: float) -> Standing:
        still_seconds = now - since
        if sight.is_held:
            return Standing(Progress.HELD, since, still_seconds)
        if sight.is_settled:
            return Standing(Progress.CAUGHT_UP, since, still_seconds)
        if still_seconds >= self._after_seconds:
            return Standing(Progress.STALLED, since, still_seconds)
        return Standing(
            Progress.REPLAYING if _is_replaying(sight) else Progress.MOVING, since, still_seconds
        )


def _followed(trail: _Trail | None, sight: Sight, now: float) -> _Trail:
    """The clock starts anew with every move, back or forth, and stands still while nothing is to be done."""
    stays = trail is not None and trail.committed == sight.committed
    if trail is None or not stays or sight.is_settled or sight.is_held:
        return _Trail(sight.committed, now)
    return trail


def _is_replaying(sight: Sight) -> bool:
    return (
        sight.replays_to is not None
        and sight.committed is not None
        and sight.committed < sight.replays_to
    )


class Rewind(NamedTuple):
    """A group's offset that was set back."""

    partition: PartitionId
    was: int
    now: int


class Rewinds:
    """Finds offsets that Kafka gives lower than they were before it was asked: somebody set them back.

    An answer takes its time, and our own commits go on meanwhile; so what was committed is noted before each question.
    Partitions that left us are remembered: a replay begins with everybody gone.
    """

    def __init__(self) -> None:
        self._ours: dict[PartitionId, int] = {}
        self._highest: dict[PartitionId, int] = {}
        self._replays_to: dict[PartitionId, int] = {}

    def before_asking(self, ours: Mapping[PartitionId, int]) -> Mapping[PartitionId, int]:
        """Take note of what we have committed; returns what no answer may fall below."""
        for partition, offset in ours.items():
            # The same as last time is no news: Kafka may have told another offset since.
            if self._ours.get(partition) != offset:
                self._ours[partition] = offset
                self._raise(partition, offset)
        return dict(self._highest)

    def answered(
        self, before: Mapping[PartitionId, int], committed: Mapping[PartitionId, int]
    ) -> list[Rewind]:
        """Compare an answer with what `before_asking` returned."""
        found = list(_set_back(before, committed))
        for partition, was, offset in found:
            self._highest[partition] = offset
            self._replays_to[partition] = max(was, self._replays_to.get(partition, was))
        for partition, offset in committed.items():
            self._raise(partition, offset)
            if offset >= self._replays_to.get(partition, offset + 1):
                del self._replays_to[partition]
        return found

    def replays_to(self, partition: PartitionId) -> int | None:
        """Where the partition was before it was set back; None once it is there again."""
        return self._replays_to.get(partition)

    def _raise(self, partition: PartitionId, offset: int) -> None:
        self._highest[partition] = max(offset, self._highest.get(partition, offset))


def _set_back(
    before: Mapping[PartitionId, int], committed: Mapping[PartitionId, int]
) -> Iterator[Rewind]:
    for partition, offset in committed.items():
        if offset < before.get(partition, offset):
            yield Rewind(partition, before[partition], offset)
