"""Faults that can be switched on while the LiveIntent stand-in runs: what its clients must live through."""

import time
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
    COLLECT = "collect"
    CONVERT = "convert"
    PRIVACY = "privacy"
    PRIVACY_TEST = "privacy_test"


ANY_OPERATION = "*"


class FaultKind(StrEnum):
    """What goes wrong: first the faults of one answer, then those of one upload, then of one listing."""

    STATUS = "status"
    """Answer `Fault.status` and do nothing. A 3xx carries a Location nobody may follow."""
    UNAUTHORIZED_BARE = "unauthorized_bare"
    """Answer 401 with the error object alone, as LiveIntent's OpenAPI declares it. Never where no token goes."""
    UNAUTHORIZED_WRAPPED = "unauthorized_wrapped"
    """Answer 401 with the error object in an `errors` array, as seen on the wire. Never where no token goes."""
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
    PARTIAL = "partial"
    """Of a request with several conversions take all but the first, and say which."""

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

_WITHOUT_TOKEN = frozenset({Operation.STORE, Operation.COLLECT})

_ONLY_OPERATION: Mapping[FaultKind, Operation] = {
    FaultKind.STORAGE_403: Operation.STORE,
    FaultKind.PARTIAL: Operation.CONVERT,
    FaultKind.REORDER_UPLOADS: Operation.UPLOADS,
    **dict.fromkeys(UPLOAD_KINDS, Operation.STORE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, at one operation or any (`*`), for one audience name or any, some times or always.

    It can begin later, and meet not every request: `after_seconds` and `for_seconds` count from when it is added; within
    that time `after_calls` of the requests it could meet pass first, and then every `every`-th is met.

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
    after_seconds: float = 0.0
    for_seconds: float | None = None
    after_calls: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        if self.operation != ANY_OPERATION:
            Operation(self.operation)
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or null for always")
        if not 200 <= self.status <= 599:
            raise ValueError("status must be from 200 to 599")
        if self.delay_seconds < 0:
            raise ValueError("delay_seconds must not be negative")
        if self.after_seconds < 0 or self.after_calls < 0:
            raise ValueError("after_seconds and after_calls must not be negative")
        if self.for_seconds is not None and self.for_seconds <= 0:
            raise ValueError("for_seconds must be greater than 0, or null for always")
        if self.every < 1:
            raise ValueError("every must be at least 1")

    def acts_on(self, operation: Operation) -> bool:
        """Whether requests of this operation can meet the fault."""
        only = _ONLY_OPERATION.get(self.kind)
        if only is not None:
            return operation is only
        if self.kind in UNAUTHORIZED_KINDS and operation in _WITHOUT_TOKEN:
            return False
        return self.operation in (ANY_OPERATION, operation)


@dataclass(slots=True, eq=False)
class FaultInForce:
    """A fault that can still be met, with how often it was. `added_at` is epoch seconds."""

    fault: Fault
    added_at: float
    met: int = 0
    passed: int = 0
    """Requests it could have met, and let pass."""

    def is_over(self, now: float) -> bool:
        """Whether its time is up. A fault that was met often enough is not kept."""
        fault = self.fault
        end = None if fault.for_seconds is None else fault.after_seconds + fault.for_seconds
        return end is not None and now - self.added_at >= end

    def is_begun(self, now: float) -> bool:
        """Whether its time has come."""
        return now - self.added_at >= self.fault.after_seconds

    @property
    def is_due(self) -> bool:
        """Whether the next request it can meet is one it does meet."""
        turn = self.met + self.passed - self.fault.after_calls
        return turn >= 0 and turn % self.fault.every == 0


class Faults:
    """The faults in force. Each request meets at most one of its kind: of those that are due, the one added first."""

    def __init__(
        self,
        on_clear: Callable[[], None] = lambda: None,
        *,
        on_met: Callable[[Fault, Operation], None] = lambda _fault, _operation: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._on_clear = on_clear
        self._on_met = on_met
        self._now = now
        self._waiting: list[FaultInForce] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force, behind those already there."""
        self._waiting.append(FaultInForce(fault, self._now()))

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
        return [waiting.fault for waiting in self.all()]

    def all(self) -> list[FaultInForce]:
        """The same, with how often each was met."""
        now = self._now()
        self._waiting = [waiting for waiting in self._waiting if not waiting.is_over(now)]
        return list(self._waiting)

    def take(
        self, kinds: frozenset[FaultKind], operation: Operation, *, audiences: frozenset[str]
    ) -> Fault | None:
        """The fault this request meets, if any; counts it as met once, and as let pass by the others it could meet."""
        now = self._now()
        met: FaultInForce | None = None
        for waiting in self.all():
            fault = waiting.fault
            if (
                fault.kind in kinds
                and fault.acts_on(operation)
                and (fault.audience is None or fault.audience in audiences)
                and waiting.is_begun(now)
            ):
                if met is None and waiting.is_due:
                    met = waiting
                else:
                    waiting.passed += 1
        return None if met is None else self._meet(met, operation)

    def _meet(self, waiting: FaultInForce, operation: Operation) -> Fault:
        waiting.met += 1
        if waiting.met == waiting.fault.times:
            self._waiting.remove(waiting)
        self._on_met(waiting.fault, operation)
        return waiting.fault


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
