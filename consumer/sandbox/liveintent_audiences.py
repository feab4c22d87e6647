"""The audiences of the LiveIntent stand-in, and who is in them. Times are epoch seconds and come with every call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from consumer.sandbox.liveintent_breaches import Breach, BreachKind, Refused

ACTIVE, ARCHIVED, DELETED = AUDIENCE_STATUSES = ("Active", "Archived", "Deleted")

WRITTEN_STATUSES = {"Activate": ACTIVE, "Archive": ARCHIVED}
_FIRST_ID = 900_001


@dataclass(slots=True, eq=False, kw_only=True)
class Audience:
    """A custom audience. Its members are not printed."""

    id: int
    name: str
    account_id: int
    data_provider_id: int
    status: str
    created_at: float
    updated_at: float
    searchable_at: float
    """From when a search or a list shows it."""
    metadata: Mapping[str, object]
    members: dict[str, set[str]] = field(default_factory=dict, repr=False)
    """By identifier type."""

    @property
    def member_count(self) -> int:
        """Identifiers of every type together."""
        return sum(map(len, self.members.values()))


class Audiences:
    """Every audience there is. Names may repeat, as LiveIntent promises nothing else."""

    def __init__(
        self,
        breaches: list[Breach],
        *,
        account_id: int,
        data_provider_id: int,
        search_lag_seconds: float,
    ) -> None:
        self._breaches = breaches
        self._account_id = account_id
        self._data_provider_id = data_provider_id
        self._search_lag_seconds = search_lag_seconds
        self._by_id: dict[int, Audience] = {}

    def __iter__(self) -> Iterator[Audience]:
        """By rising id."""
        return iter(self._by_id.values())

    def create(self, name: str, now: float, *, metadata: Mapping[str, object]) -> Audience:
        """Make an audience as a client asks. A name that exists is a breach, and is made once more all the same."""
        if any(audience.name == name and audience.status != DELETED for audience in self._own()):
            self._breaches.append(Breach(BreachKind.NAME_CREATED_TWICE, f"audience {name}"))
        audience = self.add(name, status=ACTIVE, account_id=None, created_at=now)
        audience.searchable_at = now + self._search_lag_seconds
        audience.metadata = metadata
        return audience

    def add(self, name: str, *, status: str, account_id: int | None, created_at: float) -> Audience:
        """Put an audience there, in any status and of any account (ours unless said); a search finds it at once."""
        if status not in AUDIENCE_STATUSES:
            raise ValueError("status must be one of " + ", ".join(AUDIENCE_STATUSES))
        audience = Audience(
            id=_FIRST_ID + len(self._by_id),
            name=name,
            account_id=self._account_id if account_id is None else account_id,
            data_provider_id=self._data_provider_id,
            status=status,
            created_at=created_at,
            updated_at=created_at,
            searchable_at=created_at,
            metadata={},
        )
        self._by_id[audience.id] = audience
        return audience

    def change(
        self, audience: Audience, now: float, *, name: str | None, status: str | None
    ) -> None:
        """Rename, Activate or Archive; None leaves as is. Raises Refused: Deleted is for good."""
        if audience.status == DELETED:
            raise Refused(400, "Audience is deleted")
        audience.name = name or audience.name
        audience.status = WRITTEN_STATUSES[status] if status else audience.status
        audience.updated_at = now

    def get(self, audience_id: int | None) -> Audience:
        """The audience of this id. Raises Refused (404)."""
        audience = None if audience_id is None else self._by_id.get(audience_id)
        if audience is None:
            raise Refused(404, "Audience not found")
        return audience

    def name_of(self, audience_id: int | None) -> str | None:
        """What the audience of this id is called, if there is one."""
        audience = None if audience_id is None else self._by_id.get(audience_id)
        return audience.name if audience else None

    def searchable(self, now: float) -> list[Audience]:
        """The audiences a search or a list can see, by rising id."""
        return [audience for audience in self if audience.searchable_at <= now]

    def in_use(self, name: str) -> Audience | None:
        """Our Active audience of this name: of several the earliest created, then the lowest id."""
        return min(
            (
                audience
                for audience in self._own()
                if audience.name == name and audience.status == ACTIVE
            ),
            key=lambda audience: (audience.created_at, audience.id),
            default=None,
        )

    def _own(self) -> Iterator[Audience]:
        return (audience for audience in self if audience.account_id == self._account_id)
