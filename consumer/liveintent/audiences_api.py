"""LiveIntent's Audiences API as the rest of this folder sees it: our values in, decided outcomes out.

Source of every path and body: LiveIntent's published OpenAPI. Its filters declare `eq` with a number even for names;
text is sent, and a 400 for it is expected (see `audience_lookup`).
"""

from datetime import datetime

from consumer.choices import MetadataEncoding
from consumer.liveintent.api_calls import Content
from consumer.liveintent.audience_metadata import metadata_of
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.exchange import Decided, Exchange, Withdrawn
from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import (
    AudienceCount,
    AudienceId,
    AudienceRow,
    CursorPage,
    OffsetPage,
    SignedUrl,
    UploadEntry,
    UploadRequest,
    read_audience,
    read_audience_cursor_page,
    read_audience_page,
    read_counts,
    read_signed_url,
    read_upload_page,
)
from consumer.liveintent.turns import Line
from consumer.liveintent.upload_outcome import (
    Answer,
    Operation,
    Outcome,
    RetryLater,
    Success,
    TransportFailure,
)
from consumer.liveintent.upload_pages import entries_since, next_page

# Well under a megabyte, of the longest hashes: a matter of seconds on any line. Large files do not hold up small ones.
SMALL_FILE_ROWS = 10_000


class AudiencesApi:
    """The operations, each repeated until it is decided (see `Exchange`). Safe to cancel."""

    def __init__(
        self,
        client: LiveIntentClient,
        exchange: Exchange,
        *,
        page_size: int = 30,
        metadata_encoding: MetadataEncoding = MetadataEncoding.NONE,
    ) -> None:
        self._client = client
        self._exchange = exchange
        self._page_size = page_size
        self._metadata_encoding = metadata_encoding

    async def search_v2(
        self, account: Account, *, name: str | None, cursor: str | None
    ) -> Decided[CursorPage[AudienceRow]]:
        """One page of the account's audiences, of this name or (None) of any, whatever their status."""
        search = {"pageSize": self._page_size, "matches": _matches(account, name)}
        if cursor is not None:
            search["next"] = cursor

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.search_audiences_v2(token, account.account_id, search)

        return await self._exchange.decide(
            Operation.SEARCH_V2, send, read_audience_cursor_page, caller=name or ""
        )

    async def search_v1(
        self, account: Account, *, name: str | None, page: int
    ) -> Decided[OffsetPage[AudienceRow]]:
        """The same by the older operation, whose pages have numbers."""
        search = {"page": page, "pageSize": self._page_size, "matches": _matches(account, name)}

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.search_audiences(token, account.account_id, search)

        return await self._exchange.decide(
            Operation.SEARCH_V1, send, read_audience_page, caller=name or ""
        )

    async def list_audiences(self, *, page: int) -> Decided[OffsetPage[AudienceRow]]:
        """One page of every audience the token may see."""

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.list_audiences(token, page=page, page_size=self._page_size)

        return await self._exchange.decide(Operation.LIST, send, read_audience_page)

    async def create(self, account: Account, name: str) -> Decided[AudienceRow]:
        """A new audience. Never repeated after it may have been sent: OutcomeUnknown then."""
        audience: dict[str, object] = {
            "name": name,
            "accountId": account.account_id,
            "dataProviderId": account.data_provider_id,
        }
        if (metadata := metadata_of(name, self._metadata_encoding)) is not None:
            audience["metadata"] = metadata

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.create_audience(token, audience)

        return await self._exchange.decide(Operation.CREATE, send, read_audience, caller=name)

    async def get(self, audience: AudienceId) -> Decided[AudienceRow]:
        """The audience as it is now."""

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.get_audience(token, audience)

        return await self._exchange.decide(
            Operation.READ, send, read_audience, caller=str(audience)
        )

    async def activate(self, audience: AudienceId) -> Decided[AudienceRow]:
        """Brings an archived audience back."""
        return await self._write_status(audience, "Activate")

    async def archive(self, audience: AudienceId) -> Decided[AudienceRow]:
        """Takes an audience out of use. LiveIntent's API can bring it back, and cannot delete it."""
        return await self._write_status(audience, "Archive")

    async def counts(self, audience: AudienceId) -> Decided[list[AudienceCount]]:
        """The audience's size and reach by day."""

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.get_counts(token, audience)

        return await self._exchange.decide(
            Operation.COUNTS, send, read_counts, caller=str(audience)
        )

    async def mint(self, audience: AudienceId, upload: UploadRequest) -> Decided[SignedUrl]:
        """A URL for one file. The date of the success is the moment, by LiveIntent's clock."""

        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.create_signed_url(token, audience, upload)

        return await self._exchange.decide(
            Operation.MINT, send, read_signed_url, caller=str(audience)
        )

    async def store(
        self, audience: AudienceId, url: SignedUrl, content: Content, *, rows: int
    ) -> Outcome[None] | Withdrawn:
        """One attempt to put a file of at most `rows` rows.

        `content` is asked when everything else is ready, so the file is as of the moment it is sent; None sends nothing.
        """
        line = Line.EXPRESS if rows <= SMALL_FILE_ROWS else Line.ORDINARY

        async def send(_token: str) -> Answer | TransportFailure | None:
            file = await content()
            return None if file is None else await self._client.put_file(url.url, file)

        return await self._exchange.attempt(
            Operation.STORE, send, _nothing, caller=str(audience), line=line
        )

    async def uploads_since(
        self, audience: AudienceId, since: datetime, *, line: Line = Line.ORDINARY
    ) -> Decided[list[UploadEntry]]:
        """Every upload of the audience scheduled at `since` or later; waits for its turns in this line."""
        read: dict[int, list[UploadEntry]] = {}
        pages = 1
        while (page := next_page(read, pages=pages, since=since)) is not None:
            outcome = await self._uploads_page(audience, page, line)
            if not isinstance(outcome, Success):
                return outcome
            read[page] = outcome.value.items
            pages = outcome.value.pages
        return Success(entries_since(read, since))

    async def put_off(self, operation: Operation, why: RetryLater, *, attempt: int) -> None:
        """Wait before repeating `store`."""
        await self._exchange.put_off(operation, why, attempt=attempt)

    async def _write_status(self, audience: AudienceId, status: str) -> Decided[AudienceRow]:
        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.update_audience(token, audience, {"status": status})

        return await self._exchange.decide(
            Operation.UPDATE, send, read_audience, caller=str(audience)
        )

    async def _uploads_page(
        self, audience: AudienceId, page: int, line: Line
    ) -> Decided[OffsetPage[UploadEntry]]:
        async def send(token: str) -> Answer | TransportFailure:
            return await self._client.list_uploads(
                token, audience, page=page, page_size=self._page_size
            )

        return await self._exchange.decide(
            Operation.UPLOADS, send, read_upload_page, caller=str(audience), line=line
        )


def _matches(account: Account, name: str | None) -> dict[str, object]:
    """The filter tree. No status node: archived and deleted audiences must be seen too."""
    provider = {"dataProviderIdMatches": {"value": {"eq": {"value": account.data_provider_id}}}}
    named = [] if name is None else [{"nameMatches": {"value": {"eq": {"value": name}}}}]
    return {"and": {"values": [*named, provider]}}


def _nothing(_body: object) -> None:
    return None
