"""What LiveIntent lists for each audience, and what of it was there before a file of ours."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from consumer.liveintent.api_calls import UploadCalls
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import UploadTimes
from consumer.liveintent.shapes import AudienceId, UploadEntry
from consumer.liveintent.turns import Line
from consumer.liveintent.upload_outcome import NotFound, Refused, Success
from consumer.liveintent.upload_tracking import (
    Sought,
    UploadIdentity,
    all_ended,
    identity_of,
    is_terminal,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stray:
    """Files of ours that were, or may have been, stored, and that nobody follows. `until` then they may be listed."""

    sought: Sought
    until: float


@dataclass(frozen=True, slots=True)
class _Remembered:
    looked_at: float
    identities: frozenset[UploadIdentity]
    is_good: bool = True
    """Nothing of ours may have come since, as far as we know."""


class UploadListings:
    """The last look at each audience's uploads, remembered for the next file."""

    def __init__(
        self,
        api: UploadCalls,
        times: UploadTimes,
        *,
        clock: Clock,
        identifier_types: Collection[str],
    ) -> None:
        self._api = api
        self._times = times
        self._clock = clock
        self._identifier_types = identifier_types
        # An upload that is older than this is of no file that is still to come.
        self._kept_seconds = max(
            times.listing_memory_seconds, times.earlier_deadline_seconds + times.clock_skew_seconds
        )
        self._last: dict[AudienceId, _Remembered] = {}
        self._strays: dict[AudienceId, list[Stray]] = {}
        self._take_overs = 0
        self._waited_for: dict[AudienceId, int] = {}
        """The last take-over whose uploads were waited for."""
        self._unreadable: set[AudienceId] = set()
        self._counts_tell = True

    @property
    def counts_tell(self) -> bool:
        """Whether an upload that was counted with another number of rows than ours is taken for another's."""
        return self._counts_tell

    async def look(
        self, audience: AudienceId, since: datetime, *, line: Line = Line.ORDINARY
    ) -> Sequence[UploadEntry] | NotFound | Refused:
        """The audience's uploads scheduled at `since` or later, in no promised order."""
        outcome = await self._api.uploads_since(audience, since, line=line)
        if isinstance(outcome, Success):
            identities = frozenset(identity_of(entry) for entry in outcome.value)
            self._remember(audience, identities)
            self._unreadable.discard(audience)
            return outcome.value
        if isinstance(outcome, NotFound):
            return outcome
        return outcome if isinstance(outcome, Refused) else Refused(0, "", str(outcome))

    async def before_us(self, audience: AudienceId) -> frozenset[UploadIdentity] | NotFound:
        """The uploads that are not the file about to be sent, once none of them is unfinished.

        An upload we do not follow (of a process that crashed, or of the replica that had the audience before us) may hold
        the same people, and LiveIntent promises no order; so it is waited for, up to a deadline.
        """
        strays = self._strays.setdefault(audience, [])
        try:
            return await self._before_us(audience, strays)
        finally:
            if not strays:
                self._strays.pop(audience, None)

    async def _before_us(
        self, audience: AudienceId, strays: list[Stray]
    ) -> frozenset[UploadIdentity] | NotFound:
        if not strays and self._is_fresh(audience):
            return self._last[audience].identities
        since = self._clock.utc_now() - timedelta(
            seconds=self._times.earlier_deadline_seconds + self._times.clock_skew_seconds
        )
        since = min([since, *(stray.sought.since for stray in strays)])
        # Uploads that others start from now on are of people who are theirs; waiting for those too might never end.
        others: frozenset[UploadIdentity] | None = None
        take_over, deadline = -1, 0.0
        wait = self._times.poll_initial_seconds
        # Nothing can set out before the first look; the next ones are for others' uploads to end.
        line = Line.EXPRESS
        while True:
            entries = await self.look(audience, since, line=line)
            line = Line.ORDINARY
            if isinstance(entries, NotFound):
                return entries
            now = self._clock.now()
            if take_over != self._take_overs:
                take_over, others = self._take_overs, None
                deadline = now + self._times.earlier_deadline_seconds
            if isinstance(entries, Refused):
                self._note_unreadable(audience, entries)
                self._drop_ended(strays, ())
            else:
                self._drop_ended(strays, entries)
                unfinished = frozenset(
                    map(identity_of, itertools.filterfalse(is_terminal, entries))
                )
                others = unfinished if others is None else others & unfinished
            if not strays and (others == frozenset() or now >= deadline):
                self._note_unfinished(audience, len(others or ()))
                self._waited_for[audience] = take_over
                return self._last[audience].identities if audience in self._last else frozenset()
            await self._clock.sleep(min(wait, deadline - now) if now < deadline else wait)
            wait = min(wait * self._times.poll_growth, self._times.poll_max_seconds)

    def leave(self, audience: AudienceId, stray: Stray) -> None:
        """These files are followed no further. The next file waits until LiveIntent is done with them, or never had them."""
        self._strays.setdefault(audience, []).append(stray)

    def forget(self, audience: AudienceId) -> None:
        """Something of ours may be under way that nobody follows: look again before the next file."""
        if (last := self._last.get(audience)) is not None:
            self._last[audience] = replace(last, is_good=False)

    def forget_all(self) -> None:
        """Others' work became ours: what they have under way is waited for before the next file of each audience."""
        self._take_overs += 1

    def doubt_counts(self) -> None:
        """An upload that must have been ours had another number of rows: tell uploads by it no more."""
        if self._counts_tell:
            self._counts_tell = False
            log.warning(
                "LiveIntent counts rows otherwise than we do; uploads are not told by their number of rows any more."
            )

    def _remember(self, audience: AudienceId, identities: frozenset[UploadIdentity]) -> None:
        """Those looked at longest ago stand first, and are forgotten when a new look is needed before any use of them."""
        now = self._clock.now()
        self._last.pop(audience, None)
        self._last[audience] = _Remembered(now, identities)
        oldest = next(iter(self._last))
        while now - self._last[oldest].looked_at > self._kept_seconds:
            del self._last[oldest]
            self._waited_for.pop(oldest, None)
            oldest = next(iter(self._last))

    def _is_fresh(self, audience: AudienceId) -> bool:
        last = self._last.get(audience)
        return (
            last is not None
            and last.is_good
            and self._waited_for.get(audience) == self._take_overs
            and self._clock.now() - last.looked_at < self._times.listing_memory_seconds
        )

    def _drop_ended(self, strays: list[Stray], entries: Sequence[UploadEntry]) -> None:
        now = self._clock.now()
        strays[:] = [
            stray for stray in strays if now < stray.until and not self._have_ended(stray, entries)
        ]

    def _have_ended(self, stray: Stray, entries: Sequence[UploadEntry]) -> bool:
        return all_ended(
            entries, stray.sought, self._identifier_types, counts_tell=self._counts_tell
        )

    def _note_unreadable(self, audience: AudienceId, refused: Refused) -> None:
        """Said once, until the list can be read again."""
        if audience not in self._unreadable:
            self._unreadable.add(audience)
            log.warning(
                "LiveIntent does not list what was uploaded before.",
                audience_id=audience,
                detail=str(refused),
            )

    def _note_unfinished(self, audience: AudienceId, unfinished: int) -> None:
        if unfinished:
            log.warning(
                "Uploads we did not start, or did not follow, do not finish; going on without them.",
                audience_id=audience,
                unfinished=unfinished,
            )
