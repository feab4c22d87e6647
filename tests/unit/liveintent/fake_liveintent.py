"""LiveIntent in memory, below the HTTP: audiences with a lagging search, uploads that take their time."""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from consumer.liveintent.api_calls import Content
from consumer.liveintent.exchange import Decided, Withdrawn
from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import (
    AudienceId,
    AudienceRow,
    CursorPage,
    OffsetPage,
    SignedUrl,
    UploadEntry,
    UploadRequest,
)
from consumer.liveintent.turns import Line
from consumer.liveintent.upload_outcome import (
    NotFound,
    Operation,
    Outcome,
    OutcomeUnknown,
    Refused,
    RetryCause,
    RetryLater,
    Success,
)
from tests.unit.liveintent.virtual_time import START, VirtualTime

ACCOUNT = Account(account_id=7001, data_provider_id=84)
BAD_REQUEST = Refused(400, "bad_request", "Invalid request parameters.")
TIMED_OUT = OutcomeUnknown(RetryCause.TIMEOUT)
CREATES_THEN_TIMES_OUT = OutcomeUnknown(RetryCause.TIMEOUT, "created")


@dataclass
class StoredFile:
    audience: AudienceId
    request: UploadRequest
    rows: list[str]
    stored_at: datetime
    fate: str = "finish"
    """finish | error | lost | stuck | paused."""
    finishes_at: datetime = START
    listed_at: datetime = START


@dataclass
class FakeLiveIntent:
    """Give it outcomes in `mints`, `stores` and `creates` to be met before it behaves."""

    time: VirtualTime
    search_lag_seconds: Callable[[], float] = lambda: 0.0
    page_size: int = 2
    processing_seconds: float = 20.0
    listing_lag_seconds: float = 0.0
    refuse_named_search: bool = False
    refuse_search: bool = False
    refuse_list: bool = False
    audiences: list[tuple[AudienceRow, float]] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    creates: deque[OutcomeUnknown | Refused] = field(default_factory=deque)
    activations: deque[OutcomeUnknown | Refused] = field(default_factory=deque)
    gets: deque[Refused] = field(default_factory=deque)
    mints: deque[Decided[SignedUrl]] = field(default_factory=deque)
    stores: deque[Outcome[None] | str] = field(default_factory=deque)
    """An outcome, or `stored, then silence`, or `slow` for a URL that grows old."""
    fates: deque[str] = field(default_factory=deque)
    calls: Counter[str] = field(default_factory=Counter)
    looks: list[Line] = field(default_factory=list)
    """The line in which each look at uploads waited."""
    minted: dict[str, tuple[AudienceId, UploadRequest]] = field(default_factory=dict)
    listings: deque[NotFound | Refused | None] = field(default_factory=deque)
    invalid: int = 0
    uncounted: int = 0
    duplicates: int = 0
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(900_001))
    foreign: list[UploadEntry] = field(default_factory=list)

    def add(
        self, name: str, *, status: str = "Active", lag_seconds: float = 0.0, account: int = 7001
    ) -> AudienceRow:
        row = AudienceRow(
            id=AudienceId(next(self.ids)),
            name=name,
            account_id=account,
            data_provider_id=84,
            status=status,
            created_at=self.time.utc_now,
        )
        self.audiences.append((row, self.time.seconds + lag_seconds))
        return row

    def set_status(self, audience: AudienceId, status: str) -> None:
        self.audiences = [
            (replace(row, status=status) if row.id == audience else row, seen)
            for row, seen in self.audiences
        ]

    def remove(self, audience: AudienceId) -> None:
        self.audiences = [(row, seen) for row, seen in self.audiences if row.id != audience]

    async def search_v2(
        self, account: Account, *, name: str | None, cursor: str | None
    ) -> Decided[CursorPage[AudienceRow]]:
        self.calls["search_v2"] += 1
        await self.time.sleep(0)
        if self.refuse_search or (name is not None and self.refuse_named_search):
            return BAD_REQUEST
        rows = self._visible(name)
        first = int(cursor or 0)
        last = first + self.page_size
        return Success(CursorPage(rows[first:last], str(last) if last < len(rows) else None))

    async def search_v1(
        self, account: Account, *, name: str | None, page: int
    ) -> Decided[OffsetPage[AudienceRow]]:
        self.calls["search_v1"] += 1
        if self.refuse_search or (name is not None and self.refuse_named_search):
            return BAD_REQUEST
        return self._page(self._visible(name), page)

    async def list_audiences(self, *, page: int) -> Decided[OffsetPage[AudienceRow]]:
        self.calls["list"] += 1
        return BAD_REQUEST if self.refuse_list else self._page(self._visible(None), page)

    async def create(self, account: Account, name: str) -> Decided[AudienceRow]:
        self.calls["create"] += 1
        script = self.creates.popleft() if self.creates else None
        if script is not None and script is not CREATES_THEN_TIMES_OUT:
            await self.time.sleep(60)
            return script
        row = self.add(name, lag_seconds=self.search_lag_seconds())
        await self.time.sleep(1)
        return row_or_silence(row, script)

    async def get(self, audience: AudienceId) -> Decided[AudienceRow]:
        self.calls["get"] += 1
        if self.gets:
            return self.gets.popleft()
        for row, _ in self.audiences:
            if row.id == audience:
                return Success(row)
        return NotFound()

    async def activate(self, audience: AudienceId) -> Decided[AudienceRow]:
        self.calls["activate"] += 1
        if self.activations:
            return self.activations.popleft()
        self.set_status(audience, "Active")
        return await self.get(audience)

    async def mint(self, audience: AudienceId, upload: UploadRequest) -> Decided[SignedUrl]:
        self.calls["mint"] += 1
        if self.mints:
            return self.mints.popleft()
        url = f"https://storage.example/{len(self.minted)}?sig=secret"
        self.minted[url] = (audience, upload)
        return Success(SignedUrl(url), self.time.utc_now)

    async def store(
        self, audience: AudienceId, url: SignedUrl, content: Content, *, rows: int
    ) -> Outcome[None] | Withdrawn:
        self.calls["store"] += 1
        script = self.stores.popleft() if self.stores else None
        if script == "slow":
            await self.time.sleep(1000)
            script = None
        file = await content()
        if file is None:
            return Withdrawn()
        if script is None or isinstance(script, str):
            self._take(url, file)
        if isinstance(script, str):
            return RetryLater(RetryCause.TIMEOUT)
        return Success(None) if script is None else script

    async def uploads_since(
        self, audience: AudienceId, since: datetime, *, line: Line = Line.ORDINARY
    ) -> Decided[list[UploadEntry]]:
        self.calls["uploads"] += 1
        self.looks.append(line)
        script = self.listings.popleft() if self.listings else None
        if script is not None:
            return script
        now = self.time.utc_now
        ours = [
            self._entry(file)
            for file in self.files
            if file.audience == audience and file.fate != "lost" and file.listed_at <= now
        ]
        return Success([e for e in [*self.foreign, *ours] if e.schedule_at >= since])

    async def put_off(self, operation: Operation, why: RetryLater, *, attempt: int) -> None:
        self.calls["put_off"] += 1
        await self.time.sleep(min(2.0**attempt, 300.0))

    def _take(self, url: SignedUrl, content: bytes) -> None:
        audience, request = self.minted[url.url]
        now = self.time.utc_now
        self.files.append(
            StoredFile(
                audience,
                request,
                content.decode().splitlines(),
                now,
                self.fates.popleft() if self.fates else "finish",
                finishes_at=now + timedelta(seconds=self.processing_seconds),
                listed_at=now + timedelta(seconds=self.listing_lag_seconds),
            )
        )

    def _entry(self, file: StoredFile) -> UploadEntry:
        return UploadEntry(
            status=self._status(file),
            action=file.request.action,
            upload_type=file.request.identifier_type,
            schedule_at=file.stored_at,
            last_update=file.stored_at,
            uploaded=len(file.rows) - self.uncounted,
            invalid=self.invalid,
            duplicates=self.duplicates,
        )

    def _status(self, file: StoredFile) -> str:
        if file.fate == "stuck":
            return "Pending"
        if file.fate == "paused":
            return "Paused"
        if self.time.utc_now < file.finishes_at:
            return "Running"
        return "Error" if file.fate == "error" else "Finished"

    def _visible(self, name: str | None) -> list[AudienceRow]:
        return [
            row
            for row, seen in self.audiences
            if seen <= self.time.seconds and (name is None or row.name.lower() == name.lower())
        ]

    def _page(self, rows: list[AudienceRow], page: int) -> Success[OffsetPage[AudienceRow]]:
        first = (page - 1) * self.page_size
        pages = -(-len(rows) // self.page_size)
        return Success(OffsetPage(rows[first : first + self.page_size], pages))


def row_or_silence(
    row: AudienceRow, script: OutcomeUnknown | Refused | None
) -> Decided[AudienceRow]:
    return Success(row) if script is None else script
