"""LiveIntent: the API and our token, and what would become of each audience we are to serve."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from consumer.audience.membership import AudienceKey
from consumer.choices import AudienceLookup
from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.cli.checks.liveintent_trouble import once, trouble_finding
from consumer.liveintent.audience_by_id import judged_by_id
from consumer.liveintent.audience_lookup import AudienceFinder, Unreadable
from consumer.liveintent.audience_prospects import Foretold, Prospect, foretell
from consumer.liveintent.audiences_api import AudiencesApi
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Account, LiveIntentLimits, Timeouts
from consumer.liveintent.shapes import AudienceId, AudienceRow, CursorPage, OffsetPage
from consumer.liveintent.single_attempt import SingleAttempts
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import RetryLater, Success, Unauthorised
from consumer.service.from_settings import directory_policy
from consumer.settings import Settings
from consumer.settings.parsing import EVERY_AUDIENCE
from consumer.telemetry.metrics import Metrics

_Page = Decided[CursorPage[AudienceRow]] | Decided[OffsetPage[AudienceRow]]


@dataclass(frozen=True, slots=True)
class NamedAudience:
    """An audience of ours that is there and in use."""

    name: str
    id: AudienceId


class LiveIntentLook:
    """One look at LiveIntent, each call a single attempt of at most `seconds`. Reads only."""

    def __init__(self, settings: Settings, api: AudiencesApi, *, seconds: float) -> None:
        self.api = api
        self.seconds = seconds
        self.in_use: list[NamedAudience] = []
        self._settings = settings
        self._policy = directory_policy(settings)
        self._account = Account(
            settings.liveintent_account_id, settings.liveintent_data_provider_id
        )
        self._finder = AudienceFinder(api, self._account, start=self._policy.audience_lookup)

    @property
    def lookup(self) -> AudienceLookup:
        """The way of looking for audiences that is set."""
        return self._policy.audience_lookup

    async def reach(self) -> Finding:
        """Whether LiveIntent answers, accepts our token, and lets us look for audiences."""
        lookup = self.lookup
        first = await once(self.first_page(lookup), seconds=self.seconds)
        if isinstance(first, RetryLater | Unauthorised):
            return trouble_finding(Check.LIVEINTENT, first)
        if isinstance(first, Success):
            return ok(Check.LIVEINTENT, "answers, and accepts our API key")
        refused = f"LiveIntent refuses {lookup}: {first}"
        second = await once(self.first_page(AudienceLookup.LIST), seconds=self.seconds)
        if isinstance(second, Success) and lookup is not AudienceLookup.LIST:
            return warning(
                Check.LIVEINTENT,
                f"{refused}. Listing all audiences works, and would be used instead",
                advice="Check LIVEINTENT_ACCOUNT_ID; if it is right, set LIVEINTENT_AUDIENCE_LOOKUP=list.",
            )
        return failed(
            Check.LIVEINTENT,
            refused,
            advice="Check LIVEINTENT_ACCOUNT_ID and LIVEINTENT_DATA_PROVIDER_ID, and ask your LiveIntent contact.",
        )

    async def audiences(self) -> AsyncIterator[Finding]:
        """What would become of each audience that is listed; those in use are noted in `in_use`."""
        keys = dict.fromkeys((*self._settings.liveintent_audiences, *self._policy.audience_ids))
        named = [AudienceKey(key) for key in keys if key != EVERY_AUDIENCE]
        if not self._settings.liveintent_audiences:
            yield warning(
                Check.AUDIENCE,
                "none is served: every event would be ignored",
                advice="Set LIVEINTENT_AUDIENCES to the names of audiences, or to * for every one.",
            )
        if self._settings.serves_every_audience:
            yield ok(Check.AUDIENCE, "every Engage audience is served, as its first event comes")
        for number, key in enumerate(named):
            name = self._policy.name_prefix + key
            audience = self._policy.audience_ids.get(key)
            finding = await (
                self._by_name(name)
                if audience is None
                else self._by_id(key, AudienceId(audience), expected=name)
            )
            if isinstance(finding, RetryLater | Unauthorised):
                yield trouble_finding(Check.AUDIENCE, finding, subject=name)
                if left := len(named) - number - 1:
                    yield warning(Check.AUDIENCE, f"{left} more not looked at, after this failure")
                return
            yield finding

    async def _by_name(self, name: str) -> Finding | RetryLater | Unauthorised:
        rows = await once(self._finder.find(name), seconds=self.seconds)
        if isinstance(rows, RetryLater | Unauthorised):
            return rows
        if isinstance(rows, Unreadable):
            return failed(Check.AUDIENCE, rows.detail, subject=name, advice=_UNREADABLE_ADVICE)
        foretold = foretell(rows, self._policy)
        if foretold.prospect is Prospect.USE and foretold.audience is not None:
            self.in_use.append(NamedAudience(name, foretold.audience))
        return audience_finding(name, foretold)

    async def _by_id(
        self, key: AudienceKey, audience: AudienceId, *, expected: str
    ) -> Finding | RetryLater | Unauthorised:
        outcome = await once(self.api.get(audience), seconds=self.seconds)
        if isinstance(outcome, RetryLater | Unauthorised):
            return outcome
        row = judged_by_id(outcome, key, audience, account=self._account)
        if not isinstance(row, AudienceRow):
            return failed(
                Check.AUDIENCE, row.detail, subject=key, advice="Correct LIVEINTENT_AUDIENCE_IDS."
            )
        foretold = foretell([row], self._policy)
        if foretold.prospect is Prospect.USE:
            self.in_use.append(NamedAudience(row.name, row.id))
            if row.name != expected:
                return warning(
                    Check.AUDIENCE,
                    f"is set to {row.id}, whose name is {row.name}; it is used",
                    subject=key,
                    advice="Make sure it is the one you mean: ids of staging and production look alike.",
                )
        return audience_finding(key, foretold)

    async def any_audience(self) -> AudienceRow | RetryLater | Unauthorised | None:
        """An audience of our account and provider that can be listed; None when there is none on the first page."""
        page = await once(self.first_page(self.lookup), seconds=self.seconds)
        if isinstance(page, RetryLater | Unauthorised):
            return page
        if not isinstance(page, Success):
            return None
        ours = (row for row in page.value.items if self._is_ours(row))
        return next(ours, None)

    def _is_ours(self, row: AudienceRow) -> bool:
        return Account(row.account_id, row.data_provider_id) == self._account

    async def first_page(self, lookup: AudienceLookup, *, name: str | None = None) -> _Page:
        """The first page of the audiences of this name, or (None, and in the list) of all."""
        match lookup:
            case AudienceLookup.SEARCH_V2:
                return await self.api.search_v2(self._account, name=name, cursor=None)
            case AudienceLookup.SEARCH_V1:
                return await self.api.search_v1(self._account, name=name, page=1)
            case AudienceLookup.LIST:
                return await self.api.list_audiences(page=1)


@asynccontextmanager
async def look_at_liveintent(
    settings: Settings, *, seconds: float
) -> AsyncIterator[LiveIntentLook]:
    """Give a look with connections of its own, closed when the block ends."""
    metrics, clock = Metrics(CollectorRegistry()), Clock()
    limits = LiveIntentLimits(
        requests_per_second=settings.liveintent_requests_per_second,
        concurrency=settings.liveintent_concurrency,
        page_size=settings.liveintent_page_size,
    )
    timeouts = Timeouts(connect_seconds=seconds, read_seconds=seconds, request_seconds=seconds)
    async with LiveIntentClient(settings.liveintent_url, metrics, timeouts=timeouts) as client:
        token = Token(settings.liveintent_api_key.read, clock=clock)
        exchange = SingleAttempts(token, limits, metrics, clock=clock)
        api = AudiencesApi(client, exchange, page_size=limits.page_size)
        yield LiveIntentLook(settings, api, seconds=seconds)


def audience_finding(name: str, foretold: Foretold) -> Finding:
    """What would become of the audience, for people."""
    if foretold.others:
        others = ", ".join(map(str, foretold.others))
        return warning(
            Check.AUDIENCE,
            f"several of this name are active: {foretold.audience}, the earliest created, is used, not {others}",
            subject=name,
            advice="Archive the others at LiveIntent.",
        )
    detail = _PROSPECTS[foretold.prospect].format(id=foretold.audience)
    advice = _REFUSAL_ADVICE.get(foretold.prospect)
    if advice is None:
        return ok(Check.AUDIENCE, detail, subject=name)
    return failed(
        Check.AUDIENCE,
        f"{detail}; its records would go to the dead-letter topic",
        subject=name,
        advice=advice,
    )


_PROSPECTS: Mapping[Prospect, str] = {
    Prospect.USE: "is there, with id {id}",
    Prospect.CREATE: "is not there yet, and will be created",
    Prospect.ACTIVATE: "is archived (id {id}), and will be activated",
    Prospect.REFUSE_ARCHIVED: "is archived (id {id})",
    Prospect.REFUSE_DELETED: "was deleted",
    Prospect.REFUSE_ABSENT: "is not there, and none is to be created",
}
_REFUSAL_ADVICE: Mapping[Prospect, str] = {
    Prospect.REFUSE_ARCHIVED: "Activate it at LiveIntent, set LIVEINTENT_ON_ARCHIVED=activate, or take it out of "
    "LIVEINTENT_AUDIENCES.",
    Prospect.REFUSE_DELETED: "Set LIVEINTENT_ON_DELETED=create for a new one of that name, or take it out of "
    "LIVEINTENT_AUDIENCES.",
    Prospect.REFUSE_ABSENT: "Create it at LiveIntent, set LIVEINTENT_AUTO_CREATE=true, or correct LIVEINTENT_AUDIENCES.",
}


_UNREADABLE_ADVICE = (
    "The service would ask again for as long as it takes. Try another LIVEINTENT_AUDIENCE_LOOKUP, and ask your "
    "LiveIntent contact."
)
