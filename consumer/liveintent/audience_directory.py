"""Which LiveIntent audience a Segment audience is: found by name, or created, and remembered.

Creating is not idempotent at LiveIntent and its search may lag, so: search first, create once, and after any doubt search
again before creating again. Of several Active audiences of one name the earliest created wins, then the lowest id; every
replica that follows this rule ends with the same one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from consumer.audience.membership import AudienceKey, is_audience_name
from consumer.choices import OnArchived, OnDeleted
from consumer.liveintent.api_calls import AudienceCalls
from consumer.liveintent.audience_lookup import AudienceFinder, Unreadable
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import Account, DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.liveintent.upload_outcome import Refused, Success
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

ACTIVE = "Active"
ARCHIVED = "Archived"
DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class AudienceRefused:
    """There is no audience to send to, and there will be none until somebody acts. `detail` is for people."""

    detail: str


@dataclass(frozen=True, slots=True)
class _Undecided:
    """Neither found nor refused: to be asked again later."""

    detail: str


@dataclass(frozen=True, slots=True)
class _Known:
    """A mapping. `young`: another audience of the same name may still turn up, so the name is looked up once more."""

    id: AudienceId
    checked_at: float
    young: bool


class AudienceDirectory:
    """Resolves audiences for the whole process, one search or create at a time for each name."""

    def __init__(
        self,
        api: AudienceCalls,
        account: Account,
        policy: DirectoryPolicy,
        metrics: Metrics,
        *,
        clock: Clock,
    ) -> None:
        self._api = api
        self._account = account
        self._policy = policy
        self._metrics = metrics
        self._clock = clock
        self._finder = AudienceFinder(api, account, start=policy.audience_lookup)
        self._locks: dict[AudienceKey, asyncio.Lock] = {}
        self._known: dict[AudienceKey, _Known] = {}
        self._unsettled: set[AudienceKey] = set()
        self._refusals: dict[AudienceKey, str] = {}
        self._conflicts: dict[AudienceKey, tuple[AudienceId, ...]] = {}

    @property
    def mappings(self) -> dict[AudienceKey, AudienceId]:
        """What is remembered now, for the status page."""
        return {key: known.id for key, known in self._known.items()}

    async def resolve(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        """The audience to upload to.

        Waits as long as LiveIntent leaves it undecided. Safe to cancel: a create that was under way is settled by
        searching when the name is next asked for.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            park_seconds = self._policy.park_seconds
            while isinstance(resolved := await self._resolve(key), _Undecided):
                log.error(
                    "An audience can neither be found nor created; asking again later.",
                    audience=key,
                    detail=resolved.detail,
                    wait_seconds=park_seconds,
                )
                await self._clock.sleep(park_seconds)
                park_seconds = min(2 * park_seconds, self._policy.park_max_seconds)
            self._note_refusal(key, resolved)
            return resolved

    def forget(self, key: AudienceKey) -> None:
        """LiveIntent does not know the audience any more: look it up anew."""
        self._known.pop(key, None)

    async def _resolve(self, key: AudienceKey) -> AudienceId | AudienceRefused | _Undecided:
        if key in self._policy.audience_ids:
            return await self._configured(key)
        known = self._known.get(key)
        if known is not None and not self._is_old(known):
            return known.id
        if known is not None and not known.young and await self._is_active(known.id):
            self._known[key] = replace(known, checked_at=self._clock.now())
            return known.id
        return await self._by_name(key, known)

    async def _configured(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        audience = AudienceId(self._policy.audience_ids[key])
        known = self._known.get(key)
        if known is not None and not self._is_old(known):
            return audience
        if not await self._is_active(audience):
            return AudienceRefused(f"Audience {audience}, set for {key}, is not an active one.")
        self._known[key] = _Known(audience, self._clock.now(), young=False)
        return audience

    async def _by_name(
        self, key: AudienceKey, known: _Known | None
    ) -> AudienceId | AudienceRefused | _Undecided:
        name = self._policy.name_prefix + key
        if not is_audience_name(name):
            return AudienceRefused(f"{name!r} cannot be the name of a LiveIntent audience.")
        rows = await self._finder.find(name)
        if isinstance(rows, Unreadable):
            return _Undecided(rows.detail)
        if not rows and known is not None and await self._is_active(known.id):
            # Renamed at LiveIntent, or not searchable yet. The id is what counts.
            return self._remember(key, known.id, young=False)
        if usable := usable_rows(rows):
            return self._settle_on(key, usable, checked=known is not None)
        self._known.pop(key, None)
        return await self._without_active(key, name, rows)

    async def _without_active(
        self, key: AudienceKey, name: str, rows: Sequence[AudienceRow]
    ) -> AudienceId | AudienceRefused | _Undecided:
        archived = sorted((row for row in rows if row.status == ARCHIVED), key=precedence)
        if archived:
            return await self._archived(key, archived[0])
        if rows and self._policy.on_deleted is OnDeleted.FAIL:
            return AudienceRefused(
                f"The audience {name} was deleted at LiveIntent. Create it there, or let it be created anew."
            )
        if not self._policy.auto_create:
            return AudienceRefused(f"LiveIntent has no audience {name}, and none is to be created.")
        return await self._create(key, name)

    async def _archived(
        self, key: AudienceKey, row: AudienceRow
    ) -> AudienceId | AudienceRefused | _Undecided:
        if self._policy.on_archived is OnArchived.FAIL:
            return AudienceRefused(f"The audience {row.name} ({row.id}) is archived at LiveIntent.")
        outcome = await self._api.activate(row.id)
        match outcome:
            case Success():
                log.warning("An archived audience was activated.", audience=key, audience_id=row.id)
                return self._remember(key, row.id, young=False)
            case Refused():
                return AudienceRefused(f"LiveIntent does not activate {row.name}: {outcome}")
            case _:
                return _Undecided(f"Activating {row.name} came to nothing: {outcome}")

    async def _create(
        self, key: AudienceKey, name: str
    ) -> AudienceId | AudienceRefused | _Undecided:
        """One create, and only after a search in vain a second one."""
        for _ in range(2):
            if key in self._unsettled:
                if found := await self._search_until_found(name):
                    return self._settle_on(key, found)
                self._unsettled.discard(key)
            self._unsettled.add(key)  # also when we are cancelled in the middle of it
            outcome = await self._api.create(self._account, name)
            match outcome:
                case Success(row):
                    return await self._created(key, row)
                case Refused():
                    self._unsettled.discard(key)
                    return AudienceRefused(f"LiveIntent does not create {name}: {outcome}")
                case _:
                    log.warning(
                        "A create may or may not have happened.", audience=key, outcome=str(outcome)
                    )
        if found := await self._search_until_found(name):
            return self._settle_on(key, found)
        return _Undecided("Two creates had an unknown outcome, and no search finds the audience.")

    async def _created(self, key: AudienceKey, row: AudienceRow) -> AudienceId:
        """Our new audience, or the one another replica created before it.

        Whoever sees its own audience in the search sees every earlier one too, so all replicas choose alike.
        """
        self._metrics.audiences_created.inc()
        log.info("An audience was created.", audience=key, audience_id=row.id)
        # Already old, so that a cancel here leads to another look at the name.
        self._known[key] = _Known(row.id, float("-inf"), young=True)
        found = await self._search_until_found(row.name, audience=row.id, waits=(0.0,))
        return self._settle_on(key, found or [row])

    async def _search_until_found(
        self, name: str, *, audience: AudienceId | None = None, waits: tuple[float, ...] = ()
    ) -> list[AudienceRow]:
        """The usable audiences of this name, once there is one (once `audience` is among them)."""
        found: list[AudienceRow] = []
        for wait in (*waits, *self._policy.settle_waits_seconds):
            await self._clock.sleep(wait)
            rows = await self._finder.find(name)
            found = [] if isinstance(rows, Unreadable) else usable_rows(rows)
            if found and (audience is None or any(row.id == audience for row in found)):
                break
        return found

    def _settle_on(
        self, key: AudienceKey, usable: Sequence[AudienceRow], *, checked: bool = False
    ) -> AudienceId:
        self._unsettled.discard(key)
        winner = min(usable, key=precedence)
        self._note_conflict(key, winner, usable)
        age_seconds = (self._clock.utc_now() - winner.created_at).total_seconds()
        return self._remember(
            key, winner.id, young=not checked and age_seconds < self._policy.young_seconds
        )

    def _remember(self, key: AudienceKey, audience: AudienceId, *, young: bool) -> AudienceId:
        self._known[key] = _Known(audience, self._clock.now(), young)
        return audience

    def _note_refusal(self, key: AudienceKey, resolved: AudienceId | AudienceRefused) -> None:
        if not isinstance(resolved, AudienceRefused):
            self._refusals.pop(key, None)
        elif self._refusals.get(key) != resolved.detail:
            self._refusals[key] = resolved.detail
            log.error("An audience cannot be sent to.", audience=key, detail=resolved.detail)

    def _note_conflict(
        self, key: AudienceKey, winner: AudienceRow, usable: Sequence[AudienceRow]
    ) -> None:
        ids = tuple(sorted(row.id for row in usable))
        if len(ids) == 1:
            self._conflicts.pop(key, None)
        elif self._conflicts.get(key) != ids:
            self._conflicts[key] = ids
            log.error(
                "Several active audiences have one name; the earliest is used. Archive the others.",
                audience=key,
                used_id=winner.id,
                other_ids=[other for other in ids if other != winner.id],
            )
        self._metrics.audience_conflicts.set(len(self._conflicts))

    async def _is_active(self, audience: AudienceId) -> bool:
        outcome = await self._api.get(audience)
        return isinstance(outcome, Success) and outcome.value.status not in {ARCHIVED, DELETED}

    def _is_old(self, known: _Known) -> bool:
        return self._clock.now() - known.checked_at >= self._policy.recheck_seconds


def usable_rows(rows: Sequence[AudienceRow]) -> list[AudienceRow]:
    """The Active ones; without any, those whose status is a word we do not know: rather that than a second audience."""
    active = [row for row in rows if row.status == ACTIVE]
    return active or [row for row in rows if row.status not in {ARCHIVED, DELETED}]


def precedence(row: AudienceRow) -> tuple[object, ...]:
    """Sort key: of several audiences of one name the earliest created is used, then the lowest id, by every replica."""
    return (row.created_at, row.id)
