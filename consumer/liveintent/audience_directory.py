"""Which LiveIntent audience a Segment audience is: found by name, or created, and remembered.

Creating is not idempotent at LiveIntent and its search may lag, so: search first, create once, and after any doubt search
again before creating again. Of several Active audiences of one name the earliest created wins, then the lowest id; every
replica that follows this rule ends with the same one.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from consumer.audience.membership import AudienceKey, is_audience_name
from consumer.choices import OnArchived, OnDeleted
from consumer.liveintent.api_calls import AudienceCalls
from consumer.liveintent.audience_answers import Absent, AudienceRefused, Undecided
from consumer.liveintent.audience_by_id import SETTING, judged_by_id
from consumer.liveintent.audience_choice import (
    ARCHIVED,
    DELETED,
    NameConflicts,
    precedence,
    usable_rows,
    warn_of_another_name,
)
from consumer.liveintent.audience_locks import AudienceLocks
from consumer.liveintent.audience_lookup import AudienceFinder, Unreadable
from consumer.liveintent.audience_memory import AudienceMemory, Known
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import Account, DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.liveintent.upload_outcome import Refused, Success
from consumer.telemetry.metrics import Metrics

__all__ = ["Absent", "AudienceDirectory", "AudienceRefused"]

log = structlog.get_logger(__name__)


_Resolved = AudienceId | AudienceRefused | Absent
_IfNone = Callable[[AudienceKey, str], Awaitable[_Resolved | Undecided]]
"""What to do when LiveIntent shows no audience of a name."""


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
        self._locks = AudienceLocks()
        self._memory = AudienceMemory(policy, clock)
        self._unsettled: set[AudienceKey] = set()
        self._refusals: dict[AudienceKey, str] = {}
        self._conflicts = NameConflicts(metrics)

    @property
    def mappings(self) -> dict[AudienceKey, AudienceId]:
        """What is remembered now, for the status page."""
        return self._memory.ids

    async def resolve(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        """The audience to upload to.

        Waits as long as LiveIntent leaves it undecided. Safe to cancel: a create that was under way is settled by
        searching when the name is next asked for.
        """
        resolved = await self._decided(key, self._create)
        if isinstance(resolved, Absent):
            raise TypeError("an audience that could be created was called absent")
        return resolved

    async def find(self, key: AudienceKey) -> AudienceId | AudienceRefused | Absent:
        """The same, but an audience LiveIntent does not have is not created.

        It counts as absent when searches do not show it for as long as they may lag behind a create.
        """
        return await self._decided(key, self._absent)

    def forget(self, key: AudienceKey) -> None:
        """LiveIntent does not take the audience any more: look it up anew."""
        if (known := self._memory.get(key)) is not None:
            self._memory.doubt(key, known.id)

    async def _decided(self, key: AudienceKey, if_none: _IfNone) -> _Resolved:
        async with self._locks.alone(key):
            park_seconds = self._policy.park_seconds
            while isinstance(resolved := await self._resolve(key, if_none), Undecided):
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

    async def _resolve(self, key: AudienceKey, if_none: _IfNone) -> _Resolved | Undecided:
        if (audience := self._memory.fresh(key)) is not None:
            return audience
        known = self._memory.get(key)
        if key in self._policy.audience_ids:
            return await self._configured(key, known)
        if (
            known is not None
            and self._clock.now() < known.name_due_at
            and await self._active(known.id) is not None
        ):
            return self._memory.checked(key, known)
        return await self._by_name(key, known, if_none)

    async def _configured(
        self, key: AudienceKey, known: Known | None
    ) -> AudienceId | AudienceRefused | Undecided:
        audience = AudienceId(self._policy.audience_ids[key])
        row = judged_by_id(await self._api.get(audience), key, audience, account=self._account)
        if not isinstance(row, AudienceRow):
            return row
        if row.status == ARCHIVED:
            return await self._archived(key, row)
        if known is None:
            warn_of_another_name(key, row, expected=self._policy.name_prefix + key)
        return self._remember(key, row)

    async def _by_name(
        self, key: AudienceKey, known: Known | None, if_none: _IfNone
    ) -> _Resolved | Undecided:
        name = self._policy.name_prefix + key
        if not is_audience_name(name, self._policy.name_max):
            return AudienceRefused(f"{name!r} cannot be the name of a LiveIntent audience.")
        rows = await self._finder.find(name)
        if not isinstance(rows, Unreadable):
            if taken := [row.id for row in rows if row.id in self._policy.audience_ids.values()]:
                return AudienceRefused(
                    f"The audience {name} ({taken[0]}) is another's by {SETTING}."
                )
            if usable := usable_rows(rows):
                return self._settle_on(key, usable)
            self._conflicts.note(key, ())
        if known is not None and (row := await self._active(known.id)) is not None:
            # Renamed at LiveIntent, or not searchable yet. The id is what counts.
            return self._remember(key, row)
        if isinstance(rows, Unreadable):
            return Undecided(rows.detail)
        if self._memory.drop(key) and not rows:
            self._unsettled.add(key)  # perhaps neither its id nor its name is known everywhere yet
        existing = await self._existing(key, name, rows)
        return existing if existing is not None else await if_none(key, name)

    async def _existing(
        self, key: AudienceKey, name: str, rows: Sequence[AudienceRow]
    ) -> AudienceId | AudienceRefused | Undecided | None:
        """What all audiences of this name lead to; None when there is none, or only such as another may replace."""
        if usable := usable_rows(rows):
            return self._settle_on(key, usable)
        archived = sorted((row for row in rows if row.status == ARCHIVED), key=precedence)
        if archived:
            return await self._archived(key, archived[0])
        if rows and self._policy.on_deleted is OnDeleted.FAIL:
            return AudienceRefused(
                f"The audience {name} was deleted at LiveIntent. Create it there, or let it be created anew."
            )
        return None

    async def _archived(
        self, key: AudienceKey, row: AudienceRow
    ) -> AudienceId | AudienceRefused | Undecided:
        if self._policy.on_archived is OnArchived.FAIL:
            return AudienceRefused(f"The audience {row.name} ({row.id}) is archived at LiveIntent.")
        outcome = await self._api.activate(row.id)
        match outcome:
            case Success(activated):
                log.warning("An archived audience was activated.", audience=key, audience_id=row.id)
                return self._remember(key, activated)
            case Refused():
                return AudienceRefused(f"LiveIntent does not activate {row.name}: {outcome}")
            case _:
                return Undecided(f"Activating {row.name} came to nothing: {outcome}")

    async def _create(
        self, key: AudienceKey, name: str
    ) -> AudienceId | AudienceRefused | Undecided:
        """One create, and only after a search in vain a second one."""
        if not self._policy.auto_create:
            return AudienceRefused(f"LiveIntent has no audience {name}, and none is to be created.")
        for _ in range(2):
            if key in self._unsettled and (settled := await self._settled(key, name)) is not None:
                return settled
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
        return await self._settled(key, name) or Undecided(
            "Two creates had an unknown outcome, and no search finds the audience."
        )

    async def _absent(self, key: AudienceKey, name: str) -> _Resolved | Undecided:
        """Somebody may have created it a moment ago, and put people in."""
        return await self._settled(key, name) or Absent()

    async def _settled(
        self, key: AudienceKey, name: str
    ) -> AudienceId | AudienceRefused | Undecided | None:
        """What became of a create of unknown outcome; None when nothing did."""
        rows = await self._search_until(name, lambda rows: bool(usable_rows(rows)))
        if isinstance(rows, Unreadable):  # which is not the same as empty
            return Undecided(rows.detail)
        return await self._existing(key, name, rows)

    async def _created(
        self, key: AudienceKey, row: AudienceRow
    ) -> AudienceId | AudienceRefused | Undecided:
        """Our new audience, or the one another replica created before it.

        Whoever sees its own audience in the search sees every earlier one too, so all replicas choose alike.
        """
        self._metrics.audiences_created.inc()
        log.info("An audience was created.", audience=key, audience_id=row.id)
        # Already old, so that a cancel here leads to another look at the name.
        self._memory.doubt(key, row.id)

        seen: Sequence[AudienceRow] = [row]

        def is_listed(rows: Sequence[AudienceRow]) -> bool:
            nonlocal seen
            listed = any(each.id == row.id for each in rows)
            seen = rows if listed else [*rows, row]
            return listed

        # Should later searches be refused, what an earlier one showed still counts.
        await self._search_until(row.name, is_listed, at_once=(0.0,))
        return await self._existing(key, row.name, seen) or Undecided(
            f"{row.name} was deleted as soon as it was created."
        )

    async def _search_until(
        self,
        name: str,
        enough: Callable[[Sequence[AudienceRow]], bool],
        *,
        at_once: tuple[float, ...] = (),
    ) -> Sequence[AudienceRow] | Unreadable:
        """The audiences of this name, once they are `enough`; else those of the last search."""
        rows: Sequence[AudienceRow] | Unreadable = []
        for wait in (*at_once, *self._policy.settle_waits_seconds):
            await self._clock.sleep(wait)
            rows = await self._finder.find(name)
            if not isinstance(rows, Unreadable) and enough(rows):
                break
        return rows

    def _settle_on(self, key: AudienceKey, usable: Sequence[AudienceRow]) -> AudienceId:
        self._unsettled.discard(key)
        self._conflicts.note(key, usable)
        return self._remember(key, min(usable, key=precedence))

    def _remember(self, key: AudienceKey, row: AudienceRow) -> AudienceId:
        return self._memory.remember(key, row, has_rivals=key in self._conflicts)

    def _note_refusal(self, key: AudienceKey, resolved: _Resolved) -> None:
        if not isinstance(resolved, AudienceRefused):
            self._refusals.pop(key, None)
        elif self._refusals.get(key) != resolved.detail:
            self._refusals[key] = resolved.detail
            log.error("An audience cannot be sent to.", audience=key, detail=resolved.detail)

    async def _active(self, audience: AudienceId) -> AudienceRow | None:
        outcome = await self._api.get(audience)
        if not isinstance(outcome, Success) or outcome.value.status in {ARCHIVED, DELETED}:
            return None
        return outcome.value
