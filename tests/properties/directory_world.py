"""LiveIntent's audiences as a model: what there is, what each replica was shown of it, and what it did about it.

What must never happen is written down in `breaches` at the moment it happens, when all of the truth is at hand.
"""

from collections import deque
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import count, cycle

from consumer.audience.membership import AudienceKey
from consumer.choices import OnDeleted
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Account, DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow, CursorPage, OffsetPage
from consumer.liveintent.upload_outcome import (
    NotFound,
    OutcomeUnknown,
    Refused,
    RetryCause,
    Success,
)
from tests.unit.liveintent.fake_liveintent import ACCOUNT, BAD_REQUEST
from tests.unit.liveintent.virtual_time import VirtualTime

ACTIVE, ARCHIVED, DELETED = "Active", "Archived", "Deleted"
PAGE_SIZE = 2

CREATED_THEN_SILENCE = "created, then silence"
CREATED_THEN_500 = "created, then a 500"
SILENCE = "nothing but silence"
FAILED = "a 500, and nothing created"
REFUSED = "400"
CREATE_FAULTS = (CREATED_THEN_SILENCE, CREATED_THEN_500, SILENCE, FAILED, REFUSED)
_TOLD: dict[str, OutcomeUnknown | Refused] = {
    CREATED_THEN_SILENCE: OutcomeUnknown(RetryCause.TIMEOUT),
    CREATED_THEN_500: OutcomeUnknown(RetryCause.SERVER_ERROR),
    SILENCE: OutcomeUnknown(RetryCause.TIMEOUT),
    FAILED: OutcomeUnknown(RetryCause.SERVER_ERROR),
    REFUSED: BAD_REQUEST,
}

KEY: ContextVar[AudienceKey] = ContextVar("key")
"""Whose audience is being asked for."""


def usable(rows: Sequence[AudienceRow]) -> list[AudienceRow]:
    """What may be used, the one to use first: the earliest created, then the lowest id."""
    found = [row for row in rows if row.status == ACTIVE]
    found = found or [row for row in rows if row.status not in {ARCHIVED, DELETED}]
    return sorted(found, key=lambda row: (row.created_at, row.id))


class World:
    """LiveIntent's audiences, of which the search shows each only some time after it was created."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.rows: dict[AudienceId, AudienceRow] = {}
        self.searchable_at: dict[AudienceId, float] = {}
        self.lags: deque[float] = deque()
        self.search_refused_until = -1.0
        self.names_refused_until = -1.0
        self.breaches: list[str] = []
        # Neither rising nor falling: that the earliest has the lowest id is not promised.
        self._ids = (900_000 + 389 * number % 1000 for number in count(1))

    def add(self, name: str, *, status: str = ACTIVE, account: Account = ACCOUNT) -> AudienceRow:
        row = AudienceRow(
            id=AudienceId(next(self._ids)),
            name=name,
            account_id=account.account_id,
            data_provider_id=account.data_provider_id,
            status=status,
            created_at=self.time.utc_now,
        )
        self.rows[row.id] = row
        self.searchable_at[row.id] = self.time.seconds + (self.lags.popleft() if self.lags else 0.0)
        return row

    def change(self, audience: AudienceId, *, status: str) -> AudienceRow:
        self.rows[audience] = replace(self.rows[audience], status=status)
        return self.rows[audience]

    def status_of(self, audience: AudienceId | None) -> str:
        row = None if audience is None else self.rows.get(audience)
        return DELETED if row is None else row.status

    def is_named(self, audience: AudienceId | None, name: str) -> bool:
        row = None if audience is None else self.rows.get(audience)
        return row is not None and row.name == name

    def searchable(self) -> list[AudienceRow]:
        now = self.time.seconds
        return [row for row in self.rows.values() if self.searchable_at[row.id] <= now]

    def named(self, name: str) -> list[AudienceRow]:
        """Ours of exactly this name, whether the search shows them or not."""
        return [row for row in self.rows.values() if is_ours(row) and row.name == name]


def is_ours(row: AudienceRow) -> bool:
    return Account(row.account_id, row.data_provider_id) == ACCOUNT


@dataclass
class Look:
    """One search through all pages, for one name. `rows` is None when LiveIntent refused it."""

    began_at: float
    ended_at: float = 0.0
    rows: list[AudienceRow] | None = None


@dataclass
class Memory:
    """What one replica was told about one name."""

    looks: list[Look] = field(default_factory=list)
    pages: list[AudienceRow] = field(default_factory=list)
    began_at: float = 0.0
    posted_at: float = -1.0
    """When its last create was answered, or given up."""
    is_settled: bool = True
    """Whether it was told what became of it."""
    created: dict[AudienceId, AudienceRow] = field(default_factory=dict)
    must_look_after: float = -1.0
    """An upload found it gone at this moment."""
    used: AudienceId | None = None
    """What it last decided to upload to."""
    listed: set[AudienceId] = field(default_factory=set)
    proper: set[AudienceId] = field(default_factory=set)
    """Audiences it was shown under this very name, in our account."""

    @property
    def unlisted(self) -> list[AudienceRow]:
        """What it created itself, and no search has shown it yet."""
        return [row for row in self.created.values() if row.id not in self.listed]

    @property
    def last_look(self) -> Look | None:
        return next((look for look in reversed(self.looks) if look.rows is not None), None)


class Line:
    """One replica's calls to LiveIntent. Before and after everything that happens there time may pass."""

    def __init__(self, world: World, policy: DirectoryPolicy, delays: Sequence[float]) -> None:
        self._world = world
        self._time = world.time
        self._policy = policy
        self._delays = cycle(delays)
        self.create_faults: deque[str] = deque()
        self.activations_refused = 0
        self.forget_everything()

    def forget_everything(self) -> None:
        self.memory: dict[AudienceKey, Memory] = {}
        self.shown: dict[tuple[AudienceKey, AudienceId], tuple[float, AudienceRow | None]] = {}
        """What it last saw of an audience, and when, as it looked for the one of that name."""

    async def search_v2(
        self, account: Account, *, name: str | None, cursor: str | None
    ) -> Decided[CursorPage[AudienceRow]]:
        page = int(cursor or 1)
        rows = await self._page(page, name)
        if rows is None:
            return BAD_REQUEST
        more = page * PAGE_SIZE < len(rows)
        return Success(CursorPage(self._show(page, rows), str(page + 1) if more else None))

    async def search_v1(
        self, account: Account, *, name: str | None, page: int
    ) -> Decided[OffsetPage[AudienceRow]]:
        rows = await self._page(page, name)
        if rows is None:
            return BAD_REQUEST
        return Success(OffsetPage(self._show(page, rows), -(-len(rows) // PAGE_SIZE)))

    async def list_audiences(self, *, page: int) -> Decided[OffsetPage[AudienceRow]]:
        return await self.search_v1(ACCOUNT, name=None, page=page)

    async def create(self, account: Account, name: str) -> Decided[AudienceRow]:
        memory = self.of(KEY.get())
        self._may_create(memory, name)
        memory.is_settled = False
        try:
            return await self._create(memory, name)
        finally:
            memory.posted_at = self._time.seconds

    async def get(self, audience: AudienceId) -> Decided[AudienceRow]:
        await self._pause()
        row = self._world.rows.get(audience)
        self.shown[KEY.get(), audience] = self._time.seconds, row
        await self._pause()
        return NotFound() if row is None else Success(row)

    async def activate(self, audience: AudienceId) -> Decided[AudienceRow]:
        await self._pause()
        if self.activations_refused:
            self.activations_refused -= 1
            return BAD_REQUEST
        if audience not in self._world.rows:
            return NotFound()
        row = self._world.change(audience, status=ACTIVE)
        self.shown[KEY.get(), audience] = self._time.seconds, row
        return Success(row)

    def of(self, key: AudienceKey) -> Memory:
        return self.memory.setdefault(key, Memory())

    async def _create(self, memory: Memory, name: str) -> Decided[AudienceRow]:
        await self._pause()
        fault = self.create_faults.popleft() if self.create_faults else ""
        if fault in {SILENCE, FAILED}:
            return _TOLD[fault]
        if fault == REFUSED:
            memory.is_settled = True
            return _TOLD[fault]
        row = self._world.add(name)
        await self._pause()
        if fault:
            return _TOLD[fault]
        memory.is_settled = True
        memory.created[row.id] = row
        memory.proper.add(row.id)
        self.shown[KEY.get(), row.id] = self._time.seconds, row
        return Success(row)

    def _may_create(self, memory: Memory, name: str) -> None:
        """Once, after a search that shows there is none; and again only if that came to nothing for sure."""
        look = memory.looks[-1] if memory.looks else None
        if look is None or look.rows is None:
            self._world.breaches.append(f"{name}: created without having seen all there is")
            return
        statuses = {row.status for row in look.rows}
        fails = self._policy.on_deleted is OnDeleted.FAIL
        waited_seconds = look.ended_at - memory.posted_at + 0.001
        ours = (
            [*memory.created, memory.used] if self._is_shown_active(memory.used) else memory.created
        )
        # One that was renamed, and that another has taken the place of, is no more in the way.
        known = [each for each in ours if each == memory.used or self._world.is_named(each, name)]
        alive = [each for each in known if self._world.status_of(each) == ACTIVE]
        found = {
            "created beside what the search showed": bool(usable(look.rows))
            or ARCHIVED in statuses,
            "created in the place of a deleted one": bool(look.rows) and fails,
            "created without leave": not self._policy.auto_create,
            "created again without another look": look.began_at < memory.posted_at,
            "created again before the first could be seen": not memory.is_settled
            and waited_seconds < sum(self._policy.settle_waits_seconds),
            "created again while one it knows lives": bool(alive),
        }
        self._world.breaches += [f"{name}: {what}" for what, happened in found.items() if happened]

    def _is_shown_active(self, audience: AudienceId | None) -> bool:
        _, row = self.shown.get((KEY.get(), audience or AudienceId(0)), (0.0, None))
        return row is not None and row.status == ACTIVE

    async def _page(self, page: int, name: str | None) -> list[AudienceRow] | None:
        """All rows of the search whose page is asked for; None when it is refused."""
        memory = self.of(KEY.get())
        if page == 1:
            memory.pages, memory.began_at = [], self._time.seconds
        await self._pause()
        now = self._time.seconds
        by_name = name is not None and now < self._world.names_refused_until
        if by_name or now < self._world.search_refused_until:
            memory.looks.append(Look(memory.began_at, now))
            return None
        return [
            row
            for row in self._world.searchable()
            if name is None or row.name.lower() == name.lower()
        ]

    def _show(self, page: int, rows: list[AudienceRow]) -> list[AudienceRow]:
        key, now = KEY.get(), self._time.seconds
        memory, shown = self.of(key), rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        proper = [row for row in shown if is_ours(row) and row.name == key]
        memory.pages += proper
        memory.listed.update(row.id for row in proper)
        memory.proper.update(row.id for row in proper)
        self.shown.update(((key, row.id), (now, row)) for row in proper)
        if page * PAGE_SIZE >= len(rows):
            # One that moves between two pages may be shown twice.
            last = {row.id: row for row in memory.pages}
            memory.looks.append(Look(memory.began_at, now, list(last.values())))
        return shown

    async def _pause(self) -> None:
        await self._time.sleep(next(self._delays))
