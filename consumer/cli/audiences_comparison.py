"""What LiveIntent's lists of uploads add up to, and whether that goes with its counts. Pure.

Only what can be known is judged. LiveIntent counts rows, not people; it never says which row was which, so rows that
were sent twice cannot be told from others; and it promises neither to list an upload for ever nor to count at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consumer.audience.membership import Action
from consumer.liveintent.policies import Spelling
from consumer.liveintent.shapes import UploadEntry

FINISHED, ERROR = "Finished", "Error"

Kind = tuple[str, str]
"""Our word for the action (LiveIntent's, where it is none of ours), and LiveIntent's for the identifier type."""


@dataclass(frozen=True, slots=True)
class UploadSums:
    """The rows of an audience's listed uploads. Only finished ones count, but for `unfinished` and `failed`."""

    added: int = 0
    removed: int = 0
    other_rows: int = 0
    """Of uploads whose action is neither of our words."""
    invalid: int = 0
    duplicates: int = 0
    unfinished: int = 0
    failed: int = 0
    oldest: datetime | None = None
    """When the oldest listed upload was scheduled."""

    @property
    def most(self) -> int:
        """More identifiers than this cannot be in the audience by these uploads."""
        return self.added

    @property
    def least(self) -> int:
        """Fewer than this are, only if rows were sent twice, or left out by LiveIntent."""
        return self.added - self.removed - self.invalid - self.duplicates


class Verdict(StrEnum):
    """How an audience's size goes with its uploads; the value is the field of the output."""

    FITS = "fits"
    MORE_THAN_ADDED = "more_than_added"
    FEWER_THAN_ADDED = "fewer_than_added"
    NOT_COUNTED = "not_counted"


IN_WORDS: Mapping[Verdict, str] = {
    Verdict.FITS: "fits",
    Verdict.MORE_THAN_ADDED: "more than the listed uploads added: others add to it, or older uploads are not listed",
    Verdict.FEWER_THAN_ADDED: "fewer than the listed uploads left: rows sent more than once, not counted yet, or merged "
    "or dropped by LiveIntent",
    Verdict.NOT_COUNTED: "LiveIntent gives no count",
}


def sums_of(entries: Iterable[UploadEntry], spelling: Spelling) -> UploadSums:
    """What the uploads of one audience add up to."""
    added = removed = other = invalid = duplicates = unfinished = failed = 0
    oldest: datetime | None = None
    for entry in entries:
        oldest = entry.schedule_at if oldest is None else min(oldest, entry.schedule_at)
        if entry.status != FINISHED:
            failed += entry.status == ERROR
            unfinished += entry.status != ERROR
            continue
        match _action(entry, spelling):
            case Action.ADD:
                added += entry.uploaded
                invalid += entry.invalid
                duplicates += entry.duplicates
            case Action.REMOVE:
                removed += entry.uploaded
            case _:
                other += entry.uploaded
    return UploadSums(added, removed, other, invalid, duplicates, unfinished, failed, oldest)


def verdict_on(sums: UploadSums, size: int | None) -> Verdict:
    """How the size LiveIntent counts goes with what its uploads add up to."""
    if size is None:
        return Verdict.NOT_COUNTED
    if size > sums.most and not sums.other_rows:
        return Verdict.MORE_THAN_ADDED
    return Verdict.FEWER_THAN_ADDED if size < sums.least else Verdict.FITS


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one action and identifier type: what a running service stored, and what LiveIntent made of it since."""

    stored: int
    finished: int
    unfinished_uploads: int
    failed_uploads: int

    @property
    def in_words(self) -> str:
        """What the difference means, as far as it can be known."""
        if self.finished == self.stored:
            return "equal"
        if self.finished > self.stored:
            return "LiveIntent finished more: others upload too, or another process of ours did"
        if self.unfinished_uploads:
            return "LiveIntent has not finished everything yet"
        if self.failed_uploads:
            return "uploads ended in Error; the service sends such a file again"
        return "LiveIntent finished fewer: it may count without repeated rows, or not list an upload any more"


def rows_by_kind(
    stored: Mapping[Kind, int], entries: Iterable[UploadEntry], spelling: Spelling
) -> dict[Kind, Rows]:
    """The rows a service stored since it started, against LiveIntent's uploads since then."""
    finished: dict[Kind, int] = {}
    unfinished: dict[Kind, int] = {}
    failed: dict[Kind, int] = {}
    for entry in entries:
        action = _action(entry, spelling)
        kind = (action.value if action else entry.action, entry.upload_type)
        of_status = {FINISHED: finished, ERROR: failed}.get(entry.status, unfinished)
        of_status[kind] = of_status.get(kind, 0) + (
            entry.uploaded if entry.status == FINISHED else 1
        )
    kinds = sorted({*stored, *finished, *unfinished, *failed})
    return {
        kind: Rows(
            stored.get(kind, 0), finished.get(kind, 0), unfinished.get(kind, 0), failed.get(kind, 0)
        )
        for kind in kinds
    }


def _action(entry: UploadEntry, spelling: Spelling) -> Action | None:
    """Which of our actions it is; LiveIntent may spell it in another case than we do."""
    for action in Action:
        if spelling.action(action).casefold() == entry.action.casefold():
            return action
    return None
