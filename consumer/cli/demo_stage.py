"""Looks at a running demo from outside: the service's books and lanes, the stand-ins' own word for the rest."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from consumer.cli.demo_feed import DemoFeed
from consumer.cli.demo_verdict import Evidence, Verdict, verdict_on
from consumer.cli.demo_view import AudienceView, Moment
from consumer.cli.demo_world import DemoWorld
from consumer.sandbox.liveintent_server import LiveIntentSandbox
from consumer.sandbox.oracle import Members
from consumer.telemetry.books import BooksSnapshot
from consumer.telemetry.status import LaneStatus, Status

_ADD = "ADD"


class DemoService(Protocol):
    """What a demo needs of the service."""

    http_port: int | None
    """Where the status page is served; None before the start."""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises SegmentLiveIntentError."""
        ...

    def status(self) -> Status | None:
        """Everything about this moment; None before the start."""
        ...

    def books(self) -> BooksSnapshot:
        """The counts of this moment."""
        ...


class Stage:
    """One demo, looked at. `planned` is None for one that goes on until it is stopped."""

    def __init__(
        self,
        world: DemoWorld,
        service: DemoService,
        feed: DemoFeed,
        *,
        planned: int | None,
        now: Callable[[], float],
    ) -> None:
        self.world = world
        self.service = service
        self.feed = feed
        self._planned = planned
        self._now = now
        self._started_at = now()
        self._rested_after: float | None = None

    def finished(self) -> int:
        """Records that have come to their end."""
        books = self.service.books()
        return books.consumed - books.released - books.pending

    def rest(self) -> None:
        """Stop the clock: what comes now is not the feed's doing."""
        self._rested_after = self._now() - self._started_at

    def moment(self) -> Moment:
        """What there is to see while the service runs."""
        status = self.service.status()
        return self._moment(() if status is None else status.lanes)

    def last_moment(self) -> Moment:
        """What there is to see once it has stopped."""
        return self._moment(())

    async def verdict(self) -> Verdict:
        """Compare the end with what the feed meant. For a service that has stopped."""
        evidence = Evidence(
            produced=self.feed.produced,
            books=self.service.books(),
            uncommitted=await self.world.uncommitted(),
            members=members_at(self.world.liveintent),
            breaches=tuple(str(breach) for breach in self.world.liveintent.breaches),
        )
        oracle = self.feed.oracle
        return verdict_on(evidence, oracle.outcomes(), oracle.members())

    def _moment(self, lanes: tuple[LaneStatus, ...]) -> Moment:
        elapsed = self._now() - self._started_at
        return Moment(
            produced=self.feed.produced,
            planned=self._planned,
            elapsed_seconds=elapsed if self._rested_after is None else self._rested_after,
            books=self.service.books(),
            audiences=audience_views(self.world.liveintent, lanes),
            page_url=f"http://127.0.0.1:{self.service.http_port}",
        )


def members_at(liveintent: LiveIntentSandbox) -> Members:
    """Who is in which audience, by LiveIntent's own word."""
    return {audience.name: liveintent.members(audience.name) for audience in liveintent.audiences()}


def audience_views(
    liveintent: LiveIntentSandbox, lanes: tuple[LaneStatus, ...]
) -> tuple[AudienceView, ...]:
    """Every audience the service or LiveIntent knows, by name. Rows count once their file is finished."""
    by_name = {lane.audience: lane for lane in lanes}
    members = Counter[str]()
    for audience in liveintent.audiences():
        members[audience.name] += audience.member_count
    added, removed, files = Counter[str](), Counter[str](), Counter[str]()
    for upload in liveintent.uploads():
        files[upload.audience_name] += 1
        if upload.finished_at is not None:
            rows = added if upload.action.upper() == _ADD else removed
            rows[upload.audience_name] += upload.rows
    return tuple(
        AudienceView(
            name=name,
            waiting=by_name[name].waiting_changes if name in by_name else 0,
            in_flight=by_name[name].in_flight_changes if name in by_name else 0,
            members=members[name],
            added=added[name],
            removed=removed[name],
            uploads=files[name],
        )
        for name in sorted(members.keys() | by_name.keys())
    )
