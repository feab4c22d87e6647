"""One file, from its rows to the end LiveIntent reports: minted, stored, listed, finished or not."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from consumer.liveintent.audience_directory import Absent, AudienceRefused
from consumer.liveintent.file_following import Overdue, follow
from consumer.liveintent.file_storing import FileStoring
from consumer.liveintent.shapes import UploadEntry
from consumer.liveintent.upload_counts import UploadCounts, counts_of
from consumer.liveintent.upload_listings import Stray
from consumer.liveintent.upload_outcome import NotFound
from consumer.liveintent.upload_parts import (
    FileToSend,
    NothingToSend,
    Trail,
    UploadRefused,
    UploadStage,
    UploadTools,
)
from consumer.liveintent.upload_tracking import Unlisted, UploadErrored, UploadFinished
from consumer.telemetry.tracing import AUDIENCE, OUTCOME, span_here

log = structlog.get_logger(__name__)

FileRefused = AudienceRefused | UploadRefused
"""Why a file ends without LiveIntent having taken it."""


class FileUpload:
    """Sends one file, again where LiveIntent loses it or ends it with Error."""

    def __init__(
        self,
        file: FileToSend,
        tools: UploadTools,
        *,
        on_stored: Callable[[], None],
        on_counted: Callable[[UploadCounts], None],
    ) -> None:
        """`on_counted` is told what LiveIntent counted of the file, once it has finished it."""
        self._file = file
        self._tools = tools
        self._on_stored = on_stored
        self._on_counted = on_counted
        self._storing = FileStoring(file, tools)
        self._errors = 0
        self._sent_again = False

    async def run(self) -> FileRefused | Absent | None:
        """None when LiveIntent is done with the file, or no row is left to send.

        Absent when its audience is not there (any more), whatever was stored before. `on_stored` is called each time the file is stored, as far as we know for certain. Safe to cancel.
        """
        about = {
            AUDIENCE: self._file.audience,
            "liveintent.action": self._file.action.value,
            "liveintent.identifier_type": self._file.identifier_type.value,
        }
        with span_here().child("upload file", about):
            return await self._run()

    async def _run(self) -> FileRefused | Absent | None:
        try:
            with Overdue(self._file, self._tools) as overdue:
                while True:
                    trail = await self._storing.store()
                    if isinstance(trail, NothingToSend | Absent):
                        span_here().note({OUTCOME: type(trail).__name__})
                        return trail if isinstance(trail, Absent) else None
                    if not isinstance(trail, Trail):
                        self._note_refused(trail)
                        return trail
                    if trail.is_confirmed:
                        self._on_stored()
                    end = await follow(
                        self._file,
                        trail,
                        self._tools,
                        overdue=overdue,
                        give_up_unlisted=not self._sent_again,
                    )
                    if isinstance(end, UploadFinished):
                        self._on_stored()
                        self._leave(trail, seen=end.seen)
                        self._finished(trail, end.entry)
                        return None
                    if isinstance(refused := await self._unfinished(trail, end), UploadRefused):
                        return refused
        finally:
            # Cancelled or refused on the way: something may be stored that nobody follows any more.
            trail_left = self._storing.trail
            if trail_left is not None and trail_left.since is not None:
                self._leave(trail_left, seen=0)
                self._tools.listings.forget(trail_left.audience)

    def _leave(self, trail: Trail, *, seen: int) -> None:
        """Have the next file wait for what may be stored of this one, beyond what was `seen` to end.

        Otherwise it might be overtaken by what is sent next, or be taken for it.
        """
        deadline = self._tools.times.list_deadline_seconds
        puts = trail.puts_since(self._tools.clock.now() - deadline)
        if puts > seen:
            sought = replace(trail.sought(self._file, self._tools.spelling), puts=puts)
            self._tools.listings.leave(
                trail.audience, Stray(sought, until=trail.puts[-1].at + deadline)
            )

    def interrupt(self) -> None:
        """Break off the storing, if that is where the file is."""
        self._storing.interrupt()

    async def _unfinished(
        self, trail: Trail, end: UploadErrored | Unlisted | NotFound
    ) -> UploadRefused | None:
        """What a file that was stored in vain leads to; None to send it again."""
        match end:
            case Unlisted():
                if trail.is_confirmed:
                    self._sent_again = True
                else:
                    trail.disbelieve()
                log.warning(
                    "LiveIntent does not list a stored upload; sending it once more.",
                    audience=self._file.audience,
                )
                return None
            case NotFound():
                self._storing.start_afresh()
                self._tools.directory.forget(self._file.audience)
                return None
            case UploadErrored(seen=seen):
                self._leave(trail, seen=seen)
                self._storing.start_afresh()
                return await self._errored()

    async def _errored(self) -> UploadRefused | None:
        self._errors += 1
        self._count("error")
        if self._errors > self._tools.times.error_attempts:
            refused = UploadRefused(f"LiveIntent ended the upload with Error {self._errors} times.")
            self._note_refused(refused)
            return refused
        wait = self._tools.times.error_schedule.wait_seconds(
            self._errors - 1, jitter=self._tools.clock.random()
        )
        log.warning(
            "LiveIntent ended an upload with Error; sending it again.",
            audience=self._file.audience,
            errors=self._errors,
            wait_seconds=round(wait, 1),
        )
        self._file.show(UploadStage.ERROR, f"Error {self._errors} times.")
        await self._tools.clock.sleep(wait)
        return None

    def _finished(self, trail: Trail, entry: UploadEntry) -> None:
        self._storing.start_afresh()
        self._count("finished")
        metrics = self._tools.metrics
        metrics.upload_seconds.observe(self._tools.clock.now() - trail.started_at)
        counts, kind = counts_of(entry, rows=trail.rows), self._file.identifier_type
        span_here().note({OUTCOME: "Finished", "liveintent.rows": counts.rows})
        metrics.upload_invalid_rows.labels(kind).inc(counts.invalid)
        metrics.upload_duplicate_rows.labels(kind).inc(counts.duplicates)
        metrics.upload_missing_rows.labels(kind).inc(counts.missing)
        self._on_counted(counts)
        if counts.invalid or not counts.are_ours:
            log.warning(
                "LiveIntent's counts of an upload are not ours.",
                audience=self._file.audience,
                action=self._file.action.value,
                identifier_type=kind.value,
                rows=counts.rows,
                uploaded=counts.uploaded,
                invalid=counts.invalid,
                duplicates=counts.duplicates,
            )

    def _note_refused(self, refused: FileRefused) -> None:
        span_here().failed(type(refused).__name__)
        if isinstance(refused, UploadRefused):
            self._count("refused")

    def _count(self, result: str) -> None:
        self._tools.metrics.uploads.labels(
            self._file.action, self._file.identifier_type, result
        ).inc()
