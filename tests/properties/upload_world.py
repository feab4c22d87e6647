"""LiveIntent's uploads as a model: what was stored, what became of it and when, and what every replica did about it.

Each file's life is fixed when it is stored, so that time alone moves it on. What must never happen is written down in
`breaches` at the moment it happens, when all of the truth is at hand.
"""

from collections import Counter, deque
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import cycle
from random import Random

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.liveintent import turns
from consumer.liveintent.api_calls import Content
from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.exchange import Decided, Withdrawn
from consumer.liveintent.policies import UploadTimes
from consumer.liveintent.shapes import AudienceId, SignedUrl, UploadEntry, UploadRequest
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
from tests.unit.liveintent.fake_liveintent import BAD_REQUEST
from tests.unit.liveintent.virtual_time import VirtualTime

What = tuple[Action, IdentifierType]
Kind = tuple[str, str]
"""The same in LiveIntent's words."""
NEVER = float("inf")
TIMES = UploadTimes()

LOST_ON_THE_WAY = "lost on the way"
STORED_THEN_SILENCE = "stored, then silence"
RESET = "reset before it was stored"
SIGNATURE_REFUSED = "403"
STORAGE_DOWN = "503"
STORAGE_UNREACHABLE = "unreachable"
TOO_LARGE = "413"
URL_GROWS_OLD = "the URL grows old"
STORE_FAULTS = (
    LOST_ON_THE_WAY,
    STORED_THEN_SILENCE,
    RESET,
    SIGNATURE_REFUSED,
    STORAGE_DOWN,
    STORAGE_UNREACHABLE,
    TOO_LARGE,
    URL_GROWS_OLD,
)
_NOT_STORED: dict[str, Outcome[None]] = {
    LOST_ON_THE_WAY: RetryLater(RetryCause.TIMEOUT),
    RESET: RetryLater(RetryCause.RESET),
    SIGNATURE_REFUSED: SignedUrlRefused("403"),
    STORAGE_DOWN: RetryLater(RetryCause.SERVER_ERROR),
    STORAGE_UNREACHABLE: RetryLater(RetryCause.UNREACHABLE),
    TOO_LARGE: Refused(413, "", "EntityTooLarge"),
}


@dataclass(frozen=True)
class Life:
    """What becomes of a stored file, in seconds after it was stored."""

    listed: float = 0.0
    """NEVER: LiveIntent loses the file, and applies nothing of it."""
    runs: float = 2.0
    ends: float = 10.0
    """NEVER: not until somebody at LiveIntent looks after it."""
    end: str = "Finished"
    word: str = "Running"
    invalid: int = 0


class Batch:
    """What a lane sends. Rows may be released at any moment, as when their partition is taken away."""

    def __init__(self, audience: AudienceKey, rows: dict[What, list[str]]) -> None:
        self.audience = audience
        self.held = rows
        self.released: set[str] = set()

    def files(self) -> Sequence[What]:
        return [what for what in self.held if self.rows(*what)]

    def rows(self, action: Action, identifier_type: IdentifierType) -> list[str]:
        return [row for row in self.held[action, identifier_type] if row not in self.released]


@dataclass
class Sending:
    """One call of `Uploader.send`, as the model knows it."""

    replica: int
    batch: Batch
    number: int
    whats: tuple[What, ...]
    stored_at: list[float] = field(default_factory=list)
    """When `on_stored` was called."""
    mints_refused: int = 0
    too_large: int = 0
    first_mint: dict[Kind, float] = field(default_factory=dict)
    sizes: dict[Kind, set[int]] = field(default_factory=dict)
    """The rows of each file that was made, stored or not."""
    given_up: bool = False
    """Cancelled: what it stored is followed by nobody."""


SENDING: ContextVar[Sending] = ContextVar("sending")


@dataclass
class File:
    """One stored file."""

    url: str
    audience: AudienceId
    request: UploadRequest
    rows: tuple[str, ...]
    sending: Sending
    scheduled_at: datetime
    stored_at: float
    life: Life
    was_lost: bool
    """Even if it was found again, as an Error."""
    certain: bool = True
    """Whether its sender was told that it is stored."""
    ended_at: float = NEVER

    @property
    def kind(self) -> Kind:
        return asked_kind(self.request)

    @property
    def is_lost(self) -> bool:
        return self.life.listed == NEVER

    @property
    def sizes(self) -> set[int]:
        """The numbers of rows LiveIntent's counts of it would fit."""
        return {len(self.rows), len(self.rows) - self.life.invalid}

    def is_listed(self, now: float) -> bool:
        return now >= self.stored_at + self.life.listed

    def has_ended(self, now: float) -> bool:
        return now >= self.ended_at

    def has_finished(self, now: float) -> bool:
        """Whether LiveIntent applied it."""
        return self.has_ended(now) and self.life.end == "Finished" and not self.is_lost

    def is_open(self, now: float) -> bool:
        """Whether LiveIntent may still apply it."""
        return not self.is_lost and not self.has_ended(now)

    def entry(self, now: float) -> UploadEntry:
        status = "Pending" if now < self.stored_at + self.life.runs else self.life.word
        status = self.life.end if self.has_ended(now) else status
        counted = len(self.rows) if self.has_finished(now) else 0
        invalid = min(self.life.invalid, counted)
        return UploadEntry(
            status=status,
            action=self.request.action,
            upload_type=self.request.identifier_type,
            schedule_at=self.scheduled_at,
            last_update=self.scheduled_at,
            uploaded=counted - invalid,
            invalid=invalid,
            duplicates=0,
        )


class World:
    """LiveIntent, and the one who sees everything."""

    def __init__(self, time: VirtualTime, *, lists_unused_urls: bool) -> None:
        self.time = time
        self.lists_unused_urls = lists_unused_urls
        self.audience = AudienceId(1)
        self.files: list[File] = []
        self.lives: deque[Life] = deque()
        self.minted: dict[str, tuple[AudienceId, UploadRequest, datetime]] = {}
        self.list_refused_until = -1.0
        self.order = Random(0)
        self.breaches: list[str] = []
        self.overtaken: set[str] = set()
        """Rows of files that were not waited for any longer: LiveIntent may apply them in any order."""

    def mint(self, audience: AudienceId, request: UploadRequest) -> SignedUrl:
        sending = SENDING.get()
        sending.first_mint.setdefault(asked_kind(request), self.time.seconds)
        self._expect_nothing_open(sending, audience, request, rows=())
        url = f"https://storage.example/{len(self.minted)}?sig=secret"
        self.minted[url] = (audience, request, self.time.utc_now)
        return SignedUrl(url)

    def store(self, url: SignedUrl, content: bytes, *, certain: bool) -> None:
        audience, request, minted_at = self.minted[url.url]
        sending = SENDING.get()
        rows = tuple(content.decode().splitlines())
        self._expect_nothing_open(sending, audience, request, rows=rows)
        self._expect_an_end(sending, audience, request, rows=rows)
        if any(file.url == url.url for file in self.files):
            self.breaches.append("a URL was used twice")
        now, life = self.time.seconds, self.lives.popleft() if self.lives else Life()
        self.files.append(
            File(
                url=url.url,
                audience=audience,
                request=request,
                rows=rows,
                sending=sending,
                scheduled_at=minted_at if self.lists_unused_urls else self.time.utc_now,
                stored_at=now,
                life=life,
                was_lost=life.listed == NEVER,
                certain=certain,
                ended_at=now + life.ends,
            )
        )

    def entries(self, audience: AudienceId, since: datetime) -> list[UploadEntry]:
        now = self.time.seconds
        listed = {
            file.url: file.entry(now)
            for file in self.files
            if file.audience == audience and file.is_listed(now)
        }
        if self.lists_unused_urls:
            for url, (whose, request, at) in self.minted.items():
                kind = asked_kind(request)
                if whose == audience and url not in listed:
                    listed[url] = UploadEntry("Pending", *kind, at, at, 0, 0, 0)
        entries = list(listed.values())
        self.order.shuffle(entries)
        return [entry for entry in entries if entry.schedule_at >= since]

    def unstick(self) -> None:
        """Somebody at LiveIntent looks after what did not end by itself, and after what was lost."""
        now = self.time.seconds
        for file in self.files:
            if file.is_lost:
                file.life = replace(file.life, listed=now - file.stored_at, end="Error")
                file.ended_at = now
            elif file.ended_at == NEVER:
                file.ended_at = now

    def of(self, sending: Sending, what: What) -> list[File]:
        return [
            file for file in self.files if file.sending is sending and file.kind == kind_of(what)
        ]

    def is_mistakable(self, sending: Sending, kind: Kind) -> bool:
        """Whether a file of another replica ended, meanwhile, that nobody can tell from one of this sending.

        LiveIntent lists action, type, time and number of rows; the rows only of what it has finished. Who lost one file
        twice trusts the number of rows no more.
        """
        sizes = sending.sizes.get(kind, set())
        blind = self._has_lost_one_twice(sending.replica)
        since = sending.first_mint.get(kind, NEVER) - TIMES.clock_skew_seconds
        return any(
            file.sending.replica != sending.replica
            and file.kind == kind
            and file.stored_at >= since
            and file.has_ended(self.time.seconds)
            and (blind or not file.has_finished(self.time.seconds) or sizes & file.sizes)
            for file in self.files
        )

    def _has_lost_one_twice(self, replica: int) -> bool:
        lost = Counter(
            (file.sending.number, file.kind)
            for file in self.files
            if file.was_lost and file.sending.replica == replica
        )
        return max(lost.values(), default=0) > 1

    def _expect_nothing_open(
        self, sending: Sending, audience: AudienceId, request: UploadRequest, *, rows: Sequence[str]
    ) -> None:
        """At most one unfinished upload of one replica in one audience, unless it is this same file once more."""
        for file in self.files:
            ours = file.sending.replica == sending.replica and file.audience == audience
            if not ours or not file.is_open(self.time.seconds):
                continue
            if self._is_excused(file):
                self.overtaken.update(file.rows)
                continue
            is_kind = file.sending is sending and file.kind == asked_kind(request)
            if not (is_kind and (not rows or set(rows) & set(file.rows))):
                self.breaches.append(
                    f"{asked_kind(request)} of sending {sending.number} is sent while "
                    f"{file.kind} of {file.sending.number} is unfinished"
                )

    def _expect_an_end(
        self, sending: Sending, audience: AudienceId, request: UploadRequest, *, rows: Sequence[str]
    ) -> None:
        """A file is sent again so often after an Error, and once after it was not listed; in one audience."""
        files = [
            file
            for file in self.files
            if file.sending is sending
            and file.audience == audience
            and file.kind == asked_kind(request)
            and set(rows) & set(file.rows)
        ]
        # One that was found again as an Error may be sent again for that.
        lost = sum(file.is_lost and file.certain for file in files)
        now = self.time.seconds
        errors = sum(
            not file.was_lost and file.life.end == "Error" and file.has_ended(now) for file in files
        )
        # An Error of one whose storing was never confirmed passes for an Error of the one sent in its place.
        mistaken = sum(not file.certain and file.life.end == "Error" for file in files)
        if lost > 1 + mistaken:
            self.breaches.append("sent again although it was lost twice")
        if errors > TIMES.error_attempts:
            self.breaches.append("sent again although it had ended with Error often enough")

    def _is_excused(self, file: File) -> bool:
        """What nobody follows any more is waited for only so long."""
        age_seconds = self.time.seconds - file.stored_at
        twice = (
            len(
                [
                    each
                    for each in self.files
                    if each.sending is file.sending and each.kind == file.kind
                ]
            )
            > 1
        )
        unfollowed = file.sending.given_up or not file.certain or twice
        too_late = unfollowed and age_seconds >= TIMES.earlier_deadline_seconds
        return too_late or self.is_mistakable(file.sending, file.kind)


class Line:
    """One replica's calls to LiveIntent. Before and after everything that happens there time may pass."""

    def __init__(self, world: World, delays: Sequence[float]) -> None:
        self._world = world
        self._time = world.time
        self._delays = cycle(delays)
        self.mint_faults: deque[Decided[SignedUrl]] = deque()
        self.store_faults: deque[str] = deque()
        self.arrives_when_cancelled = False
        self.lease = Lease(world.time)

    async def mint(self, audience: AudienceId, upload: UploadRequest) -> Decided[SignedUrl]:
        await self._pause()
        if audience != self._world.audience:
            return NotFound()
        if self.mint_faults:
            SENDING.get().mints_refused += 1
            return self.mint_faults.popleft()
        url, date = self._world.mint(audience, upload), self._time.utc_now
        await self._pause()
        return Success(url, date)

    async def store(
        self, audience: AudienceId, url: SignedUrl, content: Content, *, rows: int
    ) -> Outcome[None] | Withdrawn:
        await self._pause()
        fault = self.store_faults.popleft() if self.store_faults else ""
        if fault == URL_GROWS_OLD:
            await self._time.sleep(TIMES.signed_url_max_age_seconds + 1)
        file = await content()
        if file is None:
            return Withdrawn()
        self._check(file, url)
        try:
            await self._pause()
        except BaseException:
            if self.arrives_when_cancelled:
                self._world.store(url, file, certain=False)
            raise
        SENDING.get().too_large += fault == TOO_LARGE
        if fault in _NOT_STORED:
            return _NOT_STORED[fault]
        certain = fault != STORED_THEN_SILENCE
        self._world.store(url, file, certain=certain)
        await self._pause()
        return Success(None) if certain else RetryLater(RetryCause.TIMEOUT)

    async def uploads_since(
        self, audience: AudienceId, since: datetime, *, line: turns.Line = turns.Line.ORDINARY
    ) -> Decided[list[UploadEntry]]:
        await self._pause()
        if audience != self._world.audience:
            return NotFound()
        if self._time.seconds < self._world.list_refused_until:
            return BAD_REQUEST
        return Success(self._world.entries(audience, since))

    async def put_off(self, operation: Operation, why: RetryLater, *, attempt: int) -> None:
        await self._time.sleep(min(2.0**attempt, 300.0))

    async def _pause(self) -> None:
        await self._time.sleep(next(self._delays))

    def _check(self, file: bytes, url: SignedUrl) -> None:
        breaches, batch = self._world.breaches, SENDING.get().batch
        if batch.released.intersection(file.decode().splitlines()):
            breaches.append("released rows are in a file made afterwards")
        if not self.lease.held:
            breaches.append("a file was made without a lease")
        _, request, minted_at = self._world.minted[url.url]
        SENDING.get().sizes.setdefault(asked_kind(request), set()).add(file.count(b"\n"))
        age_seconds = (self._time.utc_now - minted_at).total_seconds()
        if age_seconds > TIMES.signed_url_max_age_seconds + 2 * MAX_DELAY_SECONDS:
            breaches.append("a file went to a URL that had grown old")


MAX_DELAY_SECONDS = 7.0


class Lease:
    """Kafka's word that our partitions are still ours."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.held = True

    def holds(self) -> bool:
        return self.held

    async def renew(self) -> bool:
        if not self.held:
            await self._time.sleep(1)
        return self.held


class Resolver:
    """The directory, as far as an uploader sees it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: AudienceId | None = None

    async def resolve(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        if self._known is None:
            await self._world.time.sleep(1)
            self._known = self._world.audience
        return self._known

    async def find(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        return await self.resolve(key)

    def forget(self, key: AudienceKey) -> None:
        self._known = None


def kind_of(what: What) -> Kind:
    return what[0].name, what[1].value


def asked_kind(request: UploadRequest) -> Kind:
    return request.action, request.identifier_type
