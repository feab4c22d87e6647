"""Sends one batch to LiveIntent and follows it until LiveIntent is done with it."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.liveintent.api_calls import UploadCalls
from consumer.liveintent.audience_directory import Absent, AudienceRefused
from consumer.liveintent.audience_locks import AudienceLocks
from consumer.liveintent.clock import Clock
from consumer.liveintent.file_upload import FileUpload
from consumer.liveintent.hash_file import rows_that_fit
from consumer.liveintent.look_pace import LookPace
from consumer.liveintent.policies import UploadPolicy
from consumer.liveintent.send_results import (
    Finished,
    NobodyToRemove,
    PartlyFinished,
    Progress,
    SendResult,
)
from consumer.liveintent.upload_counts import UploadCounts
from consumer.liveintent.upload_listings import UploadListings
from consumer.liveintent.upload_parts import (
    AudienceResolver,
    FileToSend,
    Lease,
    Unshared,
    UploadRefused,
    UploadStage,
    UploadTools,
)
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.tracing import span_here

__all__ = [
    "Activity",
    "AudienceRefused",
    "Counted",
    "Finished",
    "NobodyToRemove",
    "PartlyFinished",
    "SendResult",
    "UploadBatch",
    "UploadRefused",
    "UploadStage",
    "Uploader",
]


class UploadBatch(Protocol):
    """What a lane sends at once."""

    @property
    def audience(self) -> AudienceKey:
        """The audience all of it is for."""
        ...

    def files(self) -> Sequence[tuple[Action, IdentifierType]]:
        """What must be sent, in the order it must be sent in: REMOVE before ADD."""
        ...

    def rows(self, action: Action, identifier_type: IdentifierType) -> Sequence[str]:
        """The rows of one file as of now, in a stable order; they only ever become fewer."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """What LiveIntent counted of the last file it finished for an audience. `at` is on the clock's `now`."""

    counts: UploadCounts
    action: Action
    identifier_type: IdentifierType
    at: float


@dataclass(frozen=True, slots=True)
class Activity:
    """Where one audience's upload is, for people. `since` is on the clock's `now`."""

    stage: UploadStage
    since: float
    rows: int
    action: Action
    identifier_type: IdentifierType
    detail: str = ""


class Uploader:
    """Uploads batches, any number of audiences side by side, each audience's files strictly one after the other.

    LiveIntent neither orders uploads nor says which entry of its list is whose; with at most one unfinished upload per
    audience both questions have an answer.
    """

    def __init__(
        self,
        api: UploadCalls,
        directory: AudienceResolver,
        metrics: Metrics,
        *,
        policy: UploadPolicy,
        clock: Clock,
        lease: Lease | None = None,
    ) -> None:
        """Without a `lease` nobody else can be given what we send."""
        prefix, extension = (
            policy.spelling.upload_name_prefix,
            policy.spelling.upload_name_end,
        )
        self._clock = clock
        self._max_rows = policy.max_rows_per_upload
        self._max_bytes = policy.max_bytes_per_upload
        self._locks = AudienceLocks()
        self._activity: dict[AudienceKey, Activity] = {}
        self._counted: dict[AudienceKey, Counted] = {}
        self._sending: dict[AudienceKey, FileUpload] = {}
        self._unconfirmed: set[AudienceKey] = set()
        # Unique across processes and restarts; told to LiveIntent, so nothing about people is in it.
        run, numbers = f"{int(clock.random() * 2**32):08x}", itertools.count(1)
        self._tools = UploadTools(
            api=api,
            directory=directory,
            listings=UploadListings(
                api,
                policy.times,
                clock=clock,
                identifier_types=policy.spelling.all_identifier_types,
            ),
            times=policy.times,
            spelling=policy.spelling,
            metrics=metrics,
            clock=clock,
            pace=LookPace(per_second=policy.looks_per_second),
            new_upload_name=lambda: f"{prefix}-{run}-{next(numbers):06d}{extension}",
            lease=lease or Unshared(),
        )

    @property
    def activity(self) -> dict[AudienceKey, Activity]:
        """The audiences with an upload under way, and where it is. A copy."""
        return dict(self._activity)

    @property
    def unconfirmed(self) -> int:
        """How many files are held back until Kafka confirms that their records are still ours."""
        return len(self._unconfirmed)

    def activity_of(self, audience: AudienceKey) -> Activity | None:
        """Where the audience's upload is; None when none is under way."""
        return self._activity.get(audience)

    @property
    def counted(self) -> dict[AudienceKey, Counted]:
        """What LiveIntent counted of each audience's last file that it finished. A copy."""
        return dict(self._counted)

    async def send(self, batch: UploadBatch, *, on_stored: Callable[[], None]) -> SendResult:
        """Send the batch's files and wait until LiveIntent is done with them, however long that takes.

        A file that is refused leaves the others their chance, unless it is the audience that is refused. `on_stored` is
        called once, when the last file is stored, or when nothing (more) had to be sent; not at all when a file is
        refused before, or there is nobody to remove. Rows are asked for anew before each attempt. Safe to cancel: what
        was stored stays stored, and the next batch of the audience first waits for it.
        """
        once = _Once(on_stored)
        # Lanes send one batch at a time; this keeps the promise to LiveIntent if one ever does not.
        async with self._locks.alone(batch.audience):
            try:
                files = tuple(batch.files())
                if (nowhere := await self._nowhere(batch, files)) is not None:
                    return nowhere
                progress = Progress()
                for what in files:
                    on_last = once if what == files[-1] else _nothing
                    await self._send_rows(batch, what, progress, on_last=on_last)
                if progress.refused is None:
                    once()
                return progress.result()
            finally:
                self._activity.pop(batch.audience, None)
                self._unconfirmed.discard(batch.audience)
                self._sending.pop(batch.audience, None)

    def interrupt(self, audience: AudienceKey) -> None:
        """Break off the file of this audience that is being stored, if one is: some of its rows were released.

        It may be stored nevertheless. What is left of it is sent again.
        """
        if (upload := self._sending.get(audience)) is not None:
            upload.interrupt()

    def look_again(self) -> None:
        """Somebody else's work has become ours: before the next file, wait for what they have under way."""
        self._tools.listings.forget_all()

    async def _nowhere(
        self, batch: UploadBatch, files: Sequence[tuple[Action, IdentifierType]]
    ) -> NobodyToRemove | AudienceRefused | None:
        """Why a batch that only removes has nowhere to go: it must not create its audience."""
        if not files or any(action is not Action.REMOVE for action, _ in files):
            return None
        self._shower(batch.audience, files[0], rows=len(batch.rows(*files[0])))(
            UploadStage.RESOLVING, ""
        )
        found = await self._tools.directory.find(batch.audience)
        match found:
            case Absent():
                return NobodyToRemove()
            case AudienceRefused():
                return found
            case _:
                return None

    async def _send_rows(
        self,
        batch: UploadBatch,
        what: tuple[Action, IdentifierType],
        progress: Progress,
        *,
        on_last: Callable[[], None],
    ) -> None:
        """All rows of one action and type, in files of at most so many rows and bytes."""
        sent: set[str] = set()
        while not isinstance(progress.refused, AudienceRefused):
            rows = [row for row in batch.rows(*what) if row not in sent]
            length = rows_that_fit(rows, max_rows=self._max_rows, max_bytes=self._max_bytes)
            is_last = length == len(rows)
            part = None if is_last and not sent else frozenset(rows[:length])
            file = FileToSend(
                batch.audience,
                *what,
                rows=_rows_of(batch, what, part),
                show=self._shower(batch.audience, what, rows=length),
            )
            del rows  # LiveIntent may take hours, and every one of them may be released meanwhile
            on_stored = on_last if is_last and progress.refused is None else _nothing
            upload = FileUpload(
                file,
                self._tools,
                on_stored=on_stored,
                on_counted=partial(self._note_counts, batch.audience, what),
            )
            self._sending[batch.audience] = upload
            progress.note(file, await upload.run())
            if is_last:
                return
            sent |= part or set()

    def _note_counts(
        self,
        audience: AudienceKey,
        what: tuple[Action, IdentifierType],
        counts: UploadCounts,
    ) -> None:
        self._counted[audience] = Counted(counts, *what, self._clock.now())

    def _shower(
        self, audience: AudienceKey, what: tuple[Action, IdentifierType], *, rows: int
    ) -> Callable[[UploadStage, str], None]:
        def show(stage: UploadStage, detail: str) -> None:
            before = self._activity.get(audience)
            activity = Activity(stage, self._clock.now(), rows, *what, detail)
            if before is None or replace(before, since=activity.since) != activity:
                self._activity[audience] = activity
                span_here().event(stage.value)
            if stage is UploadStage.CONFIRMING:
                self._unconfirmed.add(audience)
            else:
                self._unconfirmed.discard(audience)

        return show


class _Once:
    """Calls at most once, however often it is called."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._called = False

    def __call__(self) -> None:
        if not self._called:
            self._called = True
            self._call()


def _rows_of(
    batch: UploadBatch, what: tuple[Action, IdentifierType], part: frozenset[str] | None
) -> Callable[[], Sequence[str]]:
    """The rows of one file, as of whenever it is asked. No `part` means all of them.

    A part stays what it was while rows are released: a later row moving up would end in two files, or in none.
    """
    if part is None:
        return partial(batch.rows, *what)
    return lambda: [row for row in batch.rows(*what) if row in part]


def _nothing() -> None:
    pass
