"""Faults that can be switched on while the LiveIntent stand-in runs: what its clients must live through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class Operation(StrEnum):
    """What a request asks for. Both versions of search are one operation; `store` is the PUT on a signed URL."""

    SEARCH = "search"
    LIST = "list"
    CREATE = "create"
    GET = "get"
    PATCH = "patch"
    MINT = "mint"
    STORE = "store"
    UPLOADS = "uploads"
    COUNTS = "counts"


ANY_OPERATION = "*"


class FaultKind(StrEnum):
    """What goes wrong: first the faults of one answer, then those of one upload, then of one listing."""

    STATUS = "status"
    """Answer `Fault.status` and do nothing. A 3xx carries a Location nobody may follow."""
    UNAUTHORIZED_BARE = "unauthorized_bare"
    """Answer 401 with the error object alone, as LiveIntent's OpenAPI declares it. Never on `store`."""
    UNAUTHORIZED_WRAPPED = "unauthorized_wrapped"
    """Answer 401 with the error object in an `errors` array, as seen on the wire. Never on `store`."""
    STORAGE_403 = "storage_403"
    """Refuse the PUT as storage refuses an expired signature. The URL stays unused."""
    DELAY_SECONDS = "delay_seconds"
    """Wait `Fault.delay_seconds`, then do the work and answer."""
    DELAY_AFTER_EFFECT = "delay_after_effect"
    """Do the work, wait `Fault.delay_seconds`, then answer."""
    RESET = "reset"
    """Drop the connection; nothing is done."""
    RESET_AFTER_EFFECT = "reset_after_effect"
    """Do the work, then drop the connection."""

    NEVER_LISTED = "never_listed"
    """The file is stored, and then lost: its upload is never listed and never applied."""
    UPLOAD_ERROR = "upload_error"
    """The upload ends as Error and is not applied."""
    STUCK = "stuck"
    """The upload stays Pending until the faults are cleared."""
    UNKNOWN_STATUS = "unknown_status"
    """The upload shows `Fault.upload_status` until the faults are cleared."""
    SLOW_UPLOAD = "slow_upload"
    """The upload takes `Fault.delay_seconds` longer than others, so later ones overtake it."""

    REORDER_UPLOADS = "reorder_uploads"
    """The uploads of an audience are listed in no useful order (the same one each time)."""


class BodyShape(StrEnum):
    """How an error is written: the object alone, in an `errors` array, as plain text, or not at all."""

    BARE = "bare"
    WRAPPED = "wrapped"
    TEXT = "text"
    EMPTY = "empty"


UNAUTHORIZED_KINDS = frozenset({FaultKind.UNAUTHORIZED_BARE, FaultKind.UNAUTHORIZED_WRAPPED})
UPLOAD_KINDS = frozenset(
    {
        FaultKind.NEVER_LISTED,
        FaultKind.UPLOAD_ERROR,
        FaultKind.STUCK,
        FaultKind.UNKNOWN_STATUS,
        FaultKind.SLOW_UPLOAD,
    }
)
LISTING_KINDS = frozenset({FaultKind.REORDER_UPLOADS})
ANSWER_KINDS = frozenset(FaultKind) - UPLOAD_KINDS - LISTING_KINDS

_ONLY_OPERATION: Mapping[FaultKind, Operation] = {
    FaultKind.STORAGE_403: Operation.STORE,
    FaultKind.REORDER_UPLOADS: Operation.UPLOADS,
    **dict.fromkeys(UPLOAD_KINDS, Operation.STORE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, at one operation or any (`*`), for one audience name or any, some times or always.

    `times=None` lasts until the faults are cleared. The kinds that name one upload, one listing or storage itself
    act where they must, whatever `operation` says. A search is for the audience names in its filter; a search
    without any, and a list, are for no audience. Raises ValueError for an unknown operation or an impossible number.
    """

    operation: str = ANY_OPERATION
    kind: FaultKind
    times: int | None = None
    audience: str | None = None
    status: int = 503
    body: BodyShape = BodyShape.BARE
    retry_after: str | float | None = None
    """Seconds, or an HTTP date as it goes into the header."""
    delay_seconds: float = 1.0
    upload_status: str = "Paused"

    def __post_init__(self) -> None:
        if self.operation != ANY_OPERATION:
            Operation(self.operation)
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or null for always")
        if not 200 <= self.status <= 599:
            raise ValueError("status must be from 200 to 599")
        if self.delay_seconds < 0:
            raise ValueError("delay_seconds must not be negative")

    def acts_on(self, operation: Operation) -> bool:
        """Whether requests of this operation can meet the fault."""
        only = _ONLY_OPERATION.get(self.kind)
        if only is not None:
            return operation is only
        if self.kind in UNAUTHORIZED_KINDS and operation is Operation.STORE:
            return False
        return self.operation in (ANY_OPERATION, operation)


class Faults:
    """The faults in force. Each request meets at most one of its kind: the one added first."""

    def __init__(self, on_clear: Callable[[], None] = lambda: None) -> None:
        self._on_clear = on_clear
        self._waiting: list[_Waiting] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force, behind those already there."""
        self._waiting.append(_Waiting(fault, fault.times))

    def clear(self) -> None:
        """End every fault, and let go the uploads that some of them hold."""
        self._waiting.clear()
        self._on_clear()

    def end(self, fault: Fault) -> None:
        """End this fault, if it is in force, leaving the others; lets go the uploads that any of them holds."""
        self._waiting = [waiting for waiting in self._waiting if waiting.fault is not fault]
        self._on_clear()

    def in_force(self) -> list[Fault]:
        """The faults that can still be met, oldest first."""
        return [waiting.fault for waiting in self._waiting]

    def take(
        self, kinds: frozenset[FaultKind], operation: Operation, *, audiences: frozenset[str]
    ) -> Fault | None:
        """The fault this request meets, if any; counts it as met once."""
        for waiting in self._waiting:
            fault = waiting.fault
            if (
                fault.kind in kinds
                and fault.acts_on(operation)
                and (fault.audience is None or fault.audience in audiences)
            ):
                self._count_down(waiting)
                return fault
        return None

    def _count_down(self, waiting: "_Waiting") -> None:
        if waiting.times_left is not None:
            waiting.times_left -= 1
            if waiting.times_left == 0:
                self._waiting.remove(waiting)


@dataclass(slots=True, eq=False)
class _Waiting:
    fault: Fault
    times_left: int | None


def fault_from_json(document: object) -> Fault:
    """The fault a JSON object describes, by the field names of `Fault`. Raises ValueError with the reason."""
    if not isinstance(document, dict):
        raise ValueError("a fault is a JSON object")  # noqa: TRY004 - the JSON is wrong, not the call
    unknown = sorted(set(document) - {field.name for field in fields(Fault)})
    if unknown:
        raise ValueError("a fault has no field " + ", ".join(unknown))
    try:
        kind = FaultKind(document["kind"])
        body = BodyShape(document.get("body", BodyShape.BARE))
        return Fault(**{**document, "kind": kind, "body": body})
    except KeyError:
        raise ValueError("a fault needs a kind") from None
    except TypeError:
        raise ValueError("a field of the fault has the wrong type") from None
