"""What the service says of itself to an operator. No personal data: names of audiences, numbers, times, reasons."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from consumer.telemetry.books import BooksSnapshot
from consumer.telemetry.causes import Cause

LANES_SHOWN = 100
"""How many audiences a status lists unless asked for more: the worst."""


class Phase(StrEnum):
    """Where the process is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, or no with its reasons. A yes may have remarks."""

    ok: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One assigned partition. Offsets are the next to commit, to read and to be written; None is not known."""

    topic: str
    partition: int
    committed: int | None = None
    position: int | None = None
    end: int | None = None
    lag: int | None = None
    """End less committed, in records: what is not read and what is read and not finished."""
    unread: int | None = None
    """End less position, in records."""
    pending: int = 0
    """Records read and not finished."""
    oldest_offset: int | None = None
    """Offset of the oldest unfinished record, which holds the commit back."""
    oldest_age_seconds: float | None = None
    """How long ago that record was read."""
    late_seconds: float | None = None
    """How long ago that record was written to Kafka; 0 with nothing left to do; None while the oldest is not read yet."""
    oldest_why: str = ""
    """What that record waits for, as the end of "it waits for ..."."""
    paused: tuple[str, ...] = ()
    """Why the partition is not read now."""
    progress: str = ""
    """caught_up, moving, replaying (its offset was set back), held (the process stops) or stalled."""
    still_seconds: float | None = None
    """How long the committed offset has not moved though something is left to do."""
    waits_for: str = ""
    """What it waits for meanwhile, as the end of "it waits for ..."."""
    unstable: int | None = None
    """Offsets that cannot be read because a producer has not ended its transaction."""


@dataclass(frozen=True, slots=True)
class LastUploadStatus:
    """What LiveIntent counted of the last file it finished for an audience, beside the rows that were sent."""

    action: str
    identifier_type: str
    rows: int
    uploaded: int
    invalid: int
    duplicates: int
    missing: int
    """Rows that are in none of the counts."""
    age_seconds: float


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One audience's queue."""

    audience: str
    waiting_changes: int = 0
    in_flight_changes: int = 0
    stage: str = "idle"
    """Where its flush is, for people: idle, finding the audience, storing, waiting for LiveIntent."""
    stage_seconds: float | None = None
    """How long the flush has been in that stage."""
    refused: str = ""
    """Why LiveIntent refuses this audience; empty when it does not."""
    audience_id: int | None = None
    last_upload: LastUploadStatus | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that stops the whole service or a part of it, such as an open circuit or a spent memory budget."""

    what: str
    """The fact, as part of a sentence: "calls to LiveIntent are held back", "reading is paused"."""
    why: str
    """Its cause, as it stands in brackets after the fact."""
    seconds: float | None = None
    """How long it has been so."""
    cause: Cause = Cause.OTHER
    """Which kind of cause it is, for what to do about it."""


@dataclass(frozen=True, slots=True)
class LaneTotals:
    """All audiences of this process together, whether or not they are listed."""

    audiences: int = 0
    refused: int = 0
    uploading: int = 0
    waiting_changes: int = 0
    in_flight_changes: int = 0


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How calls to one of LiveIntent's hosts fare. No address, no token."""

    host: str
    state: str = "free"
    """free, or why nothing is sent: unauthorised, circuit_open, asked_to_wait."""
    seconds: float | None = None
    """How long it has been held back."""
    next_try_seconds: float | None = None
    requests_per_second: float | None = None
    """The rate we allow ourselves."""
    concurrency: int | None = None
    """How many requests we allow ourselves at once."""


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """What is in memory, and how much of it may be."""

    unfinished_bytes: int
    """What unfinished records weigh."""
    budget_bytes: int
    """From here on nothing is read."""
    members_remembered: int
    """Members whose last version is known, against late and repeated events."""


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """Records are delivered again."""

    replay_ids: tuple[str, ...]
    """Empty for offsets that were set back by hand."""
    records_left: int
    """Until the offsets are where they were; 0 for a replay beside the live group, whose lag says it."""


@dataclass(frozen=True, slots=True)
class DirectCallStatus:
    """What is on its way to one sink of direct calls."""

    sink: str
    waiting: int = 0
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetterStatus:
    """Dead letters of one reason, since the process started."""

    reason: str
    count: int
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything `/status` and the page show: one moment of one process."""

    version: str
    started_at: datetime
    uptime_seconds: float
    ready: Verdict
    at: datetime = field(kw_only=True)
    """Which moment."""
    instance: str = ""
    """Which process this is, such as the pod's name."""
    group: str = ""
    """The consumer group it reads in."""
    phase: Phase = Phase.RUNNING
    partitions: tuple[PartitionStatus, ...] = ()
    lanes: tuple[LaneStatus, ...] = ()
    """The worst first, and no more than were asked for."""
    lane_totals: LaneTotals = LaneTotals()
    liveintent: tuple[HostStatus, ...] = ()
    memory: MemoryStatus | None = None
    replay: ReplayStatus | None = None
    """None while nothing is replayed."""
    direct_calls: tuple[DirectCallStatus, ...] = ()
    """Empty while they are switched off."""
    holds: tuple[Hold, ...] = ()
    books: BooksSnapshot = field(default_factory=BooksSnapshot)
    dead_letters: tuple[DeadLetterStatus, ...] = ()
    registry_waiting: str = ""
    """What is waited for from the schema registry; empty when nothing is."""


class StatusSource(Protocol):
    """Whom the health endpoints ask. Called on the event loop; must not block or raise."""

    def live(self) -> Verdict:
        """Whether the process can go on; a no has it restarted, so never on an outage elsewhere."""
        ...

    def ready(self) -> Verdict:
        """Whether a rollout may go on to the next process."""
        ...

    def status(self, *, lanes_max: int = LANES_SHOWN) -> Status:
        """Everything about this moment; of the audiences the worst `lanes_max`."""
        ...
