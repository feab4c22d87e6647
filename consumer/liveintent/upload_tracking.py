"""Which entries in LiveIntent's list of uploads are ours, and what they say. Pure.

Nothing in an entry refers back to our file: it has no id and no name. With at most one unfinished upload of ours for
each audience, action, identifier type and time are enough.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.upload_counts import counts_of


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
    sizes: frozenset[int] = frozenset()
    """Every number of rows it was, or may have been, stored with; none: not known."""
    known: frozenset[UploadIdentity] = frozenset()
    """Entries that were listed before the file existed."""
    puts: int = 1
    """How often the file was, or may have been, stored."""
    unconfirmed_puts: int = 0
    """How often it may have been only."""
    unused_urls: int = 0
    """URLs minted for the file that certainly stored nothing. LiveIntent may list them, pending for ever."""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """LiveIntent does not list the file yet."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """LiveIntent is not done with the file. `status` is its word for where it is.

    `untouched`: nothing shows that there is a file at all; it may be a URL that was not used.
    """

    status: str
    untouched: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class UploadFinished:
    """LiveIntent is done with the file. `seen` is how many uploads that may be ours it lists."""

    entry: UploadEntry
    seen: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class UploadErrored:
    """LiveIntent could not use the file. It gives no reason. `seen` is how many uploads that may be ours it lists."""

    entry: UploadEntry
    seen: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """LiveIntent is done with an upload like ours, but not with our number of rows: perhaps another replica's."""

    entry: UploadEntry


Sighting = Unlisted | Unfinished | UploadFinished | UploadErrored | Doubtful


def identity_of(entry: UploadEntry) -> UploadIdentity:
    """What tells this entry from the others in its list."""
    return UploadIdentity(entry.schedule_at, entry.action.lower(), entry.upload_type.lower())


def is_terminal(entry: UploadEntry) -> bool:
    """Whether LiveIntent is done with the upload, one way or the other. Unknown words are not an end."""
    return entry.status.lower() in {UploadStatus.FINISHED, UploadStatus.ERROR}


def all_ended(
    entries: Iterable[UploadEntry],
    sought: Sought,
    identifier_types: Iterable[str],
    *,
    counts_tell: bool = True,
) -> bool:
    """Whether LiveIntent lists as many uploads like ours as we may have stored, and is done with all of them.

    With `counts_tell`, what finished with a number of rows that we never stored is another replica's.
    """
    known_types = {word.lower() for word in identifier_types}
    sizes = sought.sizes if counts_tell else frozenset()
    candidates = [
        entry
        for entry in entries
        if _may_be(entry, sought, known_types) and not _is_of_another_size(entry, sizes)
    ]
    return len(candidates) >= sought.puts and all(map(is_terminal, candidates))


class UploadTracker:
    """Follows one file through the list of uploads, from one look to the next.

    The candidates are frozen once all that we may have caused are seen: uploads others start meanwhile must not
    keep us waiting, nor pass for ours. With `counts_tell`, what finished with another number of rows is not ours.
    """

    def __init__(
        self, sought: Sought, identifier_types: Iterable[str], *, counts_tell: bool = True
    ) -> None:
        self._sought = sought
        self._identifier_types = {word.lower() for word in identifier_types}
        self._counts_tell = counts_tell
        self._candidates: dict[UploadIdentity, tuple[UploadEntry, ...]] = {}

    def look(self, entries: Sequence[UploadEntry]) -> Sighting:
        """What the list says of our file now. `entries` are all since `sought.since`, in any order."""
        listed: dict[UploadIdentity, tuple[UploadEntry, ...]] = {}
        for entry in entries:
            if _may_be(entry, self._sought, self._identifier_types):
                identity = identity_of(entry)
                listed[identity] = (*listed.get(identity, ()), entry)
        if self._is_complete(self._candidates) and not listed.keys().isdisjoint(self._candidates):
            # One that has left the list keeps the last that was heard of it.
            self._candidates.update(
                (identity, seen)
                for identity, seen in listed.items()
                if identity in self._candidates
            )
        elif listed:
            self._candidates = listed
        if listed and not self._is_complete(self._candidates):
            # One of them turned out to be another's: ours may be among the rest.
            self._candidates = {**self._candidates, **listed}
        return self._verdict(_all(self._candidates))

    def _is_complete(self, candidates: Mapping[UploadIdentity, tuple[UploadEntry, ...]]) -> bool:
        plausible = [entry for entry in _all(candidates) if not self._is_anothers(entry)]
        return len(plausible) >= self._sought.puts + self._sought.unused_urls

    def _verdict(self, candidates: list[UploadEntry]) -> Sighting:
        ours = [entry for entry in candidates if not self._is_anothers(entry)]
        if not ours:
            return Doubtful(candidates[0]) if candidates else Unlisted()
        finished = [entry for entry in ours if _is_finished(entry)]
        errored = [entry for entry in ours if entry.status.lower() == UploadStatus.ERROR]
        open_ones = [entry for entry in ours if not is_terminal(entry)]
        if open_ones and not ((finished or errored) and self._are_unused_urls(open_ones)):
            return Unfinished(open_ones[0].status, untouched=all(map(_is_untouched, ours)))
        best = max(finished, key=self._fits, default=None)
        # Both ends at once: only the one with our number of rows can be trusted to be ours. Sending again is
        # harmless, taking another's success for ours is not.
        if best is not None and (not errored or self._fits(best)):
            return UploadFinished(best, len(finished) + len(errored))
        return UploadErrored(errored[0], len(finished) + len(errored))

    def _is_anothers(self, entry: UploadEntry) -> bool:
        return self._counts_tell and _is_finished(entry) and not self._fits(entry)

    def _fits(self, entry: UploadEntry) -> bool:
        return counts_of(entry, rows=self._sought.rows).are_ours

    def _are_unused_urls(self, entries: list[UploadEntry]) -> bool:
        perhaps_unused = self._sought.unused_urls + self._sought.unconfirmed_puts
        return all(map(_is_untouched, entries)) and len(entries) <= perhaps_unused


def _may_be(entry: UploadEntry, sought: Sought, identifier_types: Collection[str]) -> bool:
    # LiveIntent does not say that `uploadType` repeats our identifier type; where it says something else, anything goes.
    kind = entry.upload_type.lower()
    return (
        entry.action.lower() == sought.action.lower()
        and (kind == sought.identifier_type.lower() or kind not in identifier_types)
        and entry.schedule_at >= sought.since
        and identity_of(entry) not in sought.known
    )


def _is_of_another_size(entry: UploadEntry, sizes: Collection[int]) -> bool:
    fits = any(counts_of(entry, rows=rows).are_ours for rows in sizes)
    return bool(sizes) and _is_finished(entry) and not fits


def _is_untouched(entry: UploadEntry) -> bool:
    return entry.status.lower() == UploadStatus.PENDING and entry.uploaded == 0


def _is_finished(entry: UploadEntry) -> bool:
    return entry.status.lower() == UploadStatus.FINISHED


def _all(candidates: Mapping[UploadIdentity, tuple[UploadEntry, ...]]) -> list[UploadEntry]:
    return [entry for seen in candidates.values() for entry in seen]
