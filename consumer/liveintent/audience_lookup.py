"""Finds every audience of one name, by whichever way of looking LiveIntent lets us use."""

import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from consumer.choices import AudienceLookup
from consumer.liveintent.api_calls import AudienceCalls
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import AudienceRow, OffsetPage
from consumer.liveintent.upload_outcome import Success

log = structlog.get_logger(__name__)

PAGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """LiveIntent's audiences could not be listed by any way we know."""

    detail: str


_Way = Callable[[str], Awaitable[list[AudienceRow] | Unreadable]]


class AudienceFinder:
    """Looks names up. A way LiveIntent refuses (400) is not tried again in this process.

    LiveIntent's OpenAPI declares its name filter with a number, so the first way may well be refused; names are compared
    here in any case.
    """

    def __init__(self, api: AudienceCalls, account: Account, *, start: AudienceLookup) -> None:
        self._api = api
        self._account = account
        searches = {
            AudienceLookup.SEARCH_V2: [self._search_v2_by_name, self._search_v2],
            AudienceLookup.SEARCH_V1: [self._search_v1_by_name, self._search_v1],
            AudienceLookup.LIST: [],
        }
        self._ways: list[_Way] = [*searches[start], self._list]
        self._ways_without_name: list[_Way] = [*searches[start][1:], self._list]

    async def find(self, name: str) -> list[AudienceRow] | Unreadable:
        """Our account's and data provider's audiences of exactly this name, of any status."""
        unreadable = Unreadable("No way to look for audiences is left.")
        refused: list[_Way] = []
        for way in tuple(self._ways):
            rows = await way(name)
            if isinstance(rows, list):
                self._forget_refused(refused)
                return self._of_ours(rows, name)
            unreadable = rows
            refused.append(way)
        return unreadable

    async def find_all(self) -> list[AudienceRow] | Unreadable:
        """Our account's and data provider's audiences of any name and any status."""
        unreadable = Unreadable("No way to look for audiences is left.")
        for way in self._ways_without_name:
            rows = await way("")
            if isinstance(rows, list):
                return self._of_our_account(rows)
            unreadable = rows
        return unreadable

    def _forget_refused(self, refused: list[_Way]) -> None:
        if any(way in refused for way in self._ways):
            log.warning("LiveIntent refuses our first way to look for audiences; another works.")
            self._ways = [way for way in self._ways if way not in refused]

    def _of_ours(self, rows: Iterable[AudienceRow], name: str) -> list[AudienceRow]:
        return self._of_our_account(row for row in rows if row.name == name)

    def _of_our_account(self, rows: Iterable[AudienceRow]) -> list[AudienceRow]:
        """Each once: pages may shift while they are read."""
        ours = {
            row.id: row
            for row in rows
            if row.account_id == self._account.account_id
            and row.data_provider_id == self._account.data_provider_id
        }
        return list(ours.values())

    async def _search_v2_by_name(self, name: str) -> list[AudienceRow] | Unreadable:
        return await self._by_cursor(name)

    async def _search_v2(self, _name: str) -> list[AudienceRow] | Unreadable:
        return await self._by_cursor(None)

    async def _search_v1_by_name(self, name: str) -> list[AudienceRow] | Unreadable:
        return await self._by_page(
            lambda page: self._api.search_v1(self._account, name=name, page=page)
        )

    async def _search_v1(self, _name: str) -> list[AudienceRow] | Unreadable:
        return await self._by_page(
            lambda page: self._api.search_v1(self._account, name=None, page=page)
        )

    async def _list(self, _name: str) -> list[AudienceRow] | Unreadable:
        return await self._by_page(lambda page: self._api.list_audiences(page=page))

    async def _by_cursor(self, name: str | None) -> list[AudienceRow] | Unreadable:
        rows: list[AudienceRow] = []
        cursors: set[str] = set()
        cursor: str | None = None
        while len(cursors) < PAGES_MAX:
            outcome = await self._api.search_v2(self._account, name=name, cursor=cursor)
            if not isinstance(outcome, Success):
                return Unreadable(f"Search refused: {outcome}")
            rows += outcome.value.items
            cursor = outcome.value.next
            if cursor is None:
                return rows
            if cursor in cursors:
                break
            cursors.add(cursor)
        # An incomplete search must not pass for "does not exist": that would create the audience again.
        return Unreadable("The search does not come to its last page.")

    async def _by_page(
        self, call: Callable[[int], Awaitable[Decided[OffsetPage[AudienceRow]]]]
    ) -> list[AudienceRow] | Unreadable:
        rows: list[AudienceRow] = []
        for page in itertools.count(1):
            outcome = await call(page)
            if not isinstance(outcome, Success):
                return Unreadable(f"Search refused: {outcome}")
            rows += outcome.value.items
            if page >= outcome.value.pages:
                return rows
            if page >= PAGES_MAX:
                break
        return Unreadable("The list of audiences does not come to its last page.")
