"""Signed URLs and uploads of the LiveIntent stand-in: stored, Pending, Running, then Finished and applied.

No clock, no randomness, no network: times are epoch seconds, come with every call, and must not go backwards. An
upload's rows reach its audience only when it is Finished, in the order in which uploads finish, not arrive: a
client that has two files of one audience under way can see them applied the wrong way round.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_audiences import ACTIVE, Audience
from consumer.sandbox.liveintent_breaches import Breach, BreachKind, Refused
from consumer.sandbox.liveintent_rows import IDENTIFIER_TYPES, Rows

PENDING, RUNNING, FINISHED, ERROR = "Pending", "Running", "Finished", "Error"
LOST = "Lost"
"""Our word for an upload that was stored, and is never listed."""

_APPLY = {"ADD": set[str].update, "REMOVE": set[str].difference_update}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """What a signed URL was asked for."""

    audience: Audience
    action: str
    identifier_type: str
    upload_name: str | None = None
    notification_email: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"audience {self.audience.name}, {self.action} {self.identifier_type}"


@dataclass(slots=True, eq=False)
class SignedUrl:
    """Leave to store one file, once, until a time."""

    request: UploadRequest
    expires_at: float
    used: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Upload:
    """One stored file, on its way into its audience."""

    number: int
    request: UploadRequest
    rows: Rows
    stored_at: float
    fault_kind: FaultKind | None
    processing_seconds: float
    status: str = PENDING
    updated_at: float
    runs_at: float = inf
    finishes_at: float = inf

    @property
    def finished_at(self) -> float | None:
        """When it ended, well or not; None before."""
        return self.updated_at if self.status in (FINISHED, ERROR) else None

    def start(self, now: float) -> None:
        """Begin processing."""
        self.status = PENDING
        self.updated_at = now
        self.runs_at = now + self.processing_seconds / 2
        self.finishes_at = now + self.processing_seconds


class Uploads:
    """Every signed URL and every upload there was."""

    def __init__(
        self,
        breaches: list[Breach],
        *,
        actions: Sequence[str],
        processing_seconds: float,
        url_lifetime_seconds: float,
    ) -> None:
        self._breaches = breaches
        self._actions = actions
        self._processing_seconds = processing_seconds
        self._url_lifetime_seconds = url_lifetime_seconds
        self._signed_urls: dict[str, SignedUrl] = {}
        self._all: list[Upload] = []
        self._by_audience: Mapping[int, list[Upload]] = defaultdict(list)
        self._unfinished: list[Upload] = []

    def __iter__(self) -> Iterator[Upload]:
        """In the order they were stored."""
        return iter(self._all)

    def mint(self, key: str, request: UploadRequest, now: float) -> None:
        """Let one file be stored under a key. Raises Refused; an unknown action or identifier type is a breach."""
        if request.action not in self._actions:
            self._record(BreachKind.UNKNOWN_ACTION, f"audience {request.audience.name}")
            raise Refused(400, "Invalid upload query params: action")
        if request.identifier_type not in IDENTIFIER_TYPES:
            self._record(BreachKind.UNKNOWN_IDENTIFIER_TYPE, f"audience {request.audience.name}")
            raise Refused(400, "Invalid upload query params: identifierType")
        if request.audience.status != ACTIVE:
            raise Refused(400, f"Audience is {request.audience.status}")
        self._signed_urls[key] = SignedUrl(request, now + self._url_lifetime_seconds)

    def minted(self, key: str) -> UploadRequest | None:
        """What the URL of this key is for, used or not."""
        url = self._signed_urls.get(key)
        return url.request if url else None

    def claim(self, key: str, now: float) -> UploadRequest:
        """Use a signed URL up. Raises Refused (403) for an unknown, a used (a breach) or an expired one."""
        url = self._signed_urls.get(key)
        if url is None:
            raise Refused(403, "SignatureDoesNotMatch")
        if url.used:
            self._record(BreachKind.SIGNED_URL_USED_TWICE, str(url.request))
            raise Refused(403, "AccessDenied")
        if now >= url.expires_at:
            raise Refused(403, "Request has expired")
        url.used = True
        return url.request

    def store(self, request: UploadRequest, rows: Rows, now: float, *, fault: Fault | None) -> None:
        """Take a file in, to be processed as the fault, if any, will have it."""
        self.advance(now)
        kind = fault.kind if fault else None
        extra_seconds = fault.delay_seconds if fault and kind is FaultKind.SLOW_UPLOAD else 0.0
        upload = Upload(
            number=len(self._all),
            request=request,
            rows=rows,
            stored_at=now,
            fault_kind=kind,
            processing_seconds=self._processing_seconds + extra_seconds,
            updated_at=now,
        )
        self._all.append(upload)
        self._note_breaches_of_rows(upload)
        if kind is FaultKind.NEVER_LISTED:
            upload.status = LOST
            rows.valid.clear()
            return
        self._note_breaches_of_order(upload)
        self._by_audience[request.audience.id].append(upload)
        self._unfinished.append(upload)
        if fault and kind is FaultKind.UNKNOWN_STATUS:
            upload.status = fault.upload_status
        elif kind is not FaultKind.STUCK:
            upload.start(now)
        self.advance(now)

    def of(self, audience: Audience) -> list[Upload]:
        """What a listing of this audience shows, oldest first."""
        return list(self._by_audience[audience.id])

    def release(self, now: float) -> None:
        """Let the uploads that a fault holds begin."""
        for upload in self._unfinished:
            if upload.finishes_at == inf:
                upload.start(now)

    def advance(self, now: float) -> None:
        """Bring every upload to where it is at this time, applying those that finish in the order they finish."""
        for upload in sorted(self._unfinished, key=lambda upload: upload.finishes_at):
            if upload.finishes_at <= now:
                self._finish(upload)
            elif upload.runs_at <= now and upload.status == PENDING:
                upload.status = RUNNING
                upload.updated_at = upload.runs_at

    def _finish(self, upload: Upload) -> None:
        self._unfinished.remove(upload)
        upload.updated_at = upload.finishes_at
        if upload.fault_kind is FaultKind.UPLOAD_ERROR:
            upload.status = ERROR
        else:
            upload.status = FINISHED
            request = upload.request
            members = request.audience.members.setdefault(request.identifier_type, set())
            _APPLY[request.action.upper()](members, upload.rows.valid)
        upload.rows.valid.clear()  # the counts are all that is still asked for

    def _note_breaches_of_rows(self, upload: Upload) -> None:
        rows, request = upload.rows, upload.request
        if rows.count == 0:
            self._record(BreachKind.EMPTY_FILE, str(request))
        if rows.raw_email_count:
            self._record(BreachKind.RAW_EMAIL, f"{request}, {rows.raw_email_count} different rows")
        if rows.invalid_count:
            self._record(
                BreachKind.INVALID_ROW, f"{request}, {rows.invalid_count} of {rows.count} rows"
            )

    def _note_breaches_of_order(self, upload: Upload) -> None:
        for other in self._unfinished:
            if other.request.audience is not upload.request.audience:
                continue
            where = f"{upload.request} while {other.request.action} {other.request.identifier_type}"
            self._record(BreachKind.TWO_UNFINISHED_UPLOADS, where)
            if (
                other.request.action != upload.request.action
                and other.request.identifier_type == upload.request.identifier_type
                and (both := len(other.rows.valid & upload.rows.valid))
            ):
                self._record(BreachKind.ADD_AND_REMOVE_UNFINISHED, f"{where}, {both} identifiers")

    def _record(self, kind: BreachKind, detail: str) -> None:
        self._breaches.append(Breach(kind, detail))
