"""What a run is after: members of audiences, or conversions counted once; how to tell that it is there."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from consumer.choices import DirectCallSink
from consumer.sandbox.segment_encoders import as_json
from tests.benchmarks.feeds import Record
from tests.benchmarks.peers.feed import WARM_UP_EVENTS, PeersFeed
from tests.benchmarks.peers.verdict import difference
from tests.benchmarks.stand_ins import StandIns
from tests.million_calls.visits import visit_values

_ANSWER_SECONDS = 30
_PIXEL_ID = 4711


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What LiveIntent has seen until now. `sent` counts rows, or conversions; `last_at` is epoch seconds, if it is known."""

    requests: int
    uploads: int
    sent: int
    last_at: float | None
    breaches: tuple[str, ...]


class Goal(Protocol):
    """The records of a run, and what must come of them. `asked` is what one change each would send."""

    @property
    def warm_up(self) -> Sequence[Record]: ...
    @property
    def rest(self) -> Sequence[Record]: ...
    @property
    def changes(self) -> int: ...
    @property
    def asked(self) -> int: ...
    def is_warm(self, world: StandIns) -> bool: ...
    def progress(self, world: StandIns) -> Progress: ...
    def difference(self, world: StandIns) -> tuple[int, int, int]:
        """What is missing, what is too much, and how much was wanted."""


@dataclass(frozen=True, slots=True)
class MembersGoal:
    """The right rows in every audience."""

    feed: PeersFeed

    @property
    def warm_up(self) -> Sequence[Record]:
        return self.feed.warm_up

    @property
    def rest(self) -> Sequence[Record]:
        return self.feed.rest

    @property
    def changes(self) -> int:
        return self.feed.changes

    @property
    def asked(self) -> int:
        return self.feed.rows

    def is_warm(self, world: StandIns) -> bool:
        """Whether LiveIntent has what the warm-up asks for."""
        return world.members(self.feed.warm_members) == self.feed.warm_members

    def progress(self, world: StandIns) -> Progress:
        """What was uploaded until now."""
        seen = world.seen()
        return Progress(
            requests=seen.requests,
            uploads=seen.uploads,
            sent=seen.rows,
            last_at=seen.last_stored_at,
            breaches=seen.breaches,
        )

    def difference(self, world: StandIns) -> tuple[int, int, int]:
        """Rows missing, rows too many, rows wanted."""
        found = {name: _members(world, name) for name in self.feed.members}
        return difference(found, self.feed.members)


@dataclass(frozen=True, slots=True)
class ConversionsGoal:
    """Every order counted once by the Conversions API."""

    records: Sequence[Record] = field(repr=False)

    @property
    def warm_up(self) -> Sequence[Record]:
        return self.records[:WARM_UP_EVENTS]

    @property
    def rest(self) -> Sequence[Record]:
        return self.records[WARM_UP_EVENTS:]

    @property
    def changes(self) -> int:
        return len(self.rest)

    @property
    def asked(self) -> int:
        return len(self.rest)

    def is_warm(self, world: StandIns) -> bool:
        """Whether the warm-up's orders are counted."""
        return bool(_conversions(world)["distinct"] == WARM_UP_EVENTS)

    def progress(self, world: StandIns) -> Progress:
        """What was posted until now."""
        told = _conversions(world)
        return Progress(
            requests=told["requests"],
            uploads=0,
            sent=told["distinct"] + told["repeated"],
            last_at=None,
            breaches=tuple(sorted(told["breaches"])),
        )

    def difference(self, world: StandIns) -> tuple[int, int, int]:
        """Orders not counted; never one too many, since an id counts once; orders."""
        return len(self.records) - _conversions(world)["distinct"], 0, len(self.records)


def orders(calls: int) -> ConversionsGoal:
    """Segment's events of so many orders after the warm-up, as JSON."""
    return ConversionsGoal([Record(key, value) for key, value in _visits(calls)])


def orders_mapped_beforehand(calls: int) -> ConversionsGoal:
    """The same orders as conversions, for whoever can only pass on what is there."""
    return ConversionsGoal(
        [Record(key, as_json(_conversion(orjson.loads(value)))) for key, value in _visits(calls)]
    )


def add_fault(world: StandIns, fault: Mapping[str, object]) -> None:
    """Switch a fault on, by the names of `Fault`."""
    _asked(world, "faults", json.dumps(fault).encode())


def _visits(calls: int) -> list[tuple[bytes, bytes]]:
    now = datetime.fromtimestamp(time.time(), UTC)
    numbers = range(calls + WARM_UP_EVENTS)
    return list(visit_values(DirectCallSink.CONVERSIONS, numbers, now=now))


def _conversion(order: Mapping[str, Any]) -> dict[str, Any]:
    """An event of the Conversions API as LiveIntent's guide has it; the number of the order makes its id."""
    number = int(order["messageId"].removeprefix("message-"))
    context, bought = order["context"], order["properties"]
    return {
        "eventId": f"00000000-0000-4000-8000-{number:012d}",
        "pixelId": _PIXEL_ID,
        "eventTime": int(datetime.fromisoformat(order["timestamp"]).timestamp()),
        "source": "web",
        "userData": {
            "sha2": bought["email"],
            "ip": context["ip"],
            "ua": context["userAgent"],
        },
        "purchaseData": {"currency": bought["currency"], "value": bought["revenue"]},
    }


def _conversions(world: StandIns) -> dict[str, Any]:
    told: dict[str, Any] = world.direct_calls()["conversions"]
    return told


def _members(world: StandIns, audience: str) -> dict[str, frozenset[str]]:
    told = _asked(world, f"members?audience={urllib.parse.quote(audience)}")
    return {kind: frozenset(rows) for kind, rows in told.items()}


def _asked(world: StandIns, path: str, body: bytes | None = None) -> dict[str, Any]:
    url = f"{world.settings['LIVEINTENT_URL']}/_sandbox/{path}"
    # POST when there is a body.
    request = urllib.request.Request(url, body)
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
        told: dict[str, Any] = json.loads(answer.read())
        return told
