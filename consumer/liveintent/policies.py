"""What may be set about LiveIntent, as plain values with safe defaults.

LiveIntent publishes no limits, deadlines or spellings of an upload's action; every such guess is a field here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from consumer.audience.membership import (
    AUDIENCE_NAME_MAX,
    Action,
    AudienceKey,
    IdentifierType,
)
from consumer.choices import (
    AudienceLookup,
    LetterCase,
    OnArchived,
    OnDeleted,
    UploadCompression,
)
from consumer.liveintent.packing import packed, packed_extension
from consumer.liveintent.retry_schedule import RetrySchedule


@dataclass(frozen=True, slots=True)
class Account:
    """Whose audiences: both ids come from LiveIntent's people, no endpoint tells them."""

    account_id: int
    data_provider_id: int


@dataclass(frozen=True, slots=True)
class LiveIntentLimits:
    """How much we ask of LiveIntent at once. It publishes no limits, so these are low."""

    requests_per_second: float = 2.0
    concurrency: int = 2
    page_size: int = 30


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which one phase of an HTTP exchange is given up."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    """Without a byte of the answer."""
    request_seconds: float = 60.0
    """A whole exchange with the API."""
    store_seconds: float = 60.0
    """A whole PUT of a file, besides what its bytes take."""
    store_bytes_per_second: float = 50_000.0
    """The slowest line a file is waited for: so a small file never holds its slot for as long as a large one may."""

    def storing_seconds(self, size_bytes: int) -> float:
        """A whole PUT of a file of this size."""
        return self.store_seconds + size_bytes / self.store_bytes_per_second


@dataclass(frozen=True, slots=True)
class StoreHeaders:
    """Headers of the PUT to a signed URL.

    No Content-Type by default: a signature may cover it, and then an unexpected one is refused.
    """

    content_type: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadTimes:
    """When to look, when to worry. Deadlines lead to an alert and more waiting, not to a failure."""

    poll_initial_seconds: float = 15.0
    poll_max_seconds: float = 300.0
    poll_growth: float = 1.5
    list_deadline_seconds: float = 900.0
    """A stored file is in the list of uploads by then; else it is sent once more."""
    finish_deadline_seconds: float = 21_600.0
    signed_url_max_age_seconds: float = 300.0
    clock_skew_seconds: float = 60.0
    """How far an upload's `scheduleAt` may lie before the mint, both by LiveIntent's clocks."""
    earlier_deadline_seconds: float = 900.0
    """How long uploads we did not follow (a former process, another replica) are waited for."""
    listing_memory_seconds: float = 600.0
    """How long a list of uploads tells what was there before us."""
    error_attempts: int = 3
    """How often a file LiveIntent ended with Error is sent again, with a new URL."""
    error_schedule: RetrySchedule = field(default_factory=lambda: RetrySchedule(first_seconds=5.0))
    """The wait before that."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """LiveIntent's words for ours: its OpenAPI declares them as free text, and it publishes no case of device ids."""

    action_add: str = "ADD"
    action_remove: str = "REMOVE"
    identifier_types: Mapping[IdentifierType, str] = field(default_factory=dict)
    """Only those that differ from `IdentifierType`'s own values."""
    device_cases: Mapping[IdentifierType, LetterCase] = field(default_factory=dict)
    """Only where it is not the one the values have: lower for AAID, upper for IDFA."""
    upload_name_prefix: str = "segment-liveintent"
    upload_name_extension: str = ".txt"
    compression: UploadCompression = UploadCompression.NONE

    @property
    def upload_name_end(self) -> str:
        """How the name of every upload ends."""
        return packed_extension(self.upload_name_extension, self.compression)

    def packed(self, content: bytes) -> bytes:
        """The file as it is stored. Not for an event loop, unless nothing is compressed."""
        return packed(content, self.compression, extension=self.upload_name_extension)

    def action(self, action: Action) -> str:
        """LiveIntent's word for the action."""
        return self.action_add if action is Action.ADD else self.action_remove

    def identifier_type(self, identifier_type: IdentifierType) -> str:
        """LiveIntent's word for the kind of identifier."""
        return self.identifier_types.get(identifier_type, identifier_type.value)

    @property
    def all_identifier_types(self) -> frozenset[str]:
        """Every word LiveIntent has for a kind of identifier."""
        return frozenset(
            self.identifier_type(identifier_type) for identifier_type in IdentifierType
        )

    def rows(self, values: Sequence[str], identifier_type: IdentifierType) -> Sequence[str]:
        """The values as they stand in a file."""
        match self.device_cases.get(identifier_type):
            case LetterCase.LOWER:
                return [value.lower() for value in values]
            case LetterCase.UPPER:
                return [value.upper() for value in values]
            case None:
                return values


LOOKS_SHARE: Final = 1 / 3
"""Of the requests we may make: a file takes one to see what was there before it and one for its URL, besides being looked at."""


@dataclass(frozen=True, slots=True)
class UploadPolicy:
    """How a batch becomes uploads."""

    times: UploadTimes = field(default_factory=UploadTimes)
    spelling: Spelling = field(default_factory=Spelling)
    max_rows_per_upload: int = 500_000
    """More rows of one action and type go in several files, one after the other."""
    max_bytes_per_upload: int = 50_000_000
    """And so do more bytes."""
    looks_per_second: float = math.inf
    """Most looks at uploads under way, of all audiences together."""


@dataclass(frozen=True, slots=True)
class DirectoryPolicy:
    """How a name becomes an audience id."""

    auto_create: bool = True
    on_archived: OnArchived = OnArchived.FAIL
    on_deleted: OnDeleted = OnDeleted.FAIL
    audience_lookup: AudienceLookup = AudienceLookup.SEARCH_V2
    name_prefix: str = ""
    name_max: int = AUDIENCE_NAME_MAX
    """Most characters in a name, prefix included."""
    audience_ids: Mapping[AudienceKey, int] = field(default_factory=dict)
    """Ids that are known for certain; they win over any search, and no two are the same."""
    settle_waits_seconds: tuple[float, ...] = (5.0, 15.0, 40.0)
    """Waits before each search that settles a create of unknown outcome."""
    park_seconds: float = 300.0
    """First wait after everything was tried; doubles up to `park_max_seconds`."""
    park_max_seconds: float = 3600.0
    recheck_seconds: float = 600.0
    """A mapping older than this is checked again before use."""
    young_seconds: float = 3600.0
    """An audience younger than this is checked by name once more: a rival may have appeared."""


def settle_waits(seconds: float) -> tuple[float, ...]:
    """The waits before each of three searches that settle a create within `seconds`: ever longer, as the search lags."""
    return tuple(seconds * share for share in (1 / 12, 3 / 12, 8 / 12))
