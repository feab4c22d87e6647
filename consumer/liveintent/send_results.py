"""What becomes of a batch that is sent."""

from dataclasses import dataclass, field

from consumer.liveintent.audience_answers import Absent, AudienceRefused
from consumer.liveintent.upload_parts import FileToSend, UploadRefused


@dataclass(frozen=True, slots=True)
class Finished:
    """LiveIntent is done with every file of the batch."""


@dataclass(frozen=True, slots=True)
class NobodyToRemove:
    """The batch only removes, and LiveIntent has no such audience (any more). Not all of it was stored."""


@dataclass(frozen=True, slots=True)
class PartlyFinished:
    """LiveIntent is done with some files of the batch, and refused others. `rows` are those it is done with."""

    refused: AudienceRefused | UploadRefused
    """The first refusal, or the audience's."""
    rows: frozenset[str] = field(repr=False)


SendResult = Finished | NobodyToRemove | PartlyFinished | AudienceRefused | UploadRefused


class Progress:
    """What has become of a batch's files so far."""

    def __init__(self) -> None:
        self.refused: AudienceRefused | UploadRefused | None = None
        self._is_absent = False
        self._finished: list[FileToSend] = []

    @property
    def has_nowhere_to_go(self) -> bool:
        """Whether there is no audience for what is left of the batch."""
        return self._is_absent or isinstance(self.refused, AudienceRefused)

    def note(
        self, file: FileToSend, ended: AudienceRefused | UploadRefused | Absent | None
    ) -> None:
        """Take note of how one file ended."""
        if ended is None:
            self._finished.append(file)
        elif isinstance(ended, Absent):
            self._is_absent = True
        elif self.refused is None or isinstance(ended, AudienceRefused):
            self.refused = ended

    def result(self) -> SendResult:
        """What has become of the batch, when all is over."""
        if self._is_absent:
            return NobodyToRemove()
        if self.refused is None:
            return Finished()
        rows = frozenset(row for file in self._finished for row in file.rows())
        return PartlyFinished(self.refused, rows) if rows else self.refused
