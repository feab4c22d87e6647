"""The errors that end the program, each with its exit code.

SegmentLiveIntentError
├── SettingsError            2  the settings cannot be used; lists everything wrong with them
├── CheckFailed              3  a check, a demo's books or a redrive did not come out right
├── KafkaFatal               4  librdkafka declared the client dead, or the poll loop died
├── OffsetsUnknown           5  no usable committed offset, and no policy that says where to start
├── DeadLetterLimitReached   6  too many records were refused: probably a bad deploy, not bad data
├── ForcedStop               7  a second signal cut the drain short
├── ReplayRefused           10  a guard of `replay` does not let it happen; nothing was changed
├── ReplayMismatch          11  the plan is not the one that was approved; nothing was changed
├── GroupNotEmpty           12  the group still has members; nothing was changed
├── OffsetsRefused          13  Kafka did not take the new offsets: a member came back; nothing was changed
├── OffsetsNotAsWritten     14  what the group has committed afterwards is not what was written: somebody must look
└── ReplayUnfinished        15  a replay beside the live group was stopped before its end; started again, it goes on

Exit code 0 is success (a drained stop included) and 1 an error nobody foresaw.
What happens in normal life (an ignored event, a refused upload) is a value, not an exception: see `record`.
"""

from collections.abc import Sequence
from typing import ClassVar


class SegmentLiveIntentError(Exception):
    """Root of the errors that end the program."""

    exit_code: ClassVar[int] = 1


class SettingsError(SegmentLiveIntentError):
    """The settings cannot be used. `problems` holds one sentence for each thing to put right."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class CheckFailed(SegmentLiveIntentError):
    """A check, a demo's comparison with its oracle, or a redrive did not come out right."""

    exit_code: ClassVar[int] = 3


class KafkaFatal(SegmentLiveIntentError):
    """The Kafka client cannot go on: a fatal librdkafka error, or a poll loop that died."""

    exit_code: ClassVar[int] = 4


class OffsetsUnknown(SegmentLiveIntentError):
    """A partition has no usable committed offset, and no policy says where to start."""

    exit_code: ClassVar[int] = 5


class DeadLetterLimitReached(SegmentLiveIntentError):
    """More records were refused than the limit allows. Nothing was committed past them."""

    exit_code: ClassVar[int] = 6


class ForcedStop(SegmentLiveIntentError):
    """A second signal cut the drain short. What was not committed is read again."""

    exit_code: ClassVar[int] = 7


class ReplayRefused(SegmentLiveIntentError):
    """A guard keeps a replay from happening. Nothing was changed."""

    exit_code: ClassVar[int] = 10


class ReplayMismatch(SegmentLiveIntentError):
    """The plan is not the one that was approved. Nothing was changed."""

    exit_code: ClassVar[int] = 11


class GroupNotEmpty(SegmentLiveIntentError):
    """The group still has members, or Kafka does not tell. Nothing was changed."""

    exit_code: ClassVar[int] = 12


class OffsetsRefused(SegmentLiveIntentError):
    """Kafka did not take the new offsets, most likely because a member came back. Nothing was changed."""

    exit_code: ClassVar[int] = 13


class OffsetsNotAsWritten(SegmentLiveIntentError):
    """What the group has committed is not what was written, or only in part. Somebody must look."""

    exit_code: ClassVar[int] = 14


class ReplayUnfinished(SegmentLiveIntentError):
    """A replay beside the live group was stopped, in good order, before its end. Started again, it goes on."""

    exit_code: ClassVar[int] = 15
