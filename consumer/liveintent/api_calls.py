"""What the directory and the uploader each need of LiveIntent's API; `AudiencesApi` gives both."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from consumer.liveintent.exchange import Decided, Withdrawn
from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import (
    AudienceId,
    AudienceRow,
    CursorPage,
    OffsetPage,
    SignedUrl,
    UploadEntry,
    UploadRequest,
)
from consumer.liveintent.turns import Line
from consumer.liveintent.upload_outcome import Operation, Outcome, RetryLater

Content = Callable[[], Awaitable[bytes | None]]
"""Gives the file as of the moment it is sent; None when there is nothing to send any more."""


class AudienceCalls(Protocol):
    """Finding, making and reviving audiences. Every call waits until it is decided."""

    async def search_v2(
        self, account: Account, *, name: str | None, cursor: str | None
    ) -> Decided[CursorPage[AudienceRow]]:
        """One page of the account's audiences, of this name or (None) of any."""
        ...

    async def search_v1(
        self, account: Account, *, name: str | None, page: int
    ) -> Decided[OffsetPage[AudienceRow]]:
        """The same, by page number."""
        ...

    async def list_audiences(self, *, page: int) -> Decided[OffsetPage[AudienceRow]]:
        """One page of every audience the token may see."""
        ...

    async def create(self, account: Account, name: str) -> Decided[AudienceRow]:
        """A new audience, or OutcomeUnknown."""
        ...

    async def get(self, audience: AudienceId) -> Decided[AudienceRow]:
        """The audience as it is now."""
        ...

    async def activate(self, audience: AudienceId) -> Decided[AudienceRow]:
        """Brings an archived audience back."""
        ...


class UploadCalls(Protocol):
    """Sending a file and hearing of it. Every call but `store` waits until it is decided."""

    async def mint(self, audience: AudienceId, upload: UploadRequest) -> Decided[SignedUrl]:
        """A URL for one file."""
        ...

    async def store(
        self, audience: AudienceId, url: SignedUrl, content: Content, *, rows: int
    ) -> Outcome[None] | Withdrawn:
        """One attempt to put the file that `content` gives at that moment, of about so many rows."""
        ...

    async def uploads_since(
        self, audience: AudienceId, since: datetime, *, line: Line = Line.ORDINARY
    ) -> Decided[list[UploadEntry]]:
        """Every upload of the audience scheduled at `since` or later; waits for its turns in this line."""
        ...

    async def put_off(self, operation: Operation, why: RetryLater, *, attempt: int) -> None:
        """Wait before the next attempt."""
        ...
