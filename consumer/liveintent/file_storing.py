"""Gets one file stored: finds its audience, mints a URL, puts the file there."""

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta

import structlog

from consumer.choices import UploadCompression
from consumer.liveintent.api_calls import Content
from consumer.liveintent.audience_directory import Absent, AudienceRefused
from consumer.liveintent.exchange import Withdrawn
from consumer.liveintent.hash_file import hash_file
from consumer.liveintent.shapes import AudienceId, SignedUrl, UploadRequest
from consumer.liveintent.upload_outcome import (
    NotFound,
    Operation,
    Outcome,
    Refused,
    RetryCause,
    RetryLater,
    SignedUrlRefused,
    Success,
)
from consumer.liveintent.upload_parts import (
    FileToSend,
    NothingToSend,
    Put,
    Trail,
    UploadRefused,
    UploadStage,
    UploadTools,
)
from consumer.liveintent.upload_tracking import Doubtful, Unlisted, UploadTracker
from consumer.telemetry.tracing import AUDIENCE_ID, span_here

log = structlog.get_logger(__name__)


class FileStoring:
    """The way of one file into storage, as often as it must be stored."""

    def __init__(self, file: FileToSend, tools: UploadTools) -> None:
        self._file = file
        self._tools = tools
        self._attempt = 0
        self._mint_refused = False
        self._sending: asyncio.Future[Outcome[None] | Withdrawn] | None = None
        self._made = False
        self._interrupted = False
        self.trail: Trail | None = None
        """What was done; None again after `start_afresh`."""

    def start_afresh(self) -> None:
        """What was stored so far has come to an end, or its audience has: look for nothing of it any more."""
        self.trail = None

    async def store(self) -> Trail | NothingToSend | Absent | AudienceRefused | UploadRefused:
        """Until the file is stored once (more). Waits as long as that takes.

        Each attempt has a URL of its own, and the rows as of the moment it is sent. Safe to cancel.
        """
        while True:
            trail = await self._audience()
            if not isinstance(trail, Trail):
                return trail
            if not await self._is_ours():
                continue
            url = await self._mint(trail)
            if isinstance(url, UploadRefused):
                return url
            stored = False if url is None else await self._put(trail, url)
            if isinstance(stored, UploadRefused):
                return stored
            if stored:
                return trail

    def interrupt(self) -> None:
        """Break off the attempt under way, once its rows are fixed; before that it sees by itself what was released."""
        if self._sending is not None and self._made:
            self._interrupted = True
            self._sending.cancel()

    async def _is_ours(self) -> bool:
        """Whether Kafka confirms that nobody else was given the records the rows came from."""
        if not self._tools.lease.holds():
            self._file.show(UploadStage.CONFIRMING, "")
        return await self._tools.lease.renew()

    async def _audience(self) -> Trail | NothingToSend | Absent | AudienceRefused:
        """Where to send to, with nothing unfinished there that is not ours."""
        while True:
            self._file.show(UploadStage.RESOLVING, "")
            audience = await self._file.find(self._file.audience)
            if isinstance(audience, Absent | AudienceRefused):
                return audience
            if not self._file.rows():
                return NothingToSend()
            if self.trail is not None and self.trail.audience == audience:
                return self.trail
            known = await self._tools.listings.before_us(audience)
            if not isinstance(known, NotFound):
                self.trail = Trail(audience, known, self._tools.clock.now())
                span_here().note({AUDIENCE_ID: str(audience)})
                return self.trail
            await self._lost(Operation.UPLOADS, known)

    async def _mint(self, trail: Trail) -> SignedUrl | UploadRefused | None:
        """A URL; None when the audience must be looked up anew first."""
        self._file.show(UploadStage.MINTING, "")
        spelling = self._tools.spelling
        request = UploadRequest(
            action=spelling.action(self._file.action),
            identifier_type=spelling.identifier_type(self._file.identifier_type),
            upload_name=self._tools.new_upload_name(),
        )
        minted = await self._tools.api.mint(trail.audience, request)
        match minted:
            case Success(url, date):
                trail.minted_at = (date or self._tools.clock.utc_now()).astimezone(UTC)
                if trail.since is None:
                    skew = timedelta(seconds=self._tools.times.clock_skew_seconds)
                    trail.since = trail.minted_at - skew
                return url
            case Refused() if self._mint_refused:
                return UploadRefused(
                    f"LiveIntent gives no URL to {request.action} {request.identifier_type} rows ({minted}). "
                    "If this meets every audience, the spelling of the action is not LiveIntent's, or it does not take "
                    "this type: see LIVEINTENT_ACTION_ADD, LIVEINTENT_ACTION_REMOVE, LIVEINTENT_IDENTIFIER_TYPES."
                )
            case Refused():
                # Perhaps the audience was archived since it was last looked at; the directory then says so.
                self._mint_refused = True
                self._tools.directory.forget(self._file.audience)
            case _:
                await self._lost(Operation.MINT, minted)
        return None

    async def _put(self, trail: Trail, url: SignedUrl) -> bool | UploadRefused:
        """One attempt. True when the file is, or turns out to be, stored."""
        self._file.show(UploadStage.MINTED, "")
        minted_at = self._tools.clock.now()
        rows = 0

        async def content() -> bytes | None:
            nonlocal rows
            ours = await self._tools.lease.renew()
            age_seconds = self._tools.clock.now() - minted_at
            now = self._file.rows()
            rows = len(now)
            if not now or age_seconds > self._tools.times.signed_url_max_age_seconds or not ours:
                return None
            kind = self._file.identifier_type
            file = hash_file(self._tools.spelling.rows(now, kind), kind)
            self._made = True
            trail.puts.append(Put(self._tools.clock.now(), rows))
            return await self._packed(file)

        outcome = await self._send(trail.audience, url, content)
        match outcome:
            case Success():
                trail.is_confirmed = True
                trail.confirmed_puts += 1
                return self._stored(trail, rows)
            case Refused():
                self._not_stored(trail)
                return UploadRefused(
                    f"LiveIntent's storage does not take a file of {rows} rows ({outcome})."
                )
            case RetryLater(cause) if cause in {RetryCause.TIMEOUT, RetryCause.RESET}:
                return await self._settle(trail, outcome, rows)
            case RetryLater():
                self._not_stored(trail)
                await self._put_off(Operation.STORE, outcome)
            case SignedUrlRefused(detail):
                self._not_stored(trail)
                await self._put_off(
                    Operation.STORE, RetryLater(RetryCause.UNEXPECTED_ANSWER, detail=detail)
                )
            case _:
                # Not sent: the URL grew too old, no row is left, or the lease ran out.
                self._not_stored(trail)
        return False

    async def _packed(self, file: bytes) -> bytes:
        spelling = self._tools.spelling
        if spelling.compression is UploadCompression.NONE:
            return file
        # Off the loop: a large file takes a second. Whoever interrupts the attempt meanwhile breaks it off.
        return await asyncio.to_thread(spelling.packed, file)

    async def _send(
        self, audience: AudienceId, url: SignedUrl, content: Content
    ) -> Outcome[None] | Withdrawn:
        self._made = self._interrupted = False
        rows = len(self._file.rows())
        store = self._tools.api.store(audience, url, content, rows=rows)
        self._sending = asyncio.ensure_future(store)
        try:
            return await self._sending
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._interrupted or (task is not None and task.cancelling()):
                raise
            return RetryLater(
                RetryCause.RESET, detail="broken off, as some of its rows are not ours any more"
            )
        finally:
            self._sending = None

    async def _settle(self, trail: Trail, why: RetryLater, rows: int) -> bool:
        """The file may be stored or not: a look at the list may tell, and spares LiveIntent a second upload.

        Only what is not older than the URL counts, without regard for clocks that differ: to send the file again is
        harmless, to take for it what another replica has just uploaded is not.
        """
        await self._put_off(Operation.STORE, why)
        sought = trail.sought(self._file, self._tools.spelling)
        entries = await self._tools.listings.look(trail.audience, sought.since)
        if isinstance(entries, NotFound | Refused):
            return False
        sought = replace(sought, rows=rows, since=trail.minted_at or sought.since)
        tracker = UploadTracker(sought, self._tools.spelling.all_identifier_types)
        if isinstance(tracker.look(entries), Unlisted | Doubtful):
            return False
        trail.is_confirmed = False
        return self._stored(trail, rows)

    def _not_stored(self, trail: Trail) -> None:
        if self._made:
            trail.disbelieve()
        else:
            trail.unused_urls += 1

    def _stored(self, trail: Trail, rows: int) -> bool:
        trail.rows = rows
        self._attempt = 0
        self._file.show(UploadStage.STORED, "")
        self._tools.metrics.upload_rows.labels(self._file.action, self._file.identifier_type).inc(
            rows
        )
        return True

    async def _lost(self, operation: Operation, outcome: object) -> None:
        """LiveIntent does not know the audience: look it up anew, but not in a tight loop."""
        log.warning(
            "LiveIntent does not know an audience any more; looking it up again.",
            audience=self._file.audience,
        )
        self._tools.directory.forget(self._file.audience)
        self.trail = None
        await self._put_off(
            operation, RetryLater(RetryCause.UNEXPECTED_ANSWER, detail=str(outcome))
        )

    async def _put_off(self, operation: Operation, why: RetryLater) -> None:
        await self._tools.api.put_off(operation, why, attempt=self._attempt)
        self._attempt += 1
