"""All that the LiveIntent stand-in remembers, and how it looks from outside. Pure: the time comes with every call."""

from dataclasses import dataclass, field

from consumer.sandbox.liveintent_audiences import Audiences
from consumer.sandbox.liveintent_breaches import Breach
from consumer.sandbox.liveintent_uploads import Uploads

NAME_FILTERS = ("string", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the stand-in behaves where LiveIntent's contract leaves it open. The token is not printed."""

    token: str = field(default="sandbox-token", repr=False)
    account_id: int = 7001
    data_provider_id: int = 84
    processing_seconds: float = 0.2
    """From a stored file to Finished; Pending for the first half, Running for the second."""
    search_lag_seconds: float = 0.0
    """From a create to the first search or list that shows the audience."""
    url_lifetime_seconds: float = 300.0
    actions: tuple[str, ...] = ("ADD", "REMOVE")
    """The actions a mint accepts: ADD and REMOVE in the case LiveIntent turns out to use."""
    name_filter: str = "string"
    """`string`: names are compared. `refused`: 400 for a name in a filter, as the OpenAPI read literally has it."""
    content_type_is_breach: bool = False
    """Whether a Content-Type on the PUT is noted: a signature may cover it."""
    max_requests_per_second: float | None = None
    """More requests than this within a second, storage apart, are noted, and answered all the same."""
    privacy_token: str = field(default="sandbox-privacy-token", repr=False)
    conversions_token: str = field(default="sandbox-conversions-token", repr=False)
    conversions_customer_id: str = "7001"

    def __post_init__(self) -> None:
        if self.name_filter not in NAME_FILTERS:
            raise ValueError("name_filter must be one of " + ", ".join(NAME_FILTERS))
        if not {action.upper() for action in self.actions} <= {"ADD", "REMOVE"}:
            raise ValueError("actions must be ADD and REMOVE, in any case")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceView:
    """An audience as tests and the control surface see it. `created_at` is epoch seconds."""

    id: int
    name: str
    status: str
    created_at: float
    member_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadView:
    """An upload as tests and the control surface see it. Times are epoch seconds.

    `status` is as listed, or `Lost` for one that is never listed. `rows` counts all rows, `invalid` those among
    them that are no identifier of the type.
    """

    audience_id: int
    audience_name: str
    action: str
    identifier_type: str
    status: str
    rows: int
    invalid: int
    stored_at: float
    finished_at: float | None
    upload_name: str | None


class LiveIntentState:
    """Audiences, uploads and breaches, brought up to the time of each look at them."""

    def __init__(self, options: SandboxOptions) -> None:
        self.breaches: list[Breach] = []
        self.audiences = Audiences(
            self.breaches,
            account_id=options.account_id,
            data_provider_id=options.data_provider_id,
            search_lag_seconds=options.search_lag_seconds,
        )
        self.uploads = Uploads(
            self.breaches,
            actions=options.actions,
            processing_seconds=options.processing_seconds,
            url_lifetime_seconds=options.url_lifetime_seconds,
        )

    def members(self, audience_name: str, now: float) -> dict[str, set[str]]:
        """Who is in the audience in use under this name, by identifier type; types without members are left out."""
        self.uploads.advance(now)
        audience = self.audiences.in_use(audience_name)
        if audience is None:
            return {}
        return {kind: set(values) for kind, values in audience.members.items() if values}

    def audience_views(self, now: float) -> list[AudienceView]:
        """Every audience, by rising id."""
        self.uploads.advance(now)
        return [
            AudienceView(
                id=audience.id,
                name=audience.name,
                status=audience.status,
                created_at=audience.created_at,
                member_count=audience.member_count,
            )
            for audience in self.audiences
        ]

    def upload_views(self, now: float) -> list[UploadView]:
        """Every upload, in the order they were stored."""
        self.uploads.advance(now)
        return [
            UploadView(
                audience_id=upload.request.audience.id,
                audience_name=upload.request.audience.name,
                action=upload.request.action,
                identifier_type=upload.request.identifier_type,
                status=upload.status,
                rows=upload.rows.count,
                invalid=upload.rows.invalid_count,
                stored_at=upload.stored_at,
                finished_at=upload.finished_at,
                upload_name=upload.request.upload_name,
            )
            for upload in self.uploads
        ]
