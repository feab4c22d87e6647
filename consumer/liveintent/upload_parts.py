"""The values the uploader's modules pass to each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.liveintent.api_calls import UploadCalls
from consumer.liveintent.audience_directory import Absent, AudienceRefused
from consumer.liveintent.clock import Clock
from consumer.liveintent.look_pace import LookPace
from consumer.liveintent.policies import Spelling, UploadTimes
from consumer.liveintent.shapes import AudienceId
from consumer.liveintent.upload_listings import UploadListings
from consumer.liveintent.upload_tracking import Sought, UploadIdentity
from consumer.telemetry.metrics import Metrics


class UploadStage(StrEnum):
    """Where a file is."""

    RESOLVING = "resolving"
    """Waiting for its audience: found or created, and free of uploads we do not follow."""
    CONFIRMING = "confirming"
    """Waiting for Kafka to confirm that the records are still ours."""
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

    @property
    def awaits(self) -> str:
        """What a file in this stage waits for, as the end of "it waits for ..."."""
        return _AWAITED[self]


_AWAITED = {
    UploadStage.RESOLVING: "LiveIntent's API to find or create the audience",
    UploadStage.CONFIRMING: "Kafka to confirm that its records are still ours",
    UploadStage.MINTING: "LiveIntent's API to give a URL",
    UploadStage.MINTED: "LiveIntent's storage to take the file",
    UploadStage.STORED: "LiveIntent to list it",
    UploadStage.UNLISTED: "LiveIntent to list it",
    UploadStage.PENDING: "LiveIntent to begin with it",
    UploadStage.RUNNING: "LiveIntent to finish it",
    UploadStage.ERROR: "its next try, after LiveIntent ended it with Error",
}


@dataclass(frozen=True, slots=True)
class UploadRefused:
    """LiveIntent does not take a file of this batch, whatever its health. `detail` is for people."""

    detail: str


@dataclass(frozen=True, slots=True)
class NothingToSend:
    """Every row was released meanwhile."""


class Lease(Protocol):
    """Whether what we were given to send is still ours to send."""

    def holds(self) -> bool:
        """Whether a file may be made at this moment."""
        ...

    async def renew(self) -> bool:
        """Have it hold for a while; False if that failed, after a moment. Safe to cancel."""
        ...


class Unshared:
    """The lease of somebody who shares with nobody: it always holds."""

    def holds(self) -> bool:
        """Yes."""
        return True

    async def renew(self) -> bool:
        """There is nothing to renew."""
        return True


class AudienceResolver(Protocol):
    """What the uploader needs of the directory."""

    async def resolve(self, key: AudienceKey) -> AudienceId | AudienceRefused:
        """The audience to upload to."""
        ...

    async def find(self, key: AudienceKey) -> AudienceId | AudienceRefused | Absent:
        """The same, without creating one."""
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
    pace: LookPace
    lease: Lease = field(default_factory=Unshared)


@dataclass(frozen=True, slots=True)
class FileToSend:
    """One file. `rows` gives them as of now; they only ever become fewer."""

    audience: AudienceKey
    action: Action
    identifier_type: IdentifierType
    rows: Callable[[], Sequence[str]] = field(repr=False)
    show: Callable[[UploadStage, str], None] = field(repr=False)
    """Told where the file is, with a few words for people."""


@dataclass(frozen=True, slots=True)
class Put:
    """One attempt to store a file, at a moment of the clock's `now`."""

    at: float
    rows: int


@dataclass(slots=True)
class Trail:
    """What was done so far to get one file into one audience, so that its entry can be told from others."""

    audience: AudienceId
    known: frozenset[UploadIdentity]
    started_at: float
    since: datetime | None = None
    """The first mint, by LiveIntent's clock where it told, less the skew."""
    minted_at: datetime | None = None
    """The last mint, by the same clock."""
    puts: list[Put] = field(default_factory=list)
    """Each time the file was, or may have been, stored."""
    unused_urls: int = 0
    rows: int = 0
    confirmed_puts: int = 0
    is_confirmed: bool = True
    """Whether storage itself said of the last put that it has the file; else the list seemed to."""

    def disbelieve(self) -> None:
        """The list showed a URL that nothing was stored at."""
        self.puts.pop()
        self.unused_urls += 1

    def puts_since(self, moment: float) -> int:
        """How often the file was, or may have been, stored after this moment."""
        return sum(put.at > moment for put in self.puts)

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
            sizes=frozenset(put.rows for put in self.puts),
            puts=max(len(self.puts), 1),
            unconfirmed_puts=len(self.puts) - self.confirmed_puts,
            unused_urls=self.unused_urls,
        )
