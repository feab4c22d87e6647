"""Where to begin on a partition whose next offset librdkafka does not know.

`auto.offset.reset=error` leaves such a partition stopped: there is no committed offset, or the log no longer holds it.
Which of the two it is, and what follows, is decided here. Nothing is ever skipped or repeated without being asked for.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.errors import OffsetsUnknown
from consumer.kafka.confirmed_commit import CommitEnd, commit_and_confirm
from consumer.kafka.offset_ledger import CommitOffset, PartitionId
from consumer.settings import FirstStart

log = structlog.get_logger(__name__)

FirstStartPoint = FirstStart | datetime

_ANSWER_SECONDS: Final = 3.0
_ASK_AGAIN_SECONDS: Final = 1.0


class StartReason(StrEnum):
    """Why a partition starts where it does."""

    FIRST_START = "first_start"
    NEW_PARTITION = "new_partition"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class PartitionStart:
    """Read the partition from this offset on."""

    partition: PartitionId
    offset: int
    reason: StartReason


def put_on_record(consumer: Consumer, offsets: Sequence[CommitOffset]) -> CommitEnd:
    """Commit where reading is about to start."""
    return commit_and_confirm(
        consumer, offsets, seconds=_ANSWER_SECONDS, now=time.monotonic, sleep=time.sleep
    )


class PartitionStarts:
    """Finds starts. Belongs to the reader's thread; blocks for a few seconds at most for each question to Kafka."""

    def __init__(
        self,
        *,
        group_id: str,
        first_start: FirstStartPoint | None,
        now: Callable[[], float],
        commit: Callable[[Consumer, Sequence[CommitOffset]], CommitEnd] = put_on_record,
    ) -> None:
        self._commit = commit
        self._group_id = group_id
        self._first_start = first_start
        self._now = now
        self._looked_for: set[PartitionId] = set()
        self._ask_again_at = 0.0

    def look_for(self, partition: PartitionId) -> None:
        """Find out where this partition starts, at the next `found`."""
        self._looked_for.add(partition)

    def found(
        self, consumer: Consumer, owns: Callable[[PartitionId], bool]
    ) -> list[PartitionStart]:
        """Return where the partitions looked for start, once that is on record with the group.

        Raises OffsetsUnknown, once, where nobody said where to start; and KafkaException where Kafka could not be
        asked: it is asked again a moment later.
        """
        self._looked_for = {each for each in self._looked_for if owns(each)}
        if not self._looked_for or self._now() < self._ask_again_at:
            return []
        self._ask_again_at = self._now() + _ASK_AGAIN_SECONDS
        try:
            starts = self._resolve(consumer, self._looked_for)
        except OffsetsUnknown:
            self._looked_for.clear()
            raise
        self._looked_for.clear()
        self._ask_again_at = 0.0
        for start in starts:
            log.warning(
                "A partition is read from an offset the group did not have.",
                topic=start.partition.topic, partition=start.partition.partition,
                offset=start.offset, reason=start.reason,
            )  # fmt: skip
        return starts

    def _resolve(
        self, consumer: Consumer, partitions: Collection[PartitionId]
    ) -> list[PartitionStart]:
        starts: list[PartitionStart] = []
        for topic, group in groupby(sorted(partitions), key=lambda each: each.topic):
            starts += self._resolve_topic(consumer, topic, set(group))
        return starts

    def _resolve_topic(
        self, consumer: Consumer, topic: str, wanted: set[PartitionId]
    ) -> Iterator[PartitionStart]:
        committed = _committed(consumer, _partitions_of(consumer, topic) | wanted)
        lacking = {each for each, offset in committed.items() if offset is None}
        for partition in sorted(wanted - lacking):
            yield self._go_on(consumer, partition, committed[partition])
        if not wanted & lacking:
            return
        if len(lacking) < len(committed):
            # The group knows the topic, so the partition was added since: all of it is unread.
            new = sorted(wanted & lacking)
            starts = [
                PartitionStart(each, _bounds(consumer, each)[0], StartReason.NEW_PARTITION)
                for each in new
            ]
        else:
            # For the whole topic at once, also where other members own partitions: otherwise a member that looks a
            # moment later sees some offsets committed, and takes its own partitions for added ones.
            starts = list(self._first_starts(consumer, sorted(lacking)))
        # Before the first record is read: a crash must not move the start.
        offsets = [CommitOffset(*each.partition, each.offset, None) for each in starts]
        if self._commit(consumer, offsets) is not CommitEnd.COMMITTED:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the start was not committed"))  # noqa: SLF001 - the binding's public name for it
        yield from (each for each in starts if each.partition in wanted)

    def _go_on(
        self, consumer: Consumer, partition: PartitionId, committed: int | None
    ) -> PartitionStart:
        low, high = _bounds(consumer, partition)
        if committed is not None and low <= committed <= high:
            return PartitionStart(partition, committed, StartReason.COMMITTED)
        message = (
            f"Group {self._group_id} has committed offset {committed} for partition {partition.partition} of topic "
            f"{partition.topic}, but its log holds offsets {low} to {high}: records were deleted before they were "
            "read, or the topic was made anew. Choose where to go on with `segment-liveintent replay` "
            "(--to-earliest, --to-datetime or --to-offset) or with Kafka's own group tool, then start again."
        )
        raise OffsetsUnknown(message)

    def _first_starts(
        self, consumer: Consumer, partitions: Iterable[PartitionId]
    ) -> Iterator[PartitionStart]:
        for partition in partitions:
            yield PartitionStart(
                partition, self._first_offset(consumer, partition), StartReason.FIRST_START
            )

    def _first_offset(self, consumer: Consumer, partition: PartitionId) -> int:
        low, high = _bounds(consumer, partition)
        match self._first_start:
            case None:
                message = (
                    f"Group {self._group_id} has no committed offsets for topic {partition.topic}. If it has never "
                    "run, set KAFKA_FIRST_START to earliest, latest or a date and time; if it has, its offsets have "
                    "expired: choose where to go on with `segment-liveintent replay` or Kafka's own group tool."
                )
                raise OffsetsUnknown(message)
            case FirstStart.EARLIEST:
                return low
            case FirstStart.LATEST:
                return high
            case datetime() as moment:
                asked = TopicPartition(*partition, int(moment.timestamp() * 1000))
                (found,) = consumer.offsets_for_times([asked], timeout=_ANSWER_SECONDS)
                if found.error is not None:
                    raise KafkaException(found.error)
                # -1: every record is older.
                return found.offset if found.offset >= 0 else high


def _partitions_of(consumer: Consumer, topic: str) -> set[PartitionId]:
    found = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return {PartitionId(topic, number) for number in found.partitions}


def _committed(
    consumer: Consumer, partitions: Iterable[PartitionId]
) -> Mapping[PartitionId, int | None]:
    answers = consumer.committed(
        [TopicPartition(*each) for each in partitions], timeout=_ANSWER_SECONDS
    )
    for each in answers:
        if each.error is not None:
            raise KafkaException(each.error)
    return {
        PartitionId(each.topic, each.partition): each.offset if each.offset >= 0 else None
        for each in answers
    }


def _bounds(consumer: Consumer, partition: PartitionId) -> tuple[int, int]:
    """Return the log's first offset and the one after its last."""
    return consumer.get_watermark_offsets(
        TopicPartition(*partition), timeout=_ANSWER_SECONDS, cached=False
    )
