"""Follows one stored file through LiveIntent's list of uploads to its end."""

from types import TracebackType
from typing import Self

import structlog

from consumer.liveintent.upload_outcome import NotFound, Refused
from consumer.liveintent.upload_parts import FileToSend, Trail, UploadStage, UploadTools
from consumer.liveintent.upload_tracking import (
    Doubtful,
    Sighting,
    Unfinished,
    Unlisted,
    UploadErrored,
    UploadFinished,
    UploadStatus,
    UploadTracker,
)

log = structlog.get_logger(__name__)

_KNOWN_STATUSES = frozenset({UploadStatus.PENDING.value, "running"})


class Overdue:
    """Says once that a file is late, and counts it for as long as it is waited for. A context manager."""

    def __init__(self, file: FileToSend, tools: UploadTools) -> None:
        self._file = file
        self._tools = tools
        self._deadlines: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for deadline in self._deadlines:
            self._tools.metrics.uploads_overdue.labels(deadline).dec()

    def note(self, deadline: str, *, waited_seconds: float) -> None:
        """The file missed this deadline: `listed` or `finished`."""
        if deadline in self._deadlines:
            return
        self._deadlines.add(deadline)
        self._tools.metrics.uploads_overdue.labels(deadline).inc()
        log.error(
            "An upload is overdue at LiveIntent; still waiting. Ask LiveIntent about it.",
            deadline=deadline,
            audience=self._file.audience,
            action=self._file.action.value,
            identifier_type=self._file.identifier_type.value,
            waited_seconds=round(waited_seconds),
        )


async def follow(
    file: FileToSend, trail: Trail, tools: UploadTools, *, overdue: Overdue, give_up_unlisted: bool
) -> UploadFinished | UploadErrored | Unlisted | NotFound:
    """Look, at growing intervals, until LiveIntent is done with the file.

    Unlisted is returned only with `give_up_unlisted`, or of a file whose storing nobody confirmed, once the file should
    have been listed. Any other lateness is noted and waited out. Safe to cancel.
    """
    sought = trail.sought(file, tools.spelling)
    tracker = UploadTracker(
        sought, tools.spelling.all_identifier_types, counts_tell=tools.listings.counts_tell
    )
    times = tools.times
    stored_at = tools.clock.now()
    words = _Words(file)
    with tools.pace.following(times.poll_initial_seconds) as followed:
        while True:
            await tools.clock.sleep(followed.wait_seconds)
            entries = await tools.listings.look(trail.audience, sought.since)
            waited = tools.clock.now() - stored_at
            if isinstance(entries, NotFound):
                return entries
            if isinstance(entries, Refused):
                words.note_unreadable(entries)
            else:
                sighting = tracker.look(entries)
                if isinstance(sighting, UploadFinished | UploadErrored):
                    return sighting
                words.note(sighting)
                gives_up = give_up_unlisted or not trail.is_confirmed
                is_late = waited >= times.list_deadline_seconds
                if is_late and (end := _late_end(sighting, trail, tools, gives_up=gives_up)):
                    return end
                if is_late and isinstance(sighting, Unlisted):
                    overdue.note("listed", waited_seconds=waited)
            if waited >= times.finish_deadline_seconds:
                overdue.note("finished", waited_seconds=waited)
            followed.grow(times.poll_growth, at_most=times.poll_max_seconds)


def _late_end(
    sighting: Unlisted | Unfinished | Doubtful, trail: Trail, tools: UploadTools, *, gives_up: bool
) -> UploadFinished | Unlisted | None:
    """What to make of a file that should have been listed by now; None to go on waiting."""
    match sighting:
        case Unlisted() | Doubtful() if gives_up:
            return Unlisted()
        case Doubtful(entry):
            # The second time: rather LiveIntent counts otherwise than it lost us twice.
            tools.listings.doubt_counts()
            return UploadFinished(entry)
        case Unfinished(untouched=True) if not trail.is_confirmed:
            return Unlisted()
        case _:
            return None


class _Words:
    """Tells where the file is, and of anything odd once."""

    def __init__(self, file: FileToSend) -> None:
        self._file = file
        self._told: set[str] = set()

    def note(self, sighting: Sighting) -> None:
        if not isinstance(sighting, Unfinished):
            self._file.show(UploadStage.UNLISTED, "")
            return
        status = sighting.status.lower()
        pending = status == UploadStatus.PENDING
        self._file.show(UploadStage.PENDING if pending else UploadStage.RUNNING, "")
        if status not in _KNOWN_STATUSES:
            self._once(
                "LiveIntent gives an upload a status we do not know; waiting for one we do.",
                status=sighting.status[:40],
            )

    def note_unreadable(self, refused: Refused) -> None:
        self._once(
            "LiveIntent refuses to list uploads; waiting until it does.", detail=str(refused)
        )

    def _once(self, sentence: str, **fields: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            log.error(sentence, audience=self._file.audience, **fields)
