"""Which entries in LiveIntent's list of uploads are ours, and what they say. Pure.

Nothing in an entry refers back to our file: it has no id and no name. With at most one unfinished upload of ours for
each audience, action, identifier type and time are enough.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consumer.liveintent.shapes import UploadEntry


@dataclass(frozen=True, slots=True)
class UploadIdentity:
    """What tells one entry from another. Two of the same moment are one for us, and must both end."""

    schedule_at: datetime
    action: str
    upload_type: str


class UploadStatus(StrEnum):
    """LiveIntent's status words that mean something to us, in lower case. Any other is: not at an end yet."""

    PENDING = "pending"
    FINISHED = "finished"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of the file we look for."""

    action: str
    """In LiveIntent's spelling; its case does not matter."""
    identifier_type: str
    since: datetime
    """No entry of ours can be scheduled before this."""
    rows: int
    known: frozenset[UploadIdentity] = frozenset()
    """Entries that were listed before the file existed."""
    puts: int = 1
    """How often the file was, or may have been, stored."""
    unused_urls: int = 0
    """URLs minted for the file that certainly stored nothing. LiveIntent may list them, pending for ever."""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """LiveIntent does not list the file yet."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """LiveIntent is not done with the file. `status` is its word for where it is."""

    status: str


@dataclass(frozen=True, slots=True)
class UploadFinished:
    """LiveIntent is done with the file."""

    entry: UploadEntry


@dataclass(frozen=True, slots=True)
class UploadErrored:
    """LiveIntent could not use the file. It gives no reason."""

    entry: UploadEntry


Sighting = Unlisted | Unfinished | UploadFinished | UploadErrored


def identity_of(entry: UploadEntry) -> UploadIdentity:
    """What tells this entry from the others in its list."""
    return UploadIdentity(entry.schedule_at, entry.action.lower(), entry.upload_type.lower())


def is_terminal(entry: UploadEntry) -> bool:
    """Whether LiveIntent is done with the upload, one way or the other. Unknown words are not an end."""
    return entry.status.lower() in {UploadStatus.FINISHED, UploadStatus.ERROR}


class UploadTracker:
    """Follows one file through the list of uploads, from one look to the next.

    The candidates are frozen once all that we may have caused are seen: uploads others start meanwhile must not
    keep us waiting, nor pass for ours.
    """

    def __init__(self, sought: Sought, identifier_types: Iterable[str]) -> None:
        self._sought = sought
        # LiveIntent does not say that `uploadType` repeats our identifier type; where it says something else, anything goes.
        self._identifier_types = {word.lower() for word in identifier_types}
        self._candidates: dict[UploadIdentity, tuple[UploadEntry, ...]] = {}

    def look(self, entries: Sequence[UploadEntry]) -> Sighting:
        """What the list says of our file now. `entries` are all since `sought.since`, in any order."""
        listed: dict[UploadIdentity, tuple[UploadEntry, ...]] = {}
        for entry in entries:
            if self._may_be_ours(entry):
                identity = identity_of(entry)
                listed[identity] = (*listed.get(identity, ()), entry)
        frozen = len(self._candidates) >= self._sought.puts + self._sought.unused_urls
        if frozen and not listed.keys().isdisjoint(self._candidates):
            # One that has left the list keeps the last that was heard of it.
            self._candidates.update(
                (identity, seen)
                for identity, seen in listed.items()
                if identity in self._candidates
            )
        elif listed:
            self._candidates = listed
        return self._verdict([entry for seen in self._candidates.values() for entry in seen])

    def _may_be_ours(self, entry: UploadEntry) -> bool:
        kind = entry.upload_type.lower()
        return (
            entry.action.lower() == self._sought.action.lower()
            and (kind == self._sought.identifier_type.lower() or kind not in self._identifier_types)
            and entry.schedule_at >= self._sought.since
            and identity_of(entry) not in self._sought.known
        )

    def _verdict(self, candidates: list[UploadEntry]) -> Sighting:
        if not candidates:
            return Unlisted()
        finished = [entry for entry in candidates if entry.status.lower() == UploadStatus.FINISHED]
        errored = [entry for entry in candidates if entry.status.lower() == UploadStatus.ERROR]
        open_ones = [entry for entry in candidates if not is_terminal(entry)]
        if open_ones and not (finished and self._are_unused_urls(open_ones)):
            return Unfinished(open_ones[0].status)
        best = max(finished, key=self._fits, default=None)
        # Both ends at once: only the one with our number of rows can be trusted to be ours. Sending again is
        # harmless, taking another's success for ours is not.
        if best is not None and (not errored or self._fits(best)):
            return UploadFinished(best)
        return UploadErrored(errored[0])

    def _fits(self, entry: UploadEntry) -> bool:
        # Whether `uploadedHashesCount` includes invalid rows and duplicates is not documented.
        extra = (0, entry.invalid, entry.duplicates, entry.invalid + entry.duplicates)
        return self._sought.rows in {entry.uploaded + more for more in extra}

    def _are_unused_urls(self, entries: list[UploadEntry]) -> bool:
        untouched = all(
            entry.status.lower() == UploadStatus.PENDING and entry.uploaded == 0
            for entry in entries
        )
        return untouched and len(entries) <= self._sought.unused_urls
