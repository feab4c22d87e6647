"""What LiveIntent lists for each audience, and what of it was there before a file of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from consumer.liveintent.api_calls import UploadCalls
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import UploadTimes
from consumer.liveintent.shapes import AudienceId, UploadEntry
from consumer.liveintent.upload_outcome import NotFound, Refused, Success
from consumer.liveintent.upload_tracking import UploadIdentity, identity_of, is_terminal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Remembered:
    looked_at: float
    identities: frozenset[UploadIdentity]


class UploadListings:
    """The last look at each audience's uploads, remembered for the next file."""

    def __init__(self, api: UploadCalls, times: UploadTimes, *, clock: Clock) -> None:
        self._api = api
        self._times = times
        self._clock = clock
        self._last: dict[AudienceId, _Remembered] = {}

    async def look(
        self, audience: AudienceId, since: datetime
    ) -> Sequence[UploadEntry] | NotFound | Refused:
        """The audience's uploads scheduled at `since` or later, in no promised order."""
        outcome = await self._api.uploads_since(audience, since)
        if isinstance(outcome, Success):
            identities = frozenset(identity_of(entry) for entry in outcome.value)
            self._last[audience] = _Remembered(self._clock.now(), identities)
            return outcome.value
        if isinstance(outcome, NotFound):
            return outcome
        return outcome if isinstance(outcome, Refused) else Refused(0, "", str(outcome))

    async def before_us(self, audience: AudienceId) -> frozenset[UploadIdentity] | NotFound:
        """The uploads that are not the file about to be sent, once none of them is unfinished.

        An upload we do not follow (of a process that crashed, or of the replica that had the audience before us) may hold
        the same people, and LiveIntent promises no order; so it is waited for, up to a deadline.
        """
        last = self._last.get(audience)
        started = self._clock.now()
        if last is not None and started - last.looked_at < self._times.listing_memory_seconds:
            return last.identities
        since = self._clock.utc_now() - timedelta(
            seconds=self._times.earlier_deadline_seconds + self._times.clock_skew_seconds
        )
        wait = self._times.poll_initial_seconds
        while True:
            entries = await self.look(audience, since)
            if isinstance(entries, NotFound):
                return entries
            if isinstance(entries, Refused):
                log.warning(
                    "LiveIntent does not list what was uploaded before.",
                    audience_id=audience,
                    detail=str(entries),
                )
                return frozenset()
            unfinished = sum(not is_terminal(entry) for entry in entries)
            waited = self._clock.now() - started
            if unfinished == 0 or waited >= self._times.earlier_deadline_seconds:
                self._note_unfinished(audience, unfinished)
                return frozenset(identity_of(entry) for entry in entries)
            await self._clock.sleep(min(wait, self._times.earlier_deadline_seconds - waited))
            wait = min(wait * self._times.poll_growth, self._times.poll_max_seconds)

    def forget(self, audience: AudienceId) -> None:
        """Something of ours may be under way that nobody follows: look again before the next file."""
        self._last.pop(audience, None)

    def _note_unfinished(self, audience: AudienceId, unfinished: int) -> None:
        if unfinished:
            log.warning(
                "Uploads we did not start, or did not follow, do not finish; going on without them.",
                audience_id=audience,
                unfinished=unfinished,
            )
