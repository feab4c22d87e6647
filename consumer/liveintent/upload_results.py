"""What becomes of a batch, from what becomes of its files. Pure."""

from dataclasses import dataclass, field

from consumer.liveintent.audience_answers import AudienceRefused
from consumer.liveintent.upload_parts import FileToSend, UploadRefused


@dataclass(frozen=True, slots=True)
class Finished:
    """LiveIntent is done with every file of the batch."""


@dataclass(frozen=True, slots=True)
class PartlyFinished:
    """LiveIntent is done with some files of the batch, and refused others. `rows` are those it is done with."""

    refused: AudienceRefused | UploadRefused
    """The first refusal, or the audience's."""
    rows: frozenset[str] = field(repr=False)


SendResult = Finished | PartlyFinished | AudienceRefused | UploadRefused


class Progress:
    """What has become of a batch's files so far."""

    def __init__(self) -> None:
        self.refused: AudienceRefused | UploadRefused | None = None
        self._finished: list[FileToSend] = []

    def note(self, file: FileToSend, refused: AudienceRefused | UploadRefused | None) -> None:
        """Take note of how one file ended."""
        if refused is None:
            self._finished.append(file)
        elif self.refused is None or isinstance(refused, AudienceRefused):
            self.refused = refused

    def result(self) -> SendResult:
        """What has become of the batch, when all is over."""
        if self.refused is None:
            return Finished()
        rows = frozenset(row for file in self._finished for row in file.rows())
        return PartlyFinished(self.refused, rows) if rows else self.refused
