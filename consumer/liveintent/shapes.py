"""The few shapes of LiveIntent's answers that we rely on, read leniently.

Unknown fields and unknown status words are accepted: LiveIntent's OpenAPI is a minimum, and declares no versions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, NewType, TypeVar

T = TypeVar("T")
AudienceId = NewType("AudienceId", int)


class UnexpectedShape(ValueError):
    """An answer lacks something LiveIntent's OpenAPI promises. Names the field, never its content."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name} is not {expected}")


@dataclass(frozen=True, slots=True)
class AudienceRow:
    """One audience as LiveIntent lists it. `status` is Active, Archived, Deleted, or a word we do not know."""

    id: AudienceId
    name: str
    account_id: int
    data_provider_id: int
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UploadEntry:
    """One upload as LiveIntent lists it. It carries neither an id nor our upload's name."""

    status: str
    action: str
    upload_type: str
    schedule_at: datetime
    last_update: datetime
    uploaded: int
    invalid: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """How many identifiers an audience has (`total`), and how many were seen lately (`matched`)."""

    date: str
    total: int
    matched: int


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[T]):
    """A page that names the next one, None when it is the last."""

    items: list[T]
    next: str | None

    @property
    def has_more(self) -> bool:
        """Whether there is a next page."""
        return self.next is not None


@dataclass(frozen=True, slots=True)
class OffsetPage(Generic[T]):
    """A page out of `pages`."""

    items: list[T]
    pages: int

    @property
    def has_more(self) -> bool:
        """Whether there are other pages."""
        return self.pages > 1


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """Where to put one file. The URL is a secret, and prints as nothing."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a signed URL is asked for, in LiveIntent's spelling."""

    action: str
    identifier_type: str
    upload_name: str


def read_audience(body: object) -> AudienceRow:
    """One AudienceData."""
    row = _object(body)
    return AudienceRow(
        id=AudienceId(_int(row, "id")),
        name=_text(row, "name"),
        account_id=_int(row, "accountId"),
        data_provider_id=_int(row, "dataProviderId"),
        status=_text(row, "status"),
        created_at=_moment(row, "createdAt"),
    )


def read_audience_cursor_page(body: object) -> CursorPage[AudienceRow]:
    """A page of the search v2."""
    page = _object(body)
    cursor = page.get("next")
    if cursor is not None and not isinstance(cursor, str):
        raise UnexpectedShape("next", "text")
    return CursorPage(_list(page, "items", read_audience), cursor or None)


def read_audience_page(body: object) -> OffsetPage[AudienceRow]:
    """A page of the search v1, or of the list of audiences."""
    page = _object(body)
    return OffsetPage(_list(page, "entries", read_audience), _int(page, "pages"))


def read_upload_page(body: object) -> OffsetPage[UploadEntry]:
    """A page of the list of uploads."""
    page = _object(body)
    return OffsetPage(_list(page, "entries", _read_upload), _int(page, "pages"))


def read_counts(body: object) -> list[AudienceCount]:
    """An audience's counts by day."""
    return _list(_object(body), "entries", _read_count)


def read_signed_url(body: object) -> SignedUrl:
    """The URL of one upload."""
    url = _text(_object(body), "signedUrl")
    if not url.lower().startswith(("https://", "http://")):
        raise UnexpectedShape("signedUrl", "a web address")
    return SignedUrl(url)


def _read_upload(body: object) -> UploadEntry:
    entry = _object(body)
    schedule_at = _moment(entry, "scheduleAt")
    return UploadEntry(
        status=_text(entry, "status"),
        action=_text(entry, "action"),
        upload_type=_text(entry, "uploadType", default=""),
        schedule_at=schedule_at,
        last_update=_moment(entry, "lastUpdate", default=schedule_at),
        uploaded=_int(entry, "uploadedHashesCount", default=0),
        invalid=_int(entry, "invalidHashesCount", default=0),
        duplicates=_int(entry, "estimatedDuplicateCount", default=0),
    )


def _read_count(body: object) -> AudienceCount:
    entry = _object(body)
    return AudienceCount(_text(entry, "date"), _int(entry, "totalCount"), _int(entry, "matchCount"))


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise UnexpectedShape("the answer", "an object")
    return body


def _list(body: dict[str, Any], name: str, read: Callable[[object], T]) -> list[T]:
    items = body.get(name)
    if not isinstance(items, list):
        raise UnexpectedShape(name, "a list")
    return [read(item) for item in items]


def _text(body: dict[str, Any], name: str, *, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise UnexpectedShape(name, "text")
    return value


def _int(body: dict[str, Any], name: str, *, default: int | None = None) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnexpectedShape(name, "a whole number")
    return value


def _moment(body: dict[str, Any], name: str, *, default: datetime | None = None) -> datetime:
    if name not in body and default is not None:
        return default
    try:
        moment = datetime.fromisoformat(_text(body, name))
    except ValueError:  # an UnexpectedShape is one too; the cause would show the content
        raise UnexpectedShape(name, "a date and time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
