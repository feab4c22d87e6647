"""The values the uploader's modules pass to each other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.liveintent.api_calls import UploadCalls
from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import Spelling, UploadTimes
from consumer.liveintent.shapes import AudienceId
from consumer.liveintent.upload_listings import UploadListings
from consumer.liveintent.upload_tracking import Sought, UploadIdentity
from consumer.telemetry.metrics import Metrics


class UploadStage(StrEnum):
    """Where a file is."""

    RESOLVING = "resolving"
    """Waiting for its audience: found or created, and free of uploads we do not follow."""
    MINTING = "minting"
    MINTED = "minted"
    """There is a URL; the file is on its way, or waits for the storage host."""
    STORED = "stored"
    UNLISTED = "unlisted"
    PENDING = "pending"
    RUNNING = "running"
    """Under any status word of LiveIntent's that is not Pending and not an end."""
    ERROR = "error"
    """LiveIntent gave it up; it is sent again shortly."""


@dataclass(frozen=True, slots=True)
class UploadRefused:
    """LiveIntent does not take a file of this batch, whatever its health. `detail` is for people."""

    detail: str


@dataclass(frozen=True, slots=True)
class NothingToSend:
    """Every row was released meanwhile."""


class AudienceResolver(Protocol):
    """What the uploader needs of the directory."""

    async def resolve(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        """The audience to upload to."""
        ...

    def forget(self, key: AudienceKey) -> None:
        """LiveIntent does not know the audience any more."""
        ...


@dataclass(frozen=True, slots=True)
class UploadTools:
    """What every file is sent with."""

    api: UploadCalls
    directory: AudienceResolver
    listings: UploadListings
    times: UploadTimes
    spelling: Spelling
    metrics: Metrics
    clock: Clock
    new_upload_name: Callable[[], str]


@dataclass(frozen=True, slots=True)
class FileToSend:
    """One file. `rows` gives them as of now; they only ever become fewer."""

    audience: AudienceKey
    action: Action
    identifier_type: IdentifierType
    rows: Callable[[], list[str]] = field(repr=False)
    show: Callable[[UploadStage, str], None] = field(repr=False)
    """Told where the file is, with a few words for people."""


@dataclass(slots=True)
class Trail:
    """What was done so far to get one file into one audience, so that its entry can be told from others."""

    audience: AudienceId
    known: frozenset[UploadIdentity]
    started_at: float
    since: datetime | None = None
    """The first mint, by LiveIntent's clock where it told, less the skew."""
    puts: int = 0
    """How often the file was, or may have been, stored."""
    unused_urls: int = 0
    rows: int = 0

    def sought(self, file: FileToSend, spelling: Spelling) -> Sought:
        """What to look for in the list of uploads, once a URL was minted."""
        if self.since is None:
            raise RuntimeError("Nothing was minted, so there is nothing to look for.")
        return Sought(
            action=spelling.action(file.action),
            identifier_type=spelling.identifier_type(file.identifier_type),
            since=self.since,
            rows=self.rows,
            known=self.known,
            puts=max(self.puts, 1),
            unused_urls=self.unused_urls,
        )
